"""How hard we press a registry: one gate that every request to it passes."""

import asyncio
import time
from collections.abc import Awaitable, Callable

LONGEST_WAIT = 24 * 3600.0
"""Seconds. Whoever asks for a longer wait is asked again after a day."""


class Pace:
    """At most `concurrency` requests at once and `per_second` started in a second.

    Enter it around each exchange. After `pause`, nobody starts anything until that time has
    passed: a 429 is meant for the whole client, not for the one request that met it. After `close`
    nobody shall even wait: who enters looks at `closed_for` first. A pace belongs to one event loop
    and may be shared by several clients of one registry.
    """

    def __init__(
        self,
        concurrency: int = 8,
        per_second: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if concurrency < 1:
            raise ValueError("A pace lets at least one request through at a time.")
        if per_second is not None and per_second <= 0:
            raise ValueError("A pace lets more than no requests through in a second.")
        self.concurrency = concurrency
        self.per_second = per_second
        self._slots = asyncio.Semaphore(concurrency)
        self.share(1)
        self._next_start = 0.0
        self._paused_until = self._closed_until = 0.0
        self._clock = clock
        self._sleep = sleep

    def share(self, workers: int) -> None:
        """Take one part of `per_second`, since so many of us ask the same registry."""
        self._interval = workers / self.per_second if self.per_second else 0.0

    def pause(self, seconds: float) -> None:
        """Let nobody start for so many seconds; a shorter pause never shortens a longer one."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def close(self, seconds: float) -> None:
        """Have nothing started for so many seconds, which are more than anybody waits here."""
        self._closed_until = max(self._closed_until, self._clock() + min(seconds, LONGEST_WAIT))

    @property
    def closed_for(self) -> float:
        """Seconds until the registry may be asked again, where it wants a long time without us."""
        return max(0.0, self._closed_until - self._clock()) if self._closed_until else 0.0

    @property
    def paused_for(self) -> float:
        """Seconds until anybody may start again; 0 where nobody asked for a pause."""
        paused = max(0.0, self._paused_until - self._clock()) if self._paused_until else 0.0
        return max(paused, self.closed_for)

    async def __aenter__(self) -> None:
        await self._slots.acquire()
        if not self._interval and not self._paused_until:
            return
        try:
            await self._wait_for_turn()
        except BaseException:
            self._slots.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._slots.release()

    async def _wait_for_turn(self) -> None:
        if self._interval:
            # The turn is taken before the wait, so that those who wait do not all start together.
            turn = max(self._clock(), self._next_start, self._paused_until)
            self._next_start = turn + self._interval
        else:
            turn = 0.0
        while (wait := max(turn, self._paused_until) - self._clock()) > 0:
            await self._sleep(wait)
        if not self._interval:
            self._paused_until = 0.0
