"""What was told, woven into what a sync saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry_browser.history.told import Told, Woven, weave

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


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
        pytest.param(A, B, [], [], id="nothing told"),
        pytest.param(A, A, [push(1, B, 5)], [], id="told of what is not seen yet"),
        pytest.param(
            A, B, [push(1, B, 5), push(2, C, 6)], [(A, B, 1)], id="told more than is seen yet"
        ),
        pytest.param(
            A, C, [push(1, B, 5)], [(A, B, 1), (B, C, None)], id="the last step is not told"
        ),
        pytest.param(A, B, [push(1, "", 5)], [(A, B, 1)], id="pushed, without saying what"),
        pytest.param("", "", [push(1, "", 5)], [], id="pushed, without saying what, and gone"),
        pytest.param(A, B, [delete(1, C, 5)], [], id="another manifest was deleted"),
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
        pytest.param(A, B, [push(1, B, -20)], [], id="told long before the tag was as it was"),
    ],
)
def test_steps_lead_from_what_was_known_to_what_was_seen(
    before: str, seen: str, told: list[Told], expected: list[tuple[str, str, int | None]]
) -> None:
    woven = weave(before, seen, told, since=START, looked_at=at(10))

    assert steps(woven) == expected


def test_a_repository_that_was_never_read_hears_everything() -> None:
    woven = weave("", B, [push(1, A, 5), push(2, B, 6)], since=None, looked_at=at(10))

    assert steps(woven) == [("", A, 1), (A, B, 2)]


def test_what_a_sync_wrote_before_it_was_told_is_not_written_again() -> None:
    late = [push(1, B, 20, at_=4), push(2, C, 21, at_=5)]

    woven = weave(C, C, late, since=START, looked_at=at(25), ledger_at=at(10))

    assert woven.steps == ()
    assert woven.known == (1, 2)


def test_after_news_that_came_late_the_next_change_is_told_as_ever() -> None:
    told = [push(1, B, 20, at_=4), push(2, C, 24)]

    woven = weave(B, C, told, since=START, looked_at=at(25), ledger_at=at(10))

    assert steps(woven) == [(B, C, 2)]
    assert woven.known == (1,)


def test_a_step_that_lies_behind_by_the_registrys_clock_is_not_believed_to_be_new() -> None:
    told = [push(1, B, 5, at_=-60), push(2, C, 6)]

    woven = weave(A, C, told, since=START, looked_at=at(10))

    assert steps(woven) == [(A, C, 2)]


def test_a_registry_whose_clock_is_behind_still_tells_who_did_what_was_seen() -> None:
    woven = weave(A, B, [push(1, B, 5, at_=-3600)], since=START, looked_at=at(10))

    assert steps(woven) == [(A, B, 1)]


def test_a_sender_without_order_is_not_believed_about_steps_while_a_sync_looks() -> None:
    during = [push(1, B, 11, in_order=False)]
    before = [push(1, B, 9, in_order=False)]

    assert steps(weave(A, C, during, since=START, looked_at=at(10))) == []
    assert steps(weave(A, C, before, since=START, looked_at=at(10))) == [
        (A, B, 1),
        (B, C, None),
    ]
