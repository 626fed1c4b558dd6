"""What a filter of history finds, against reading the whole ledger row by row."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_browser.models import EventSource, TagEvent, TagEventKind
from registry_browser.queries.history import scope as history_scope
from registry_browser.queries.history.difference import changed_between
from registry_browser.queries.history.events import event_page, every_row, first_seen
from registry_browser.queries.history.lanes import lanes
from registry_browser.queries.history.moments import stood_at
from registry_browser.queries.history.scope import HistoryFilter, Scope, is_glob
from tests.history.trail import Trail, minute
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from registry_browser.queries.history.difference import DifferenceRow
    from registry_browser.queries.history.moments import StandingRow

PATHS = ("team/web", "team/web/api", "tea", "teams/web")
TAGS = ("stable", "1.0", "1.1", "1_0", "2026.1.10", "2026.1.11")
TAG_PATTERNS = ("*", "1.*", "1_?", "*.1*", "2026.*.11", "?table", "none*", "1.0", "*0")
PATH_PATTERNS = ("team", "team/web", "tea*", "*web", "*/a?i", "none*", "tea?/web")
STATES = st.fixed_dictionaries({}, optional={tag: st.sampled_from("abc") for tag in TAGS})
LOOKS = st.lists(st.tuples(st.sampled_from(PATHS), st.integers(1, 9), STATES), max_size=10)
FILTERS = st.builds(
    HistoryFilter,
    tag=st.just("") | st.sampled_from(TAG_PATTERNS),
    path=st.just("") | st.sampled_from(PATH_PATTERNS),
    digest=st.just("") | st.sampled_from("abc").map(digest_of),
    kind=st.just("") | st.sampled_from(TagEventKind.values),
    actor=st.just("") | st.just("ci"),
    since=st.none() | st.integers(0, 60).map(minute),
    until=st.none() | st.integers(0, 60).map(minute),
)


@pytest.fixture(params=[1_000, 1], ids=["patterns named", "patterns compared"])
def few_or_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern of more than one tag, or more than one repository, counts as one of too many."""
    monkeypatch.setattr(history_scope, "TAGS_MEANT", request.param)
    monkeypatch.setattr(history_scope, "REPOSITORIES_MEANT", request.param)


def ledger(looks: list[tuple[str, int, dict[str, str]]]) -> dict[str, Trail]:
    """Two registries; the second is removed when all was seen."""
    trails: dict[str, Trail] = {}
    records = [Record(), Record("old")]
    for number, path in enumerate(PATHS):
        record = records[number % 2]
        trails[path] = Trail(record, record.repository(path))
    now = 0
    for path, pause, state in looks:
        told = EventSource.NOTIFICATION if pause % 2 else EventSource.SYNC
        trails[path].look(minute(now), state, source=told, actor="ci" if pause % 2 else "")
        now += pause
    records[1].registry.delete()
    return trails


def is_named(row: TagEvent | StandingRow | DifferenceRow, wanted: HistoryFilter) -> bool:
    """Whether a row is of a tag and a path that the filter means, read plainly."""
    if wanted.tag and not fnmatchcase(row.tag, wanted.tag):
        return False
    if not wanted.path or is_glob(wanted.path):
        return fnmatchcase(row.path, wanted.path or "*")
    return row.path == wanted.path or row.path.startswith(f"{wanted.path}/")


def is_meant(event: TagEvent, wanted: HistoryFilter) -> bool:
    return is_named(event, wanted) and all(
        (
            not wanted.digest or wanted.digest in (event.old_digest, event.new_digest),
            not wanted.kind or event.kind == wanted.kind,
            not wanted.actor or event.actor == wanted.actor,
            wanted.since is None or event.seen_at >= wanted.since,
            wanted.until is None or event.seen_at <= wanted.until,
        )
    )


def scopes(trails: dict[str, Trail]) -> list[tuple[Scope, Callable[[TagEvent], bool]]]:
    """Everything, a registry, what is below a path, a repository."""
    web = trails["team/web"]
    registry, repository = web.record.registry.pk, web.repository.pk
    return [
        (Scope(), lambda event: True),
        (Scope(registries=(registry,)), lambda event: event.registry_id == registry),
        (
            Scope(registries=(registry,), path="team"),
            lambda event: event.registry_id == registry and event.path.startswith("team/"),
        ),
        (
            Scope(registries=(registry,), repository=repository),
            lambda event: event.repository_id == repository,
        ),
    ]


@pytest.mark.usefixtures("db", "few_or_many")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=LOOKS, wanted=FILTERS)
def test_a_filter_finds_what_reading_every_row_finds(
    looks: list[tuple[str, int, dict[str, str]]], wanted: HistoryFilter
) -> None:
    with transaction.atomic():
        trails = ledger(looks)
        rows = sorted(TagEvent.objects.all(), key=lambda event: (event.seen_at, event.pk))
        for scope, is_inside in scopes(trails):
            meant = [event for event in rows if is_inside(event) and is_meant(event, wanted)]
            ids = [event.pk for event in reversed(meant)]

            page = event_page(scope, wanted, size=3)
            assert [row.id for row in page.rows] == ids[:3]
            assert page.total == len(ids)
            assert page.is_whole == (len(ids) <= 3)
            following = event_page(scope, wanted, size=3, after=page.after) if page.after else None
            assert following is None or [row.id for row in following.rows] == ids[3:6]
            assert [pk for (pk,) in every_row(scope, wanted, ["id"])] == ids
            assert first_seen(scope, wanted) == (meant[0].seen_at if meant else None)

            known = page.rows if page.is_whole else None
            drawn = lanes(scope, wanted, minute(0), minute(100), events=known)
            assert {(event.repository_id, event.tag) for event in meant} <= {
                (lane.repository, lane.tag) for lane in drawn.lanes
            } or drawn.more
        transaction.set_rollback(True)


@pytest.mark.usefixtures("db", "few_or_many")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    looks=LOOKS,
    tag=st.sampled_from(TAG_PATTERNS),
    path=st.sampled_from(PATH_PATTERNS),
    moment=st.integers(0, 60).map(minute),
)
def test_moments_are_filtered_as_events_are(
    looks: list[tuple[str, int, dict[str, str]]], tag: str, path: str, moment: datetime
) -> None:
    wanted = HistoryFilter(tag=tag, path=path)
    with transaction.atomic():
        for scope, _ in scopes(ledger(looks)):
            everything = stood_at(scope, moment).rows
            found = stood_at(scope, moment, wanted=wanted).rows
            assert found == [row for row in everything if is_named(row, wanted)]

            changed = changed_between(scope, minute(5), minute(50)).rows
            narrowed = changed_between(scope, minute(5), minute(50), wanted=wanted).rows
            assert narrowed == [row for row in changed if is_named(row, wanted)]
        transaction.set_rollback(True)
