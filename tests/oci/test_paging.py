from __future__ import annotations

import pytest

from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import ListingIncomplete
from registry_browser.oci.paging import PageGuard, next_target, next_url

REGISTRY = Endpoint("https://r.example:5000")
PREFIXED = Endpoint("https://r.example/artifactory/api/docker/team")
HERE = "https://r.example:5000/v2/_catalog?n=2"


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ([], None),
        (['</v2/_catalog?last=b&n=2>; rel="next"'], "/v2/_catalog?last=b&n=2"),
        (["</a>; rel=next"], "/a"),
        (["</a>; REL=NEXT"], "/a"),
        (["</a>"], "/a"),
        (['</p>; rel="prev", </n>; rel="next", </l>; rel="last"'], "/n"),
        (['</p>; rel="prev"', '</n>; rel="next"'], "/n"),
        (['</n?a=1,2;3>; title="x, y"; rel="start next"'], "/n?a=1,2;3"),
        (['</p>; rel="prev"'], None),
        (["</a>, </b>"], None),
        (["nonsense"], None),
        (['<>; rel="next"'], None),
    ],
)
def test_the_next_link_is_found_in_every_spelling(headers: list[str], target: str | None) -> None:
    assert next_target(headers) == target


@pytest.mark.parametrize(
    ("endpoint", "here", "target", "expected"),
    [
        (REGISTRY, HERE, "/v2/_catalog?last=b%2Fc", "/v2/_catalog?last=b%2Fc"),
        (REGISTRY, HERE, "?last=b", "/v2/_catalog?last=b"),
        (REGISTRY, HERE, "_catalog?last=b", "/v2/_catalog?last=b"),
        (REGISTRY, HERE, "http://r.example:5000/v2/_catalog?x", "/v2/_catalog?x"),
        (REGISTRY, HERE, "https://evil.example/v2/_catalog?x", "/v2/_catalog?x"),
        (REGISTRY, HERE, "/repository/x/v2/_catalog?x", "/v2/_catalog?x"),
        (
            PREFIXED,
            "https://r.example/artifactory/api/docker/team/v2/a/tags/list",
            "/v2/a/tags/list?last=x",
            "/artifactory/api/docker/team/v2/a/tags/list?last=x",
        ),
    ],
)
def test_the_next_page_is_on_our_own_host_and_prefix(
    endpoint: Endpoint, here: str, target: str, expected: str
) -> None:
    assert next_url([f'<{target}>; rel="next"'], here, endpoint) == endpoint.origin + expected


def test_the_last_page_ends_the_listing() -> None:
    assert PageGuard(REGISTRY, "tags").advance([], HERE, brought_news=False) is None


def test_a_repeated_page_ends_the_listing_as_incomplete() -> None:
    guard = PageGuard(REGISTRY, "tags")
    second = guard.advance(["</v2/_catalog?last=b>"], HERE, brought_news=True)

    assert second is not None
    with pytest.raises(ListingIncomplete, match="already read"):
        guard.advance(["</v2/_catalog?n=2>"], second, brought_news=True)


def test_a_page_without_news_that_promises_more_is_incomplete() -> None:
    with pytest.raises(ListingIncomplete, match="nothing new"):
        PageGuard(REGISTRY, "tags").advance(["<?last=b>"], HERE, brought_news=False)


def test_pages_are_bounded() -> None:
    with pytest.raises(ListingIncomplete, match="more than 1 pages"):
        PageGuard(REGISTRY, "tags", max_pages=1).advance(["<?x>"], HERE, brought_news=True)


def test_a_next_page_that_is_no_address_is_incomplete() -> None:
    with pytest.raises(ListingIncomplete, match="no address"):
        next_url(["<http://[::1/x>"], HERE, REGISTRY)
