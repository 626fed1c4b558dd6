"""The fake registry as a running server, for tests and scripts that are not asynchronous."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from tests.fake_registry.app import Evolve, make_app
from tests.fake_registry.habits import Habits
from tests.fake_registry.state import RequestSeen, State

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from tests.fake_registry.faults import Faults
    from tests.fake_registry.store import Store


class FakeRegistry:
    """A registry on 127.0.0.1, served by a thread and an event loop of its own.

    Use it as a context manager::

        with FakeRegistry() as fake:
            push(fake, "team/web:1.0")
            ...  # speak to fake.url
            assert fake.count("HEAD", "/manifests/") == 1

    ``habits`` and ``faults`` may be changed at any moment. ``port`` 0 picks a free one. ``tls``
    serves https with that context. ``evolve`` opens the control address (see ``app.make_app``).
    """

    def __init__(
        self,
        habits: Habits | None = None,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        evolve: Evolve | None = None,
    ) -> None:
        self._state = State(habits=habits or Habits())
        self._wanted_port = port
        self._tls = tls
        self._evolve = evolve
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="fake-registry", daemon=True)

    # Running

    def start(self) -> Self:
        """Begin to serve; return when connections are accepted. Raises OSError for a taken port."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Let go of held requests, close every connection and end the thread."""
        self.faults.clear()
        stopping = self._stopping
        if stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(stopping.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def reset(self, habits: Habits | None = None) -> None:
        """Forget content, faults, tokens and log, and take these habits (or the defaults)."""
        self._state.faults.clear()
        self._state.store.clear()
        self._state.tokens.clear()
        self._state.refresh_tokens.clear()
        self._state.log.clear()
        self._state.habits = habits or Habits()

    # What tests look at and change

    @property
    def host(self) -> str:
        """``127.0.0.1:port``, as it stands in image references."""
        return f"127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """The port that is being served."""
        return self._port

    @property
    def url(self) -> str:
        """Where clients connect: scheme, host and the path prefix of the habits, if any."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{self.host}{self.habits.prefix}"

    @property
    def annex_url(self) -> str:
        """The other port: token endpoint (``/token``) and blob storage, where habits use them."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._state.annex_port}"

    @property
    def store(self) -> Store:
        """The content."""
        return self._state.store

    @property
    def habits(self) -> Habits:
        """The knobs; set any field."""
        return self._state.habits

    @habits.setter
    def habits(self, habits: Habits) -> None:
        self._state.habits = habits

    @property
    def faults(self) -> Faults:
        """The rules of what goes wrong."""
        return self._state.faults

    @property
    def requests(self) -> tuple[RequestSeen, ...]:
        """Every request so far, in the order of arrival, both ports included."""
        return tuple(self._state.log.matching())

    def seen(self, method: str | None = None, target: str = "") -> list[RequestSeen]:
        """Return the requests with this method (None: any) whose path and query hold this regex."""
        return self._state.log.matching(method, target)

    def count(self, method: str | None = None, target: str = "") -> int:
        """Return how many requests ``seen`` would return."""
        return len(self.seen(method, target))

    def forget_requests(self) -> None:
        """Start counting anew."""
        self._state.log.clear()

    def expire_tokens(self) -> None:
        """Make every bearer token handed out so far invalid, as if its time had passed."""
        self._state.tokens.clear()

    # The thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as failure:
            self._failure = failure
        finally:
            self._loop.close()
            self._ready.set()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        registry = await self._site(make_app(self._state, evolve=self._evolve), self._wanted_port)
        annex = await self._site(make_app(self._state, "annex"), 0)
        self._port = _port_of(registry)
        self._state.annex_port = _port_of(annex)
        self._ready.set()
        try:
            await self._stopping.wait()
        finally:
            await registry.cleanup()
            await annex.cleanup()

    async def _site(self, app: web.Application, port: int) -> web.AppRunner:
        options: dict[str, Any] = {"access_log": None, "handler_cancellation": True}
        runner = web.AppRunner(app, shutdown_timeout=0.1, **options)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=self._tls).start()
        except OSError:
            await runner.cleanup()
            raise
        return runner


def _port_of(runner: web.AppRunner) -> int:
    return int(runner.addresses[0][1])
