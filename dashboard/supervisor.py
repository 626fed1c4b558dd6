"""Runs the programs of one dashboard beside each other and restarts what dies.

1. Start every program in a process group of its own and show its lines behind its name.
2. Start a dead one again, later each time; give up when one never stays.
3. On SIGINT or SIGTERM stop them in order: SIGTERM, then SIGQUIT, then SIGKILL. A second signal
   goes to the next step at once.
4. When the supervisor itself is killed, the kernel ends the programs with it (on Linux).

What the programs are is written in `programs.py`; the database is the business of `lease.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A program that lived this long was well; its next end starts the count anew.
STAYED_SECONDS = 30.0
GIVES_UP_AFTER = 5
PATIENCE = ((signal.SIGTERM, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
SAME_REQUEST_SECONDS = 1.0
LONGEST_LINE = 65_536

_PR_SET_PDEATHSIG = 1
# Loaded here: between fork and exec it is too late to look for a library.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """One program to keep running. `dies_with_us` is the signal it gets when we are killed."""

    name: str
    command: tuple[str, ...]
    dies_with_us: signal.Signals = signal.SIGTERM


class Supervisor:
    """Keeps the programs running until told to stop. Programs stop in the order given."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        say: Callable[[str], None],
        watch: Callable[[], str | None] | None = None,
    ) -> None:
        """`say` shows a line. `watch` is called about once a second, in a thread: it mends what
        all programs need and returns a line when it did; an exception that it raises ends
        everything, with the exception's text as the reason."""
        self._programs = programs
        self._say = say
        self._watch = watch
        self._width = max(len(program.name) for program in programs)
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._asked_at = 0.0
        self._failure: str | None = None
        self._told_to_stop = {program.name: asyncio.Event() for program in programs}

    async def run(self, *companions: Coroutine[Any, Any, None]) -> str | None:
        """Run until stopped. Return None after a signal, or the reason of having given up.

        `companions` run beside the programs and are cancelled when those stop.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask_to_stop)
        keepers = {
            program.name: asyncio.create_task(self._accompany(self._keep_running(program)))
            for program in self._programs
        }
        beside = [asyncio.create_task(self._accompany(companion)) for companion in companions]
        if self._watch is not None:
            beside.append(asyncio.create_task(self._keep_watch(self._watch)))
        await self._stopping.wait()
        for task in beside:
            task.cancel()
        for name, keeper in keepers.items():
            self._told_to_stop[name].set()
            await keeper
        for outcome in await asyncio.gather(*beside, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
        return self._failure

    async def _accompany(self, companion: Coroutine[Any, Any, None]) -> None:
        try:
            await companion
        except Exception:
            # `run` raises it when everything has stopped.
            self._stopping.set()
            raise

    def _ask_to_stop(self) -> None:
        """A second signal hurries. One Ctrl-C may come twice, from the terminal and a parent."""
        now = time.monotonic()
        if self._stopping.is_set() and now - self._asked_at > SAME_REQUEST_SECONDS:
            self._hurry.set()
        self._asked_at = now
        self._stopping.set()

    def _give_up(self, reason: str) -> None:
        self._failure = self._failure or reason
        self._stopping.set()

    async def _keep_running(self, program: Program) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            status = await self._run_once(program)
            if self._stopping.is_set():
                return
            failures = 1 if time.monotonic() - started > STAYED_SECONDS else failures + 1
            if failures >= GIVES_UP_AFTER:
                self._give_up(f"{program.name} ended {failures} times in a row, last {status}")
                return
            delay = min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY)
            self._show(program.name, f"ended {status}; starting it again in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _run_once(self, program: Program) -> str:
        """Run the program to its end and return how it ended, in words."""
        try:
            process = await self._start(program)
        except OSError as error:
            return f"before it began: {error.strerror}"
        told = self._told_to_stop[program.name]
        if await _first(process.exited, told) is told:
            await self._end(process)
        # Its own children must not outlive it: they would hold its port and our pipe.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.transport.get_pid(), signal.SIGKILL)
        await process.silent.wait()
        process.transport.close()
        status = process.transport.get_returncode() or 0
        return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"

    async def _start(self, program: Program) -> _Process:
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Process(lambda line: self._show(program.name, line)),
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(die_with, os.getpid(), program.dies_with_us),
        )
        return process

    async def _end(self, process: _Process) -> None:
        for number, seconds in PATIENCE:
            with contextlib.suppress(ProcessLookupError):
                process.transport.send_signal(number)
            if await _first(process.exited, self._hurry, seconds=seconds) is process.exited:
                return
            self._hurry.clear()

    async def _keep_watch(self, watch: Callable[[], str | None]) -> None:
        while True:
            try:
                news = await asyncio.to_thread(watch)
            except Exception as error:
                self._give_up(str(error))
                return
            if news is not None:
                self._say(news)
            await asyncio.sleep(1)

    def _show(self, name: str, line: str) -> None:
        try:
            self._say(f"{name:<{self._width}} | {line}")
        except BrokenPipeError:
            # Nobody reads us any more, as after `make run | head`.
            self._stopping.set()


async def _first(*events: asyncio.Event, seconds: float | None = None) -> asyncio.Event | None:
    """Return the first of the events that is set, in the order given; None when time is up."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return next((event for event in events if event.is_set()), None)


class _Process(asyncio.SubprocessProtocol):
    """A running program: its lines as they come, its end, and the end of its output.

    The last two differ: a child that outlives the program keeps the output open, and
    `asyncio.subprocess.Process.wait` would wait for that child too.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self.exited = asyncio.Event()
        self.silent = asyncio.Event()
        self._show = show
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self.transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Show whole lines; a very long one in pieces."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._show(line.decode(errors="replace"))

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, error: Exception | None) -> None:
        if self._rest:
            self._show(self._rest.decode(errors="replace"))
        self.silent.set()


def die_with(parent: int, number: signal.Signals) -> None:
    """Ask the kernel for a signal at the parent's death; runs just before the program does."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
