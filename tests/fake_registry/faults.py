"""What goes wrong: a list of rules that can change while the server runs.

A rule says which requests (method, pattern over path and query, which of the matching ones) and
what happens to them. Counting is exact and nothing is random, so a test reads what it gets::

    fake.faults.on("GET", "/manifests/", answer(503), times=2)
    fake.faults.on("GET", "/v2/_catalog", hold := Hold())  # … later: hold.release()
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from tests.fake_registry.answers import send_with_length

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Effect:
    """One thing that goes wrong with a request. The plain effect changes nothing."""

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        """Answer instead of the registry, or return None to let it answer."""
        return None

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        """Change what the registry answered."""
        return response

    def release(self) -> None:
        """Let go of every request that is being held, for the end of the server."""


class Answer(Effect):
    """Answer with this status, body and headers; the registry is not asked."""

    def __init__(
        self, status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = dict(headers or {})

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=self.status, body=self.body, headers=self.headers)


class Hold(Effect):
    """Keep the request waiting until ``release()``; then the registry answers as usual.

    ``arrived`` is set when the first request is waiting; a test waits for that, not for time.
    """

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self._lock = threading.Lock()
        self._released = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        event = asyncio.Event()
        with self._lock:
            if self._released:
                return None
            self._waiting.append((asyncio.get_running_loop(), event))
        self.arrived.set()
        await event.wait()
        return None

    def release(self) -> None:
        """Let every waiting request, and every later one, pass. From any thread."""
        with self._lock:
            self._released = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)


class Hang(Hold):
    """Never answer: silence until the client gives up or the server ends."""


class CutOff(Effect):
    """Announce the whole body, send the first ``after`` bytes of it, close the connection."""

    def __init__(self, after: int = 10) -> None:
        self._after = after

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        body = _body(response)
        return await send_with_length(request, response, len(body), body[: self._after])


class Disconnect(Effect):
    """Close the connection without a single byte."""

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()


class WrongLength(Effect):
    """Announce ``by`` bytes more (or fewer, if negative) than the body has."""

    def __init__(self, by: int) -> None:
        self._by = by

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        body = _body(response)
        length = max(0, len(body) + self._by)
        return await send_with_length(request, response, length, body[:length])


class Headers(Effect):
    """Set headers of the registry's answer; a value of None removes the header."""

    def __init__(self, headers: Mapping[str, str | None]) -> None:
        self._headers = dict(headers)

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        for name, value in self._headers.items():
            response.headers.popall(name, None)
            if value is not None:
                response.headers[name] = value
        return response


class Body(Effect):
    """Replace the body by bytes, or by what a function makes of the true one.

    Status and headers stay, ``Docker-Content-Digest`` included: the registry lies.
    """

    def __init__(self, body: bytes | Callable[[bytes], bytes]) -> None:
        self._body = body

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        body = self._body(_body(response)) if callable(self._body) else self._body
        changed = web.Response(status=response.status, body=body, headers=response.headers)
        changed.headers.pop("Content-Length", None)
        return changed


class RedirectInACircle(Effect):
    """Redirect to the same address, again and again."""

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=307, headers={"Location": request.path_qs})


def answer(
    status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """Answer with this status. Without a body, errors are empty, as from many a proxy."""
    return Answer(status, body, headers)


def too_many_requests(
    retry_after: str | None = "1", body: str = "", content_type: str = "text/plain"
) -> Answer:
    """429. ``retry_after`` is sent as it is (seconds, a date, nonsense); None leaves it out."""
    headers = {"Content-Type": content_type}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return Answer(429, body or "Ref A: 0F Ref B: 1E Ref C: 2026-01-01T00:00:00Z", headers)


def empty_catalog() -> Answer:
    """A catalog without repositories, as from a registry whose storage is not mounted."""
    return Answer(200, '{"repositories":[]}\n', {"Content-Type": "application/json"})


def wrong_digest_header(digest: str = "sha256:" + "0" * 64) -> Headers:
    """Announce another digest than the body has; None as digest would remove the header."""
    return Headers({"Docker-Content-Digest": digest})


def gzip_junk() -> Answer:
    """Announce gzip and send bytes that are none."""
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return Answer(200, b"\x1f\x8b\x08\x00 this is no gzip stream", headers)


def html_page(status: int = 502) -> Answer:
    """The error page of a proxy in front of the registry."""
    page = "<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
    return Answer(status, page, {"Content-Type": "text/html"})


def redirect_to(url: str, status: int = 307) -> Answer:
    """Redirect anywhere."""
    return Answer(status, b"", {"Location": url})


def redirect_to_link_local() -> Answer:
    """Redirect to the address where clouds serve credentials to their machines."""
    return redirect_to("http://169.254.169.254/latest/meta-data/")


@dataclass(slots=True)
class Rule:
    """Which requests an effect strikes. ``seen`` counts matching requests, ``hits`` struck ones."""

    method: str | None
    pattern: re.Pattern[str]
    effect: Effect
    skip: int
    times: int | None
    every: int
    seen: int = 0
    hits: int = 0

    def strikes(self, method: str, target: str) -> bool:
        """Count this request if it matches, and tell whether the effect applies to it."""
        if self.method not in (None, method) or not self.pattern.search(target):
            return False
        self.seen += 1
        past = self.seen - self.skip
        if past < 1 or past % self.every or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


class Faults:
    """The rules in force. May be changed from any thread; the next request obeys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def on(
        self,
        method: str | None,
        pattern: str,
        effect: Effect,
        *,
        skip: int = 0,
        times: int | None = None,
        every: int = 1,
    ) -> Rule:
        """Add a rule and return it.

        ``method`` None means any. ``pattern`` is a regex searched in path and query. Of the
        matching requests the first ``skip`` pass, then each ``every``-th is struck, at most
        ``times`` of them (None: for ever). Several rules may strike one request, in their order.
        """
        rule = Rule(method, re.compile(pattern), effect, skip, times, every)
        with self._lock:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Take a rule back and release what it holds."""
        with self._lock:
            self._rules = [other for other in self._rules if other is not rule]
        rule.effect.release()

    def clear(self) -> None:
        """Take all rules back and release what they hold."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.effect.release()

    def striking(self, method: str, target: str) -> list[Effect]:
        """Count a request against all rules and return the effects that apply, in order."""
        with self._lock:
            return [rule.effect for rule in self._rules if rule.strikes(method, target)]

    async def apply(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let ``handler`` answer ``request``, with whatever goes wrong on the way."""
        effects = self.striking(request.method, request.path_qs)
        for effect in effects:
            response = await effect.before(request)
            if response is not None:
                return response
        response = await handler(request)
        for effect in effects:
            if isinstance(response, web.Response):
                response = await effect.after(request, response)
        return response


def _body(response: web.Response) -> bytes:
    body = response.body
    return bytes(body) if isinstance(body, bytes | bytearray) else b""
