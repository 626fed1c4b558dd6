"""A registry that asks for a long time without us gets it from runs and undos, too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser.deletion.requests import cancel, request_undo
from registry_browser.deletion.upkeep import orphaned_deletions
from registry_browser.deletion.work import SliceResult
from registry_browser.models import ItemUndo, Outcome, PlanPhase, PlanState, SyncRun, UndoState
from tests.deletion.stage import goes, outcomes
from tests.deletion.test_run import PATH, dangling
from tests.fake_registry.faults import Answer, too_many_requests

if TYPE_CHECKING:
    from registry_browser.models import DeletionPlan
    from tests.deletion.stage import Stage
    from tests.fake_registry import FakeRegistry

NAMES = ("one", "two", "three", "four")
MANIFEST = r"/manifests/sha256"


def limit(fake: FakeRegistry, method: str, pattern: str, *, skip: int = 0) -> None:
    fake.faults.on(method, pattern, too_many_requests("3600"), skip=skip)


def waits(fake: FakeRegistry, stage: Stage, plan: DeletionPlan) -> None:
    """Nothing is asked, however often a worker comes by; and none is sent."""
    fake.forget_requests()
    for _ in range(3):
        assert stage.slice(plan) is SliceResult.BUSY
    assert not fake.requests
    now = stage.clock.advance(minutes=10)
    assert orphaned_deletions(now, silent_for=timedelta(seconds=20)) == []


def goes_on(fake: FakeRegistry, stage: Stage, plan: DeletionPlan) -> DeletionPlan:
    """The clock sends it when the time is over, and it ends."""
    fake.faults.clear()
    now = stage.clock.advance(hours=2)
    assert orphaned_deletions(now, silent_for=timedelta(seconds=20)) == [plan]
    return stage.run(plan)


def test_a_run_waits_as_long_as_a_sync_was_told(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, *NAMES)
    plan = stage.approved()
    until = stage.clock.now + timedelta(hours=1)
    SyncRun.objects.filter(registry=stage.registry).update(rate_limited_until=until)

    waits(fake, stage, plan)

    assert goes_on(fake, stage, plan).state == PlanState.DONE
    assert set(outcomes(plan).values()) == {Outcome.DELETED}


@pytest.mark.parametrize(
    ("method", "pattern"), [("GET", "/tags/list"), ("DELETE", MANIFEST)], ids=["look", "call"]
)
def test_what_a_run_was_not_answered_stays_open_until_the_time_is_over(
    fake: FakeRegistry, stage: Stage, method: str, pattern: str
) -> None:
    dangling(fake, stage, *NAMES)
    plan = stage.approved()
    fake.forget_requests()
    limit(fake, method, pattern, skip=1)

    assert stage.slice(plan) is SliceResult.MORE

    assert len(fake.seen(method, pattern)) == 2
    assert sorted(outcomes(plan).values()) == [Outcome.DELETED, *[Outcome.WAITING] * 3]
    assert set(plan.items.filter(outcome=Outcome.WAITING).values_list("attempts", flat=True)) == {0}
    waits(fake, stage, plan)
    assert goes_on(fake, stage, plan).state == PlanState.DONE
    assert set(outcomes(plan).values()) == {Outcome.DELETED}


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        (Answer(500), Outcome.DELETING),
        (
            Answer(
                404,
                '{"errors": [{"code": "MANIFEST_UNKNOWN"}]}',
                {"Content-Type": "application/json"},
            ),
            Outcome.WAITING,
        ),
    ],
    ids=["no answer", "not found"],
)
def test_a_call_that_cannot_be_looked_after_is_settled_when_the_time_is_over(
    fake: FakeRegistry, stage: Stage, answer: Answer, then: Outcome
) -> None:
    dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on("DELETE", MANIFEST, answer, times=1)
    limit(fake, "HEAD", MANIFEST)
    limit(fake, "GET", MANIFEST)

    assert stage.slice(plan) is SliceResult.MORE

    assert list(outcomes(plan).values()) == [then]
    waits(fake, stage, plan)
    assert goes_on(fake, stage, plan).state == PlanState.DONE
    assert list(outcomes(plan).values()) == [Outcome.DELETED]


def test_a_run_that_waits_can_be_cancelled_and_asks_nothing_more(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.approved()
    fake.faults.on("DELETE", MANIFEST, Answer(500), times=1)
    limit(fake, "HEAD", MANIFEST)
    assert stage.slice(plan) is SliceResult.MORE
    waits(fake, stage, plan)

    plan.refresh_from_db()
    cancel(plan, actor="ann", now=stage.clock())
    now = stage.clock.advance(minutes=1)
    assert orphaned_deletions(now, silent_for=timedelta(seconds=20)) == [plan]
    assert stage.slice(plan) is SliceResult.SYNC

    assert not fake.requests
    assert [outcomes(plan)[each] for each in goes(plan)] == [Outcome.NO_ANSWER, Outcome.CANCELLED]
    plan.refresh_from_db()
    assert plan.phase == PlanPhase.SYNCING


def test_an_undo_goes_on_when_the_time_is_over(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, *NAMES)
    plan = stage.run(stage.approved())
    plan = request_undo(plan, actor="undoer", now=stage.clock())
    fake.forget_requests()
    limit(fake, "PUT", "/manifests/", skip=1)

    assert stage.slice(plan) is SliceResult.MORE

    assert fake.count("PUT") == 2
    assert sorted(plan.items.values_list("undo", flat=True)) == [
        ItemUndo.PUSHED,
        ItemUndo.PUSHING,
        *[ItemUndo.WAITING] * 2,
    ]
    waits(fake, stage, plan)
    assert goes_on(fake, stage, plan).undo_state == UndoState.DONE
    assert len(fake.store.manifests(PATH)) == len(NAMES) + 1
