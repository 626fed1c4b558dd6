"""The pages of history: sentences, filters, lanes, a moment, two moments."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import EventSource
from tests.history.trail import Trail, minute
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from django.test import Client

PAGE = "/r/prod/team/web/-/history"


@pytest.fixture
def trail(db: None) -> Trail:
    """`stable` moved, `canary` went and came back, `1.0` stands."""
    record = Record()
    web = record.repository("team/web")
    for name in ("one", "two", "three"):
        record.present(web, record.image(name))
    trail = Trail(record, web)
    trail.look(minute(0), {"stable": "one", "canary": "one", "1.0": "one"})
    trail.look(minute(10), {"stable": "two", "canary": "one", "1.0": "one"})
    told = {"stable": "three", "canary": "one", "1.0": "one"}
    trail.look(minute(20), told, source=EventSource.NOTIFICATION, actor="ci-release")
    trail.look(minute(30), {"stable": "three", "1.0": "one"})
    trail.look(minute(40), {"stable": "three", "canary": "two", "1.0": "one"})
    return trail


def read(client: Client, address: str) -> str:
    """The text of a page, without its tags, with single spaces."""
    response = client.get(address)
    assert response.status_code == 200, response.content[:2000]
    return text_of(response.content.decode())


def text_of(page: str) -> str:
    from re import sub

    main = page.partition("<main")[2].partition("</main>")[0] or page
    return sub(r"\s+", " ", unescape(sub(r"<[^>]+>", " ", main)))


def test_a_move_reads_as_a_sentence_with_digests_bounds_source_and_actor(
    trail: Trail, viewer: Client
) -> None:
    text = read(viewer, PAGE)

    old, new = digest_of("two")[7:19], digest_of("three")[7:19]
    assert f"moved from {old} to {new}" in text
    assert "pushed by ci-release, told by a notification" in text
    assert "somewhere between 1 Nov 2026 08:00:00 and 08:10:00 UTC" in text


def test_what_was_there_at_the_first_look_is_not_said_to_be_created(
    trail: Trail, viewer: Client
) -> None:
    text = read(viewer, f"{PAGE}?tag=1.0")

    assert f"first seen at {digest_of('one')[7:19]}" in text
    assert "since when is not known" in text
    assert "created" not in text.partition("Events")[2].partition("As of")[0]


def test_deleted_and_seen_again_are_told_apart(trail: Trail, viewer: Client) -> None:
    text = read(viewer, f"{PAGE}?tag=canary")

    assert f"deleted, was {digest_of('one')[7:19]}" in text
    assert f"seen again at {digest_of('two')[7:19]}" in text


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("", 7),
        ("tag=stable", 3),
        ("tag=s*", 3),
        ("tag=*a*", 6),
        ("tag=?.0", 1),
        ("kind=deleted", 1),
        ("source=notification", 1),
        ("actor=ci-release", 1),
        ("since=2026-11-01+08:20", 3),
        ("until=2026-11-01+08:10", 4),
        ("until=2026-11-01", 7),
        ("tag=nothing", 0),
    ],
)
def test_a_filter_finds(trail: Trail, viewer: Client, query: str, events: int) -> None:
    text = read(viewer, f"{PAGE}?{query}")

    assert f" {events} event{'' if events == 1 else 's'} " in text


def test_a_digest_finds_what_came_and_what_went_and_the_tags_it_had(
    trail: Trail, viewer: Client
) -> None:
    text = read(viewer, f"{PAGE}?digest={digest_of('two')[7:19]}")

    assert " 3 events " in text
    had = text.partition("ever had")[2].partition("Events")[0]
    assert "stable" in had
    assert "canary" in had


def test_a_value_that_is_none_is_named_and_left_out(trail: Trail, viewer: Client) -> None:
    text = read(viewer, f"{PAGE}?since=yesterday&kind=exploded")

    assert "“yesterday” is no moment" in text
    assert "“exploded” is no event" in text
    assert " 7 events " in text


def test_as_of_a_moment_between_two_looks_says_one_or_the_other(
    trail: Trail, viewer: Client
) -> None:
    text = read(viewer, f"{PAGE}?tag=stable&at=2026-11-01+08:05")

    stood = text.partition("As of 1 Nov 2026 08:05 UTC")[2]
    assert f"{digest_of('one')[7:19]} or {digest_of('two')[7:19]}" in stood


def test_as_of_before_the_first_look_is_not_known(trail: Trail, viewer: Client) -> None:
    text = read(viewer, f"{PAGE}/as-of?at=2026-10-01")

    assert "Nothing is known of that moment" in text


def test_as_of_shows_every_tag_as_it_stood(trail: Trail, viewer: Client) -> None:
    text = read(viewer, f"{PAGE}/as-of?at=2026-11-01+08:30")

    rows = text.partition("As known")[2]
    assert f"stable {digest_of('three')[7:19]}" in rows
    assert f"1.0 {digest_of('one')[7:19]}" in rows
    assert "canary" not in rows


def test_between_two_moments_shows_what_each_tag_was_and_became(
    trail: Trail, viewer: Client
) -> None:
    text = read(viewer, f"{PAGE}/between?from=2026-11-01+08:00&to=2026-11-01+08:20")

    rows = text.partition("Compare")[2]
    assert f"stable {digest_of('one')[7:19]}" in rows
    assert digest_of("three")[7:19] in rows
    assert "1.0" not in rows


def test_differences_of_many_repositories_are_narrowed_by_path(
    trail: Trail, auditor: Client
) -> None:
    address = "/r/prod/-/history/between?from=2026-11-01+08:05&to=2026-11-01+08:35"

    page = auditor.get(f"{address}&path=*/web").content.decode()

    assert 'name="path" value="*/web"' in page
    assert "team/web" in text_of(page)
    assert "No tag was seen to change" in read(auditor, f"{address}&path=elsewhere")


def test_a_tag_has_a_page_of_its_life(trail: Trail, viewer: Client) -> None:
    text = read(viewer, "/r/prod/team/web/-/tags/stable/history?at=2026-11-01+08:15")

    assert "web:stable" in text
    assert " 3 events " in text
    assert digest_of("two")[7:19] in text.partition("As of 1 Nov 2026 08:15")[2]


@pytest.mark.parametrize(
    "address", ["/history", "/history/", "/r/prod/-/history", "/r/prod/team/-/history"]
)
def test_wider_history_is_for_auditors(
    trail: Trail, viewer: Client, auditor: Client, address: str
) -> None:
    assert viewer.get(address).status_code == 403
    assert "team/web" in read(auditor, address)


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("/", "/history"),
        ("/r/prod/", "/r/prod/-/history"),
        ("/r/prod/team/", "/r/prod/team/-/history"),
    ],
)
def test_wider_pages_lead_auditors_to_their_history(
    trail: Trail, viewer: Client, auditor: Client, page: str, address: str
) -> None:
    trail.record.refresh()

    main = auditor.get(page).content.decode().partition("<main")[2]
    assert f'href="{address}"' in main
    assert f'href="{address}"' not in viewer.get(page).content.decode()


def test_each_day_leads_to_what_changed_on_it(trail: Trail, viewer: Client) -> None:
    page = viewer.get(f"{PAGE}?tag=stable").content.decode()
    day = page.partition("Sunday 1 November 2026")[2].partition("</div>")[0]
    address = unescape(day.partition('href="')[2].partition('"')[0])

    text = read(viewer, address)

    assert address.startswith(f"{PAGE}/between?from=2026-11-01+00%3A00&to=2026-11-01&tag=stable")
    assert "From 1 Nov 2026 00:00 to 1 Nov 2026 23:59" in text
    assert "stable" in text
    assert "canary" not in text


def test_below_a_path_that_is_a_repository_too_links_stay_below(
    trail: Trail, auditor: Client
) -> None:
    inner = trail.record.repository("team/web/inner")
    Trail(trail.record, inner).look(minute(50), {"deep": "one"})
    page = auditor.get(f"{PAGE}?below=1").content.decode()

    assert "inner:" in page
    assert f"{PAGE}/between?from=2026-11-01+00%3A00&amp;to=2026-11-01&amp;below=1" in page
    assert f"{PAGE}/export.csv?below=1" in page
    assert "deep" in read(auditor, f"{PAGE}/as-of?below=1")


@pytest.mark.parametrize("inner", ["as-of", "between"])
def test_pages_beneath_a_history_lead_back_to_it_with_its_filter(
    trail: Trail, viewer: Client, inner: str
) -> None:
    page = viewer.get(f"{PAGE}/{inner}?tag=stable").content.decode()
    crumbs = page.partition('aria-label="Breadcrumb"')[2].partition("</nav>")[0]

    assert f'href="{PAGE}?tag=stable"' in crumbs


def test_bounds_on_two_days_name_both(trail: Trail, viewer: Client) -> None:
    trail.look(minute(24 * 60), {**trail.tags, "stable": "one"})

    text = read(viewer, f"{PAGE}?tag=stable")

    assert "somewhere between 1 Nov 08:40:00 and 2 Nov 2026 08:00:00 UTC" in text


def test_what_may_have_changed_already_is_not_said_to_have_come_back(
    trail: Trail, viewer: Client
) -> None:
    text = read(viewer, f"{PAGE}/between?from=2026-11-01+08:35&to=2026-11-01+08:50")

    assert f"no such tag or {digest_of('two')[7:19]}" in text
    assert "changed and came back" not in text


def test_history_outlives_the_registry(trail: Trail, auditor: Client) -> None:
    trail.record.registry.delete()

    assert " 7 events " in read(auditor, "/history?registry=prod")
    assert "Registry removed" in read(auditor, "/r/prod/-/history")


def test_lanes_show_a_band_where_nobody_looked(trail: Trail, viewer: Client) -> None:
    page = viewer.get(f"{PAGE}?tag=stable").content.decode()

    assert "stable changed" not in page
    assert 'class="uncertain"' in page
    assert page.count('class="span-fill"') == 3


def test_zooming_and_panning_are_addresses(trail: Trail, viewer: Client) -> None:
    page = viewer.get(f"{PAGE}?since=2026-11-01+08:00&until=2026-11-01+09:00").content.decode()

    assert "since=2026-11-01+08%3A15&amp;until=2026-11-01+08%3A45" in page
    assert "since=2026-11-01+07%3A30&amp;until=2026-11-01+08%3A30" in page


def test_events_are_paged_without_losing_or_repeating_one(trail: Trail, viewer: Client) -> None:
    images = ["one", "two"]
    for number in range(120):
        trail.look(minute(50 + number), {**trail.tags, "nightly": images[number % 2]})
    seen: list[str] = []
    address: str | None = f"{PAGE}?tag=nightly"
    from re import findall, search

    while address:
        page = viewer.get(address).content.decode()
        seen += findall(r'id="event-(\d+)"', page)
        older = search(r'<a href="([^"]+)" rel="next"', page.partition("events-head")[2])
        address = PAGE + unescape(older[1]) if older else None

    assert len(seen) == len(set(seen)) == 120


@pytest.mark.parametrize(
    "query",
    [
        *("since=0001-01-01", "since=1000-01-01", "until=0001-01-02", "until=9999-12-31"),
        *("since=2000-01-01", "until=2000-01-01", "since=2099-12-31", "at=0001-01-01"),
        *("after=9999-12-31T23:59:59-23:59_1", "after=0001-01-01T00:00:00%2B14:00_1"),
    ],
)
def test_moments_at_the_ends_of_time_have_a_page(trail: Trail, auditor: Client, query: str) -> None:
    for address in (PAGE, "/history", "/history/audit"):
        assert auditor.get(f"{address}?{query}").status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/history/as-of?after_tag={pk}:%00",
        "/history?after=%00",
        "/history/between?from=2026-11-01&after=%00",
        "/history/audit?after=%00",
        "/r/prod/?q=a&after=%00",
    ],
)
def test_text_that_postgres_cannot_hold_has_a_page(
    trail: Trail, auditor: Client, address: str
) -> None:
    assert auditor.get(address.format(pk=trail.repository.pk)).status_code == 200
