"""One HTTP exchange with a registry: bounded, retried, redirected with care, counted.

What a status means for the operation, and who we are, is left to `client` and `auth`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from registry_browser.oci.addresses import GuardedResolver, is_forbidden, is_public
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import (
    RateLimited,
    RegistryError,
    ServerFault,
    TooLarge,
    UnexpectedAnswer,
    Unreachable,
)
from registry_browser.oci.failures import unreachable
from registry_browser.oci.pace import Pace

__all__ = ["Answer", "Endpoint", "Pace", "Retries", "Stats", "Timeouts", "Transport"]

MAX_REDIRECTS = 5
MAX_ERROR_BODY = 64 * 1024
USER_AGENT = "registry-browser/0.1"

_REPEATABLE = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WORTH_RETRYING = frozenset({408, 429, 500, 502, 503, 504})
_BASE_HEADERS = {
    "User-Agent": USER_AGENT,
    # A manifest's digest is that of its bytes as stored; a front end must not re-encode them.
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, of silence while reading, and for one exchange as a whole."""

    connect: float = 10.0
    silence: float = 30.0
    total: float = 300.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is tried in all, and how many seconds are waited in between.

    A registry that asks for a longer wait than `longest_wait` gets it: from the caller, who is
    told at once by RateLimited or ServerFault instead of being kept waiting. After a RateLimited of
    that kind nothing is sent until the time is over.
    """

    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 60.0


@dataclass(slots=True)
class Stats:
    """What this client has cost so far."""

    requests: int = 0
    bytes_received: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: any status, all of its (bounded) body."""

    method: str
    url: str
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; "" if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Transport:
    """An aiohttp session bound to one endpoint. Use it as an async context manager."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        pace: Pace | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        resolver: GuardedResolver | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.endpoint = endpoint
        self.stats = Stats()
        self.pace = pace or Pace()
        self.timeouts = timeouts or Timeouts()
        self.retries = retries or Retries()
        self._resolver = resolver
        self._sleep = sleep
        self._now = now
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._resolver = self._resolver or GuardedResolver()
        connector = aiohttp.TCPConnector(
            limit=0,  # the pace is the limit; a second queue would only hide the waiting
            ssl=self.endpoint.tls,
            resolver=self._resolver,
            ttl_dns_cache=60,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_BASE_HEADERS,
            timeout=aiohttp.ClientTimeout(
                total=self.timeouts.total,
                sock_connect=self.timeouts.connect,
                sock_read=self.timeouts.silence,
            ),
            auto_decompress=True,
            max_line_size=16 * 1024,
            max_field_size=16 * 1024,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def require_public(self, hostname: str) -> None:
        """From now on, connect to this name only if it resolves to public addresses."""
        if self._resolver is not None:
            self._resolver.public_only.add(hostname)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        limit: int,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request to an absolute URL and return the answer, whatever its status.

        At most `limit` bytes of body are read (TooLarge). GET and HEAD are tried again after
        faults that pass; other methods only after 429, when nothing has been done yet. Raises
        Unreachable, RateLimited, ServerFault, TooLarge and UnexpectedAnswer.
        """
        repeatable = method in _REPEATABLE
        for attempt in range(1, self.retries.attempts + 1):
            wait: float | None = None
            try:
                answer = await self._follow(method, url, headers or {}, limit, body)
                if answer.status not in _WORTH_RETRYING and answer.status < 500:
                    return answer
                wait = retry_after(answer.headers.get("Retry-After"), self._now())
                error = self._fault(answer, wait)
                if answer.status == 429 and wait is not None and wait > self.retries.longest_wait:
                    self.pace.close(wait)
                elif answer.status == 429:
                    self.pace.pause(self._wait(attempt, wait))
            except Unreachable as unreached:
                error = unreached
            again = error.temporary and (repeatable or isinstance(error, RateLimited))
            too_long = wait is not None and wait > self.retries.longest_wait
            if not again or too_long or attempt == self.retries.attempts:
                raise error
            self.stats.retries += 1
            await self._sleep(self._wait(attempt, wait))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait(self, attempt: int, asked: float | None) -> float:
        if asked is not None:
            # A little more than asked, and not the same for everyone who was asked.
            return asked + random.uniform(0, 0.25)
        longest = min(self.retries.first_wait * 2 ** (attempt - 1), self.retries.longest_wait)
        return random.uniform(longest / 2, longest)

    def _fault(self, answer: Answer, wait: float | None) -> RegistryError:
        where: dict[str, Any] = {
            "host": self.endpoint.host,
            "method": answer.method,
            "path": URL(answer.url, encoded=True).raw_path,
            "status": answer.status,
            "detail": answer.body[:1000].decode("utf-8", "replace"),
        }
        host = URL(answer.url, encoded=True).host
        if answer.status == 429:
            asked = f" and asks to wait {wait:.0f} s" if wait else ""
            return RateLimited(
                f"{host} says that we ask too often{asked}.", retry_after=wait, **where
            )
        if answer.status == 408:
            return Unreachable(f"{host} gave up waiting for our request.", kind="timeout", **where)
        return ServerFault(f"{host} answered with an error of its own ({answer.status}).", **where)

    async def _follow(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, body: bytes | None
    ) -> Answer:
        """Send, and follow redirects by hand: each hop is checked, credentials stay at home."""
        seen = {url}
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._exchange(method, url, headers, limit, body)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            if body is not None or method not in ("GET", "HEAD"):
                raise self._refusal(answer, "redirects a request that changes something")
            target, headers = self._next_hop(answer, location, headers)
            if target in seen:
                raise self._refusal(answer, "redirects in a circle")
            seen.add(target)
            url = target
        raise self._refusal(answer, f"redirects more than {MAX_REDIRECTS} times")

    def _next_hop(
        self, answer: Answer, location: str, headers: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        before = URL(answer.url, encoded=True)
        try:
            after = URL(urljoin(answer.url, location), encoded=True)
            hostname, port = after.host, after.port
        except ValueError:
            raise self._refusal(answer, "redirects to something that is no address") from None
        if after.scheme not in ("http", "https") or not hostname or port is None:
            raise self._refusal(answer, "redirects to something that is no web address")
        if is_forbidden(hostname):
            raise self._refusal(answer, "redirects to a link-local or metadata address")
        self._stay_outside(answer, hostname)
        if before.scheme == "https" and after.scheme == "http":
            raise self._refusal(answer, "redirects from https to plain http")
        if (before.host, before.port, before.scheme) != (hostname, port, after.scheme):
            # Storage behind a redirect carries its own signature in the URL; our credentials
            # would be a leak there, and S3 and Azure refuse a request that brings both.
            headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
        return str(after.with_fragment(None)), headers

    def _stay_outside(self, answer: Answer, hostname: str) -> None:
        """What a public registry redirects to must be public: it knows nothing of our network, and
        what it names there would end in the record. A private one keeps its storage beside it.
        """
        if hostname in self.endpoint.trusted_hosts or self._resolver is None:
            return
        if self._resolver.is_private(self.endpoint.hostname):
            return
        if not is_public(hostname):
            raise self._refusal(answer, "redirects to a private address")
        self.require_public(hostname)

    def _refusal(self, answer: Answer, what: str) -> UnexpectedAnswer:
        url = URL(answer.url, encoded=True)
        return UnexpectedAnswer(
            f"{url.host} {what}; this is not followed.",
            host=self.endpoint.host,
            method=answer.method,
            path=url.raw_path,
            status=answer.status,
        )

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], limit: int, body: bytes | None
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("A transport is used inside its “async with” block.")
        async with self.pace:
            self._check_pace(method, url)
            self.stats.requests += 1
            try:
                async with self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    middlewares=None if method in _REPEATABLE else (_send_once,),
                ) as response:
                    received = await self._read(method, response, limit)
            except _Broken as broken:
                raise unreachable(broken.cause, url, method) from broken
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise unreachable(error, url, method) from error
        self.stats.bytes_received += len(received)
        return Answer(method, url, response.status, _as_text(response.headers), received)

    def _check_pace(self, method: str, url: str) -> None:
        if left := self.pace.closed_for:
            target = URL(url, encoded=True)
            raise RateLimited(
                f"{self.endpoint.host} asked us to wait, and is asked again in {left:.0f} s.",
                retry_after=left,
                host=self.endpoint.host,
                method=method,
                path=target.raw_path,
            )

    async def _read(self, method: str, response: aiohttp.ClientResponse, limit: int) -> bytes:
        if method == "HEAD":
            return b""
        failed = response.status >= 300
        if failed:
            limit = MAX_ERROR_BODY
        chunks: list[bytes] = []
        size = 0
        try:
            if response.content_length is not None and response.content_length > limit:
                raise aiohttp.ClientPayloadError("longer than its bound")
            async for chunk in response.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise aiohttp.ClientPayloadError("longer than its bound")
                chunks.append(chunk)
        except aiohttp.ClientPayloadError as error:
            if failed:
                # An error's text is a courtesy: distribution 2.8.2 announces more bytes than it
                # sends with a 416, and proxies answer with whole web pages.
                return b"".join(chunks)
            if size > limit or (response.content_length or 0) > limit:
                raise TooLarge(
                    f"{response.url.host} sent more than the {limit:,} bytes that we read.",
                    host=self.endpoint.host,
                    method=method,
                    path=response.url.raw_path,
                    status=response.status,
                ) from None
            raise error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _as_text(headers: CIMultiDictProxy[str]) -> CIMultiDictProxy[str]:
    """Headers without the lone surrogates that aiohttp makes of bytes that are no UTF-8: neither a
    database nor a log takes those.
    """
    if all(value.isascii() for value in headers.values()):
        return headers
    readable = CIMultiDict[str]()
    for name, value in headers.items():
        readable.add(name, value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    return CIMultiDictProxy(readable)


class _Broken(Exception):
    """A connection broke under a request that must not be sent twice."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending PUT and DELETE again by itself when a connection breaks.

    A DELETE that is sent twice answers 404 to the second, which would turn "we do not know" into
    "it was not there". aiohttp repeats after two kinds of exception; this hides both from it.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Broken(error) from error


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date; None if there is no sense in it."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, OverflowError):
        return None
