"""How workers put a deletion together with the sync that follows it, and take up what was lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser import tasks
from registry_browser.deletion.requests import approve
from registry_browser.deletion.upkeep import orphaned_deletions
from registry_browser.models import (
    DeletionPlan,
    PlanPhase,
    PlanState,
    SyncRun,
    SyncTrigger,
    UndoState,
)
from registry_browser.models.work_lock import DELETION
from registry_browser.oci.client import RegistryClient
from tests.builders import push
from tests.deletion.stage import Clock, Stage
from tests.deletion.test_run import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import DjangoCaptureOnCommitCallbacks

    from tests.fake_registry import FakeRegistry


class Broker:
    """Keeps messages until somebody takes them, as a worker does, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[tuple[str, int]] = []
        for name in ("crawl", "delete", "follow_locks"):
            monkeypatch.setattr(getattr(tasks, name), "delay", self._sender(name))

    def _sender(self, name: str) -> Callable[[int], None]:
        return lambda pk: self.sent.append((name, pk))

    def work(self, commits: DjangoCaptureOnCommitCallbacks) -> list[str]:
        """Do all that was sent, and what that sends. Returns the names of what was done."""
        done = []
        while self.sent:
            name, pk = self.sent.pop(0)
            done.append(name)
            with commits(execute=True):
                getattr(tasks, name)(pk)
        return done


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return Broker(monkeypatch)


@pytest.fixture
def stage(db: None, fake: FakeRegistry) -> Stage:
    """What happened days ago, seen again now: tasks take the time from the clock on the wall."""
    now = datetime.now(UTC)
    stage = Stage(fake.url, Clock(now - timedelta(days=9)))
    for name in ("one", "two"):
        push(fake, f"{PATH}:{name}", layers=("base", name))
    stage.sync()
    for name in ("one", "two"):
        push(fake, f"{PATH}:{name}", layers=("base", "current"))
    stage.sync()
    stage.clock.now = now
    stage.sync()
    return stage


def approved(stage: Stage) -> DeletionPlan:
    return approve(stage.plan(), actor="approver", now=stage.clock())


def test_a_run_is_followed_by_a_sync_of_what_it_touched_and_a_walk(
    broker: Broker,
    stage: Stage,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    plan = approved(stage)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.start_deletion(plan, actor="runner", now=stage.clock())
    assert broker.sent == [("delete", plan.pk)]
    assert broker.work(django_capture_on_commit_callbacks) == ["delete", "crawl", "delete"]
    plan.refresh_from_db()
    assert (plan.state, plan.phase) == (PlanState.DONE, PlanPhase.NONE)
    assert plan.walk["problems"] == []
    run = SyncRun.objects.latest("id")
    assert (run.trigger, run.full_check, run.whole) == (SyncTrigger.DELETION, True, False)
    assert [item.path for item in run.items.all()] == [PATH]

    with django_capture_on_commit_callbacks(execute=True):
        tasks.start_undo(plan, actor="undoer", now=stage.clock())
    assert broker.work(django_capture_on_commit_callbacks) == ["delete", "crawl", "delete"]
    plan.refresh_from_db()
    assert plan.undo_state == UndoState.DONE


def test_a_deletion_leaves_half_its_pace_to_a_crawl(
    broker: Broker,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    workers: list[int] = []
    monkeypatch.setattr(RegistryClient, "share_pace", lambda client, share: workers.append(share))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.start_deletion(approved(stage), actor="runner", now=stage.clock())

    broker.sent.clear()
    tasks.delete(DeletionPlan.objects.get().pk)

    assert workers == [2]


def test_a_plan_that_waited_is_sent_when_the_other_is_over(
    broker: Broker,
    stage: Stage,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    first, second = approved(stage), approved(stage)
    for plan in (first, second):
        with django_capture_on_commit_callbacks(execute=True):
            tasks.start_deletion(plan, actor="runner", now=stage.clock())
    # The second message is lost.
    broker.sent.remove(("delete", second.pk))
    broker.work(django_capture_on_commit_callbacks)
    second.refresh_from_db()
    assert second.state == PlanState.EXPIRED


def test_a_run_whose_worker_was_lost_is_sent_again(
    broker: Broker,
    stage: Stage,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    plan = approved(stage)
    tasks.start_deletion(plan, actor="runner", now=stage.clock())
    now = stage.clock()
    assert orphaned_deletions(now, silent_for=tasks.ORPHANED_AFTER) == []
    later = now + timedelta(minutes=1)
    assert orphaned_deletions(later, silent_for=tasks.ORPHANED_AFTER) == [plan]
    # One that waits for its sync has not lost anybody.
    sync = SyncRun.objects.create(
        registry=stage.registry, trigger=SyncTrigger.DELETION, created_at=now
    )
    DeletionPlan.objects.update(phase=PlanPhase.SYNCING, sync_run_id=sync.pk)
    assert orphaned_deletions(later, silent_for=tasks.ORPHANED_AFTER) == []
    SyncRun.objects.filter(pk=sync.pk).delete()
    assert orphaned_deletions(later, silent_for=tasks.ORPHANED_AFTER) == [plan]


def test_the_clock_expires_what_nobody_ran(broker: Broker, stage: Stage) -> None:
    plan = stage.plan()
    DeletionPlan.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    tasks.tick()
    plan.refresh_from_db()
    assert plan.state == PlanState.EXPIRED


def test_figures_follow_a_lock_though_its_message_is_lost(
    broker: Broker,
    stage: Stage,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    registry = stage.registry
    with django_capture_on_commit_callbacks(execute=True):
        tasks.set_lock(
            registry, path=PATH, digest="", reason="audit", actor="admin", now=stage.clock()
        )
    assert ("follow_locks", registry.pk) in broker.sent
    broker.sent.clear()
    tasks.tick()
    assert ("follow_locks", registry.pk) in broker.sent
    tasks.follow_locks(registry.pk)
    registry.refresh_from_db()
    assert (registry.locks_changed_at, registry.dangling_count) == (None, 0)
    broker.sent.clear()
    tasks.tick()
    assert ("follow_locks", registry.pk) not in broker.sent


def test_the_lock_of_one_registry_is_seen_by_others_and_ends(db: None) -> None:
    with DELETION.taken(41) as locked:
        assert locked
        assert DELETION.is_taken(41)
        assert not DELETION.is_taken(42)
    assert not DELETION.is_taken(41)
