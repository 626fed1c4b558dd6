"""As-of answers against a replay of a random script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_browser.history.verify import verify
from registry_browser.models import TagSpan
from registry_browser.queries.history.difference import changed_between
from registry_browser.queries.history.moments import as_span, stood_at, tag_at
from registry_browser.queries.history.scope import repository_scope
from registry_browser.queries.history.standing import Certainty
from tests.history.trail import Trail, minute
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from registry_browser.models import Repository

TAGS = ("stable", "latest", "1.0")
STATES = st.fixed_dictionaries({}, optional={tag: st.sampled_from("abc") for tag in TAGS})
"""What the tags pointed to between one look and the next."""


@pytest.fixture
def place(db: None) -> tuple[Record, Repository]:
    record = Record()
    return record, record.repository("team/web")


@settings(max_examples=40)
@given(
    script=st.lists(st.tuples(st.integers(1, 9), STATES), min_size=1, max_size=8),
    moments=st.lists(st.integers(-20, 400).map(lambda tenths: tenths / 4), min_size=1, max_size=8),
)
def test_answers_for_random_moments_equal_a_replay(
    place: tuple[Record, Repository],
    script: list[tuple[int, dict[str, str]]],
    moments: list[float],
) -> None:
    with transaction.atomic():
        _replay(place, script, moments)
        transaction.set_rollback(True)


def _replay(
    place: tuple[Record, Repository],
    script: list[tuple[int, dict[str, str]]],
    moments: list[float],
) -> None:
    record, repository = place
    trail = Trail(record, repository)
    looks: list[tuple[float, dict[str, str]]] = []
    now = 0.0
    for pause, state in script:
        trail.look(minute(now), state)
        looks.append((now, state))
        now += pause
    first_event = next((at for at, state in looks if state), None)

    for moment in [*moments, *(at for at, _ in looks)]:
        page = stood_at(repository_scope(repository), minute(moment))
        shown = {row.tag: row.standing for row in page.rows}
        for tag in TAGS:
            stood = tag_at(repository.pk, tag, minute(moment))
            before = [state for at, state in looks if at <= moment]
            after = [state for at, state in looks if at > moment]
            if first_event is None or moment < first_event:
                assert stood.certainty == Certainty.UNKNOWN or (
                    stood.certainty == Certainty.BETWEEN and not stood.digest
                )
                continue
            was = before[-1].get(tag, "")
            is_looked_at = any(at == moment for at, _ in looks)
            becomes = after[0].get(tag, "") if after and not is_looked_at else was
            if was == becomes:
                kind = Certainty.KNOWN if was else Certainty.ABSENT
                assert (stood.certainty, stood.digest) == (kind, digest_of(was) if was else "")
            else:
                assert stood.certainty == Certainty.BETWEEN
                assert stood.digest == (digest_of(was) if was else "")
                assert stood.following == (digest_of(becomes) if becomes else "")
            if stood.certainty == Certainty.ABSENT:
                assert tag not in shown
            else:
                assert shown[tag] == stood

    assert verify().holds


def test_a_tag_that_came_and_went_between_two_moments_is_named(
    place: tuple[Record, Repository],
) -> None:
    record, repository = place
    trail = Trail(record, repository)
    trail.look(minute(0), {"1.0": "a"})
    trail.look(minute(10), {"1.0": "a", "stable": "b"})
    trail.look(minute(20), {"1.0": "a"})

    page = changed_between(repository_scope(repository), minute(0), minute(30))

    [row] = page.rows
    assert (row.tag, row.changes, row.is_back) == ("stable", 2, True)


def test_what_nobody_knew_at_first_did_not_come_back(place: tuple[Record, Repository]) -> None:
    record, repository = place
    trail = Trail(record, repository)
    trail.look(minute(10), {"stable": "b"})
    trail.look(minute(20), {})

    page = changed_between(repository_scope(repository), minute(0), minute(30))

    [row] = page.rows
    assert row.before.certainty == Certainty.UNKNOWN
    assert row.after.certainty == Certainty.ABSENT
    assert not row.is_back


def test_the_spans_of_a_tag_are_its_life(place: tuple[Record, Repository]) -> None:
    record, repository = place
    trail = Trail(record, repository)
    trail.look(minute(0), {"stable": "a"})
    trail.look(minute(10), {"stable": "b"})

    rows = TagSpan.objects.filter(repository_id=repository.pk, tag="stable")
    spans = [
        as_span(row)
        for row in rows.order_by("since_seen_at").values_list(
            *("digest", "since_not_before", "since_seen_at", "until_not_before", "until_seen_at")
        )
    ]

    assert [span.digest for span in spans] == [digest_of("a"), digest_of("b")]
    assert spans[0].until_seen_at == spans[1].since_seen_at == minute(10)
