"""Lists in pages: reading `Link`, and knowing when a list has no honest end.

Registries spell `Link` in many ways (fact sheet section 1.6): relative or absolute, with http
where we use https, with the path prefix lost, without `rel`. Whatever it says, we stay on our own
scheme and host, and its query is passed on as it is: cursors are opaque.
"""

import re
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import ListingIncomplete

MAX_PAGES = 10_000

_LINK = re.compile(
    r"<(?P<target>[^<>]*)>(?P<parameters>(?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)"
)
_REL = re.compile(r";\s*rel\s*=\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s;,\"]+))", re.I)


def next_target(links: Sequence[str]) -> str | None:
    """Return the target of the "next" link among Link headers, None if there is none.

    A lone link without `rel` counts as "next": that is how Nexus and others send it.
    """
    unnamed: list[str] = []
    for match in _LINK.finditer(", ".join(links)):
        rel = _REL.search(match["parameters"])
        if rel is None:
            unnamed.append(match["target"])
        elif "next" in (rel["quoted"] or rel["bare"] or "").lower().split():
            return match["target"].strip() or None
    return (unnamed[0].strip() or None) if len(unnamed) == 1 else None


def next_url(links: Sequence[str], current: str, endpoint: Endpoint) -> str | None:
    """Return the absolute URL of the page after `current`, always on our own scheme and host.

    A path outside of our own "<prefix>/v2/" was garbled by a proxy; then only its query is taken.
    """
    target = next_target(links)
    if target is None:
        return None
    try:
        there, here = urlsplit(urljoin(current, target)), urlsplit(current)
    except ValueError:
        raise ListingIncomplete(
            f"{endpoint.host} names a next page that is no address.", host=endpoint.host
        ) from None
    path = there.path if there.path.startswith(f"{endpoint.prefix}/v2/") else here.path
    query = f"?{there.query}" if there.query else ""
    return f"{endpoint.origin}{path}{query}"


class PageGuard:
    """Watches one listing from page to page and ends it when it goes nowhere."""

    def __init__(self, endpoint: Endpoint, what: str, *, max_pages: int = MAX_PAGES) -> None:
        self._endpoint = endpoint
        self._what = what
        self._max_pages = max_pages
        self._seen: set[str] = set()

    def advance(self, links: Sequence[str], current: str, *, brought_news: bool) -> str | None:
        """Return the URL of the next page, None at the end; ListingIncomplete if it never ends."""
        self._seen.add(current)
        following = next_url(links, current, self._endpoint)
        if following is None:
            return None
        if following in self._seen:
            raise self._incomplete("leads back to a page that was already read")
        if not brought_news:
            raise self._incomplete("brought a page with nothing new and promises more")
        if len(self._seen) >= self._max_pages:
            raise self._incomplete(f"has more than {self._max_pages:,} pages")
        return following

    def _incomplete(self, what: str) -> ListingIncomplete:
        return ListingIncomplete(
            f"The list of {self._what} of {self._endpoint.host} {what}.", host=self._endpoint.host
        )
