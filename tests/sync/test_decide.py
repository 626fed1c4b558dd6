"""What one observation means, as a table of named scenarios. No database, no network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from registry_browser.history.told import later
from registry_browser.sync.reading.decide import decide, is_believable
from registry_browser.sync.reading.observed import (
    MAX_PROBLEMS,
    KnownRepository,
    ObservedRepository,
    Problem,
    RepositoryChanges,
)

BEFORE = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
END = NOW + timedelta(seconds=5)
A, B = ("sha256:" + letter * 64 for letter in "ab")


def known(**details: object) -> KnownRepository:
    """A repository that was read completely, unless `details` say otherwise."""
    defaults = {
        "repository_id": 1,
        "tags_complete_at": BEFORE,
        "tags": {"1.0": A, "latest": A},
        "ever_held": True,
    }
    return KnownRepository("team/web", **{**defaults, **details})  # type: ignore[arg-type]


def unknown(**details: object) -> KnownRepository:
    return KnownRepository("team/web", **details)  # type: ignore[arg-type]


def observed(tags: dict[str, str] | None = None, **details: object) -> ObservedRepository:
    """All tags were listed and read, unless `details` say otherwise."""
    found = {"1.0": A, "latest": A} if tags is None else tags
    defaults = {"listed": frozenset(found), "tags": found, "read_at": END}
    return ObservedRepository("team/web", NOW, **{**defaults, **details})  # type: ignore[arg-type]


def failed(reason: str = "It answered 503.", **details: object) -> ObservedRepository:
    return ObservedRepository(
        "team/web",
        NOW,
        None,
        read_at=END,
        failure=reason,
        **details,  # type: ignore[arg-type]
    )


def names(changes: RepositoryChanges) -> dict[str, object]:
    return {
        "created": [change.name for change in changes.created],
        "moved": [change.name for change in changes.moved],
        "missing": list(changes.missing),
        "complete": changes.complete,
        "absent": changes.absent,
        "reason": changes.reason,
    }


NOTHING = {
    "created": [],
    "moved": [],
    "missing": [],
    "complete": True,
    "absent": False,
    "reason": "",
}
NO_SUCH = "The registry does not know this repository."
DOUBT = {**NOTHING, "complete": False}

SCENARIOS = {
    "nothing changed": (known(), observed(), NOTHING),
    "a tag was created": (
        known(),
        observed({"1.0": A, "latest": A, "1.1": B}),
        {**NOTHING, "created": ["1.1"]},
    ),
    "a tag moved": (known(), observed({"1.0": A, "latest": B}), {**NOTHING, "moved": ["latest"]}),
    "a tag is not listed any more": (
        known(),
        observed({"1.0": A}),
        {**NOTHING, "missing": ["latest"]},
    ),
    "a repository was emptied": (known(), observed({}), {**NOTHING, "missing": ["1.0", "latest"]}),
    "a tag was listed and could not be read": (
        known(),
        observed(
            {"1.0": A},
            listed=frozenset({"1.0", "latest"}),
            unread=True,
            problems=(Problem("It answered 500.", tag="latest"),),
        ),
        {
            **DOUBT,
            "reason": "One tag or manifest could not be read. latest: It answered 500.",
        },
    ),
    "the listing failed": (known(), failed(), {**DOUBT, "reason": "It answered 503."}),
    "a known repository answers 404": (
        known(),
        failed(NO_SUCH, absent=True),
        {**DOUBT, "reason": NO_SUCH},
    ),
    "it answers 404 and the complete catalog still names it": (
        known(expected=True),
        failed(NO_SUCH, absent=True),
        {**DOUBT, "reason": NO_SUCH},
    ),
    "it answers 404 and the catalog that does not name it was not complete": (
        known(listed=False, expected=False),
        failed(NO_SUCH, absent=True),
        {**DOUBT, "reason": NO_SUCH},
    ),
    "it answers 404 and the complete catalog does not name it": (
        known(listed=False, expected=True),
        failed(NO_SUCH, absent=True),
        {**NOTHING, "missing": ["1.0", "latest"], "absent": True},
    ),
    "an emptied repository answers 404 and is not in the complete catalog": (
        known(tags={}, listed=False, expected=True),
        failed(NO_SUCH, absent=True),
        {**NOTHING, "absent": True},
    ),
    "it is not in the complete catalog and answers 403": (
        known(listed=False, expected=True),
        failed("The account may not."),
        {**DOUBT, "reason": "The account may not."},
    ),
    "a listed repository never held anything": (unknown(), failed(NO_SUCH, absent=True), NOTHING),
    "a listed repository still holds nothing": (
        known(tags={}, ever_held=False),
        failed(NO_SUCH, absent=True),
        NOTHING,
    ),
    "it is seen for the first time": (
        unknown(),
        observed(),
        {**NOTHING, "created": ["1.0", "latest"]},
    ),
    "a name that nobody listed does not exist": (
        unknown(listed=False),
        failed(NO_SUCH, absent=True),
        {**DOUBT, "reason": NO_SUCH},
    ),
}


@pytest.mark.parametrize(("before", "seen", "expected"), SCENARIOS.values(), ids=list(SCENARIOS))
def test_what_an_observation_means(
    before: KnownRepository, seen: ObservedRepository, expected: dict[str, object]
) -> None:
    assert names(decide(before, seen)) == expected


def test_a_name_that_nobody_listed_and_nobody_knows_leaves_no_trace_in_the_record() -> None:
    stranger = unknown(listed=False)
    assert not decide(stranger, failed(absent=True)).is_ours
    assert not decide(stranger, failed()).is_ours
    assert decide(stranger, observed()).is_ours
    assert decide(known(listed=False), failed(absent=True)).is_ours


def test_a_change_happened_after_the_last_complete_look_and_before_the_end_of_this_one() -> None:
    changes = decide(known(), observed({"1.0": B, "new": A, "latest": A}))
    assert [change.not_before for change in (*changes.created, *changes.moved)] == [BEFORE, BEFORE]
    assert (changes.seen_at, changes.read_at) == (NOW, END)


def test_a_first_sight_says_nothing_about_how_long_before() -> None:
    changes = decide(unknown(), observed())
    assert {change.not_before for change in changes.created} == {None}


def test_a_move_names_both_digests() -> None:
    (change,) = decide(known(), observed({"1.0": A, "latest": B})).moved
    assert (change.old, change.new) == (A, B)


def test_a_failed_listing_keeps_the_problems_that_are_known() -> None:
    before = known(problems=(Problem("An index names it, but it is not there.", digest=B),))
    assert decide(before, failed()).problems == before.problems


def test_a_problem_of_a_manifest_stays_until_a_full_check() -> None:
    before = known(problems=(Problem("An index names it, but it is not there.", digest=B),))
    assert decide(before, observed()).problems == before.problems
    assert decide(before, observed(checked=True)).problems == ()


def test_a_problem_of_a_tag_is_gone_with_the_next_good_look() -> None:
    before = known(problems=(Problem("It answered 500.", tag="latest"),))
    assert decide(before, observed()).problems == ()


def test_problems_do_not_pile_up_from_sync_to_sync() -> None:
    old = tuple(Problem("gone", digest=f"sha256:{n:064x}") for n in range(MAX_PROBLEMS))
    new = tuple(Problem("gone", digest=f"sha256:{n:064x}") for n in range(100, 130))
    kept = decide(known(problems=old), observed(problems=new)).problems
    assert len(kept) == MAX_PROBLEMS
    assert kept[:30] == new


BELIEF = {
    "nothing is missing": (0, 0, 0.25, True),
    "nothing of much is missing": (0, 1000, 0.25, True),
    "the only one": (1, 1, 0.25, False),
    "one of two": (1, 2, 0.25, True),
    "all of a few": (10, 10, 0.25, False),
    "ten of eleven": (10, 11, 0.25, True),
    "eleven of twelve": (11, 12, 0.25, False),
    "exactly the share": (25, 100, 0.25, True),
    "one more than the share": (26, 100, 0.25, False),
    "half of much": (500, 1000, 0.25, False),
    "half of much, where an admin allows all": (1000, 1000, 1.0, True),
    "more than is known": (3, 2, 0.25, False),
}


@pytest.mark.parametrize(("missing", "of", "share", "believed"), BELIEF.values(), ids=list(BELIEF))
def test_how_many_absences_are_believed(
    missing: int, of: int, share: float, believed: bool
) -> None:
    assert is_believable(missing, of, share) is believed


def test_a_handful_can_be_fewer() -> None:
    assert is_believable(2, 4, 0.25, few=2)
    assert not is_believable(3, 4, 0.25, few=2)


def test_the_later_of_two_moments_either_of_which_may_be_unknown() -> None:
    assert later(None, None) is None
    assert later(BEFORE, None) == later(None, BEFORE) == BEFORE
    assert later(BEFORE, NOW) == later(NOW, BEFORE) == NOW
