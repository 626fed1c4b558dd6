"""The way of every request to one registry: authorization, one answer to a 401, lists in pages.

`client` asks the protocol's questions over it, `push` writes over it.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

import msgspec

from registry_browser.oci.answers import raise_for
from registry_browser.oci.auth import Authenticator, Credentials
from registry_browser.oci.dialects import GENERIC, Dialect
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import AccessDenied, UnexpectedAnswer, Unsupported
from registry_browser.oci.manifest import MAX_BODY
from registry_browser.oci.pace import Pace
from registry_browser.oci.paging import MAX_PAGES, PageGuard
from registry_browser.oci.transport import Answer, Retries, Stats, Timeouts, Transport

MAX_LISTING_PAGE = 32 * 1024 * 1024
"""Bytes. distribution 2.8 sends all tags of a repository as one page."""

JSON_HEADERS = {"Accept": "application/json"}
BLOB_HEADERS = {"Accept": "*/*"}


class Connection:
    """A transport, and who we are on it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        credentials: Credentials | None = None,
        dialect: Dialect = GENERIC,
        pace: Pace | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        max_pages: int = MAX_PAGES,
    ) -> None:
        self.endpoint = endpoint
        self.dialect = dialect
        self._transport = transport or Transport(
            endpoint, pace=pace, timeouts=timeouts, retries=retries
        )
        self._auth = Authenticator(self._transport, credentials, clock=clock)
        self.has_credentials = credentials is not None
        self._base = f"{endpoint.url}/v2/"
        self._max_pages = max_pages

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    @property
    def stats(self) -> Stats:
        """Requests, bytes and retries so far, those for tokens included."""
        return self._transport.stats

    @property
    def paused_for(self) -> float:
        """Seconds until the registry may be asked again, because it said so."""
        return self._transport.pace.paused_for

    @property
    def closed_for(self) -> float:
        """The same where it is longer than any request waits: until then all are RateLimited."""
        return self._transport.pace.closed_for

    def keep_closed(self, seconds: float) -> None:
        """Send nothing for so many seconds, as the registry told somebody before us."""
        self._transport.pace.close(seconds)

    def share_pace(self, workers: int) -> None:
        """Ask only as often as leaves room for so many who ask the same registry, ourselves
        included.
        """
        self._transport.pace.share(workers)

    async def call(
        self,
        method: str,
        target: str,
        scopes: tuple[str, ...],
        *,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_BODY,
        body: bytes | None = None,
        url: str | None = None,
    ) -> Answer:
        """Send one request below "/v2/" with the authorization that its scopes need.

        `url` overrides where it goes (an upload's Location, a next page), always on our own host.
        The answer may have any status that `Transport.send` lets through; 401 is AccessDenied.
        """
        return await self._call(
            method, target, scopes, headers or BLOB_HEADERS, limit=limit, body=body, url=url
        )

    async def call_without_sign_in(self, target: str) -> Answer:
        """GET something below "/v2/" as nobody, whatever credentials there are."""
        return await self._transport.send(
            "GET", f"{self._base}{target}", BLOB_HEADERS, limit=MAX_BODY
        )

    async def _call(
        self,
        method: str,
        target: str,
        scopes: tuple[str, ...],
        headers: Mapping[str, str],
        *,
        limit: int,
        body: bytes | None = None,
        url: str | None = None,
    ) -> Answer:
        url = url or f"{self._base}{target}"
        if not self._is_ours(url):
            raise ValueError("A request with credentials goes to the registry's own host only.")
        sent = await self._auth.authorization(scopes)
        with_auth = {**headers, "Authorization": sent} if sent else headers
        answer = await self._transport.send(method, url, with_auth, limit=limit, body=body)
        if answer.status != 401:
            return answer
        return await self._retry_with_authorization(
            answer, url, method, headers, scopes, sent=sent, limit=limit, body=body
        )

    async def _retry_with_authorization(
        self,
        refusal: Answer,
        url: str,
        method: str,
        headers: Mapping[str, str],
        scopes: tuple[str, ...],
        *,
        sent: str | None = None,
        limit: int = MAX_BODY,
        body: bytes | None = None,
    ) -> Answer:
        self._check_refusal_is_ours(refusal)
        fresh = await self._auth.answer(refusal, scopes, sent)
        answer = await self._transport.send(
            method,
            url,
            {**headers, "Authorization": fresh} if fresh else headers,
            limit=limit,
            body=body,
        )
        if answer.status == 401:
            self._check_refusal_is_ours(answer)
            if fresh and fresh.startswith("Basic "):
                raise AccessDenied(
                    f"{self.endpoint.host} does not accept this user name and password.",
                    host=self.endpoint.host,
                    method=method,
                    status=401,
                )
            self._raise(answer, "")
        return answer

    def _check_refusal_is_ours(self, refusal: Answer) -> None:
        """The storage behind a redirect may refuse us; its challenge is not the registry's."""
        if not self._is_ours(refusal.url):
            raise AccessDenied(
                f"{self.endpoint.host} sent us to a storage that refuses us.",
                host=self.endpoint.host,
                method=refusal.method,
                status=refusal.status,
            )

    def _is_ours(self, url: str) -> bool:
        return url.startswith(f"{self.endpoint.origin}/")

    async def _pages(
        self, target: str, key: str, size: int | None, scopes: tuple[str, ...]
    ) -> AsyncGenerator[tuple[list[str], Callable[[bool], None]], None]:
        """Yield the names on each page, and a function to be told whether any of them was new."""
        guard = PageGuard(self.endpoint, key, max_pages=self._max_pages)
        url: str | None = f"{self._base}{target}" + (f"?n={size}" if size else "")
        first = True
        while url:
            here = url
            answer = await self._call(
                "GET", target, scopes, JSON_HEADERS, limit=MAX_LISTING_PAGE, url=here
            )
            if first and size and answer.status in (400, 405):
                # The registry's own maximum is lower (PAGINATION_NUMBER_INVALID, or ECR's 405).
                here = f"{self._base}{target}"
                answer = await self._call(
                    "GET", target, scopes, JSON_HEADERS, limit=MAX_LISTING_PAGE, url=here
                )
            first = False
            if answer.status == 404 and target == "_catalog":
                raise Unsupported(
                    f"{self.endpoint.host} has no catalog of its repositories.",
                    host=self.endpoint.host,
                    method="GET",
                    path="/v2/_catalog",
                    status=404,
                )
            if answer.status != 200:
                self._raise(answer, target)
            names = self._names(answer, key, target)
            news: list[bool] = []
            yield names, news.append
            links = answer.headers.getall("Link", [])
            url = guard.advance(links, here, brought_news=bool(news and news[0]))

    def _names(self, answer: Answer, key: str, target: str) -> list[str]:
        document = self._document(answer, target)
        names = document.get(key)
        # Emptied repositories have "tags": null (distribution 2.8), or no such key (ACR); without
        # the key, at least the name must be there for this to be a list of tags at all.
        if names is None and (key in document or (key == "tags" and "name" in document)):
            return []
        if not isinstance(names, list):
            raise self._unlike_a(answer, f"list of {key}", target)
        # Nexus 3.58 puts null into the list.
        return [name for name in names if isinstance(name, str) and name]

    def _document(self, answer: Answer, target: str) -> dict[str, Any]:
        try:
            document = msgspec.json.decode(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._unlike_a(answer, "JSON object", target)
        return document

    def _raise(self, answer: Answer, target: str) -> NoReturn:
        raise_for(answer, self.endpoint.host, f"/v2/{target}")

    def _unlike_a(self, answer: Answer, what: str, target: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{self.endpoint.host} answered with something that is no {what}.",
            host=self.endpoint.host,
            method=answer.method,
            path=f"/v2/{target}",
            status=answer.status,
            detail=answer.body[:300].decode("utf-8", "replace"),
        )
