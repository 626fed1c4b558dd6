"""What was told, woven into what a sync saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from registry_browser.history.told import PATIENCE, Sighting, Standing, Told, Woven, weave

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
A, B, C, D = (f"sha256:{letter * 64}" for letter in "abcd")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def push(
    pk: int, digest: str, received: float, *, at_: float | None = None, in_order: bool = True
) -> Told:
    """A push of the tag v1, told at `received` seconds, and just before that by its own clock."""
    happened = received - 0.1 if at_ is None else at_
    return Told(pk, "v1", digest, False, at(happened), at(received), "alice", in_order)


def untag(pk: int, received: float) -> Told:
    return Told(pk, "v1", "", True, at(received - 0.1), at(received), "bob")


def delete(pk: int, digest: str, received: float) -> Told:
    """A manifest, and with it all its tags."""
    return Told(pk, "", digest, True, at(received - 0.1), at(received), "bob")


def look(before: str, seen: str, told: list[Told], **more: Any) -> Woven:
    """What a look at 10 seconds makes of it; the one before was at the start."""
    sighting = Sighting(before, seen, more.pop("since", START), at(10))
    return weave([sighting], told, **{"looked_at": at(10), **more})


def synced(seconds: float) -> Standing:
    """A sync has written the last event of the ledger by itself."""
    return Standing(None, at(seconds), told=False)


def steps(woven: Woven) -> list[tuple[str, str, int | None]]:
    return [(step.old, step.new, step.told.pk if step.told else None) for step in woven.steps]


@pytest.mark.parametrize(
    ("before", "seen", "told", "expected"),
    [
        pytest.param("", A, [push(1, A, 5)], [("", A, 1)], id="created"),
        pytest.param(A, B, [push(1, B, 5)], [(A, B, 1)], id="moved"),
        pytest.param(A, "", [untag(1, 5)], [(A, "", 1)], id="deleted"),
        pytest.param(A, "", [delete(1, A, 5), untag(2, 5.1)], [(A, "", 1)], id="deleted by digest"),
        pytest.param(
            A,
            C,
            [push(1, B, 5), push(2, C, 6)],
            [(A, B, 1), (B, C, 2)],
            id="moved twice between two looks",
        ),
        pytest.param(
            "",
            "",
            [push(1, A, 5), untag(2, 6)],
            [("", A, 1), (A, "", 2)],
            id="came and went unseen",
        ),
        pytest.param(
            A, A, [push(1, B, 5), push(2, A, 6)], [(A, B, 1), (B, A, 2)], id="there and back"
        ),
        pytest.param(A, A, [push(1, A, 5)], [], id="pushed again, the same"),
        pytest.param(A, B, [], [(A, B, None)], id="nothing told"),
        pytest.param(A, A, [push(1, B, 5)], [], id="told of what is not seen yet"),
        pytest.param(
            A, B, [push(1, B, 5), push(2, C, 6)], [(A, B, 1)], id="told more than is seen yet"
        ),
        pytest.param(
            A, C, [push(1, B, 5)], [(A, B, 1), (B, C, None)], id="the last step is not told"
        ),
        pytest.param(A, B, [push(1, "", 5)], [(A, B, 1)], id="pushed, without saying what"),
        pytest.param("", "", [push(1, "", 5)], [], id="pushed, without saying what, and gone"),
        pytest.param(A, B, [delete(1, C, 5)], [(A, B, None)], id="another manifest was deleted"),
        pytest.param(
            A,
            B,
            [push(1, B, 5), delete(2, C, 6)],
            [(A, B, 1)],
            id="moved, then another manifest was deleted",
        ),
        pytest.param(
            A, B, [push(1, B, -5)], [(A, B, 1)], id="told a moment before it could be seen"
        ),
    ],
)
def test_steps_lead_from_what_was_known_to_what_was_seen(
    before: str, seen: str, told: list[Told], expected: list[tuple[str, str, int | None]]
) -> None:
    woven = look(before, seen, told)

    assert steps(woven) == expected


def test_a_repository_that_was_never_read_hears_everything() -> None:
    woven = look("", B, [push(1, A, 5), push(2, B, 6)], since=None)

    assert steps(woven) == [("", A, 1), (A, B, 2)]


def test_what_a_sync_wrote_before_it_was_told_is_not_written_again() -> None:
    late = [push(1, B, 20, at_=4), push(2, C, 21, at_=5)]

    woven = look(C, C, late, last=synced(10))

    assert woven.steps == ()
    assert woven.known == (1, 2)


def test_after_news_that_came_late_the_next_change_is_told_as_ever() -> None:
    told = [push(1, B, 20, at_=4), push(2, C, 24)]

    woven = look(B, C, told, last=synced(10))

    assert steps(woven) == [(B, C, 2)]
    assert woven.known == (1,)


def test_a_step_that_lies_behind_by_the_registrys_clock_is_not_believed_to_be_new() -> None:
    told = [push(1, B, 5, at_=-60), push(2, C, 6)]

    assert steps(look(A, C, told, last=synced(-30))) == [(A, C, 2)]


def test_a_tag_that_went_with_its_manifest_went_once_whatever_lies_behind() -> None:
    in_order = [push(1, B, 5, at_=-3), delete(2, A, 6)]
    without_order = [push(1, B, 5, at_=-3, in_order=False), delete(2, A, 6)]

    assert steps(look(A, "", in_order, last=synced(0))) == [(A, "", 2)]
    assert steps(look(A, "", without_order)) == [(A, "", 2)]


def test_what_comes_in_order_lies_behind_only_what_a_sync_wrote_by_itself() -> None:
    told = [push(1, B, 5, at_=-60), push(2, C, 6)]

    woven = look(A, C, told, last=Standing(None, at(-30), told=True))

    assert steps(woven) == [(A, B, 1), (B, C, 2)]


def test_a_registry_whose_clock_is_behind_still_tells_who_did_what_was_seen() -> None:
    woven = look(A, B, [push(1, B, 5, at_=-3600)])

    assert steps(woven) == [(A, B, 1)]


def test_a_sender_without_order_is_not_believed_about_steps_while_a_sync_looks() -> None:
    during = [push(1, B, 11, in_order=False)]
    before = [push(1, B, 9, in_order=False)]

    assert steps(look(A, C, during)) == [(A, C, None)]
    assert steps(look(A, C, before)) == [(A, B, 1), (B, C, None)]


def test_a_sender_without_order_is_not_believed_about_what_is_long_ago() -> None:
    lately, long_ago = (push(1, B, -seconds, in_order=False) for seconds in (5, 20))

    assert steps(look(A, B, [lately])) == [(A, B, 1)]
    assert steps(look(A, B, [long_ago])) == [(A, B, None)]


# -- What was seen before it was told


def seen(*states: str) -> list[Sighting]:
    """Looks at 0, 10, 20 … seconds, each of which found the tag elsewhere."""
    return [
        Sighting(old, new, at(10 * number), at(10 * number + 10))
        for number, (old, new) in enumerate(pairwise(states))
    ]


def bounds(woven: Woven) -> list[tuple[float | None, float]]:
    return [
        (
            None if step.not_before is None else (step.not_before - START).total_seconds(),
            (step.seen_at - START).total_seconds(),
        )
        for step in woven.steps
    ]


def test_what_nothing_told_explains_is_held_until_patience_ends() -> None:
    patient = weave(seen(A, C), [push(1, B, 9)], looked_at=at(10), hold_since=at(5))
    at_its_end = weave(seen(A, C), [push(1, B, 9)], looked_at=at(10), hold_since=at(10))

    assert (patient.steps, patient.held) == ((), 1)
    assert (steps(at_its_end), at_its_end.held) == ([(A, B, 1), (B, C, None)], 0)


def test_what_is_told_after_the_look_finds_its_place_before_what_the_look_saw() -> None:
    told = [push(1, B, 11), push(2, C, 12)]

    woven = weave(seen(A, C), told, looked_at=at(13), hold_since=at(0))

    assert steps(woven) == [(A, B, 1), (B, C, 2)]
    assert bounds(woven) == [(0, 10), (0, 10)]


def test_each_look_bounds_what_was_told_between_it_and_the_next() -> None:
    told = [push(1, B, 4), push(2, C, 12), push(3, A, 21), push(4, D, 22)]

    woven = weave(seen(A, C, D), told, looked_at=at(25), hold_since=at(0))

    assert steps(woven) == [(A, B, 1), (B, C, 2), (C, A, 3), (A, D, 4)]
    assert bounds(woven) == [(0, 4), (0, 10), (10, 20), (10, 20)]


def test_a_later_look_waits_for_what_an_earlier_one_saw() -> None:
    woven = weave(seen(A, C, D), [push(1, C, 4)], looked_at=at(25), hold_since=at(5))

    assert steps(woven) == [(A, C, 1)]
    assert woven.held == 1


def test_looks_that_saw_the_same_twice_are_each_explained_once() -> None:
    told = [push(1, B, 21), push(2, A, 22), push(3, B, 23)]

    woven = weave(seen(A, B, A, B), told, looked_at=at(31), hold_since=at(0))

    assert steps(woven) == [(A, B, 1), (B, A, 2), (A, B, 3)]
    assert [step.sighting for step in woven.steps] == [0, 1, 2]


def test_where_a_look_may_have_seen_either_of_two_the_lower_bound_lies_before_both() -> None:
    """The look at 100 saw A: before it went, or after it was back."""
    sighting = Sighting(A, C, at(100), at(110))
    told = [push(1, B, 101), push(2, A, 102), push(3, C, 103)]

    woven = weave([sighting], told, looked_at=at(110), last=Standing(at(1), at(2), told=True))

    floor = [101 - PATIENCE.total_seconds(), 102 - PATIENCE.total_seconds()]
    assert bounds(woven) == [(floor[0], 101), (floor[1], 102), (100, 103)]


def test_where_the_registrys_clock_says_that_it_was_told_late_nothing_is_taken_for_prompt() -> None:
    sighting = Sighting(A, C, at(100), at(110))
    told = [push(1, B, 101, at_=50), push(2, A, 102, at_=51), push(3, C, 103, at_=52)]

    woven = weave([sighting], told, looked_at=at(110), last=Standing(at(1), at(2), told=True))

    assert bounds(woven) == [(1, 101), (1, 102), (100, 103)]


def test_what_came_back_is_believed_only_where_it_was_seen_just_now() -> None:
    told = [push(1, B, 11), push(2, A, 12), push(3, B, 13)]

    now = weave(seen(A, B), told, looked_at=at(20))
    long_ago = weave(seen(A, B), told, looked_at=at(20), confirmed=False)

    assert steps(now) == [(A, B, 1), (B, A, 2), (A, B, 3)]
    assert steps(long_ago) == [(A, B, 1)]
