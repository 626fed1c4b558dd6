"""What tests of deletions act with: a clock, a sync, and plans that are made, run and undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from registry_browser.deletion.requests import approve, request_run, request_undo
from registry_browser.deletion.store import plan_deletion
from registry_browser.deletion.work import SliceResult, note_sync, sync_due, work_on
from registry_browser.models import DeletionItem, DeletionPlan, Registry, SyncTrigger
from registry_browser.oci.transport import Retries
from registry_browser.sync import run as sync_run
from registry_browser.sync.connect import connect
from registry_browser.sync.registries import RegistryDetails, add_registry
from registry_browser.sync.requests import request_sync

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry_browser.models import SyncRun

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

impatient = partial(
    connect,
    retries=Retries(attempts=2, first_wait=0.0, longest_wait=0.0),
)
"""Two tries a request, no waiting in between."""


class Clock:
    """A second later whenever somebody looks, unless `step` says otherwise."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start
        self.step = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now

    def advance(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


class Stage:
    """A registry in the record, and what people and workers do with it."""

    def __init__(self, url: str, clock: Clock, **details: Any) -> None:
        self.clock = clock
        details.setdefault("deletion_allowed", True)
        self.registry: Registry = add_registry(
            RegistryDetails(name="fake", url=url, **details), actor="admin", now=clock()
        )

    def sync(self, *, full_check: bool = True, paths: Sequence[str] = ()) -> SyncRun:
        """Sync as a worker would, whole or the repositories in `paths`."""
        run = request_sync(
            self.registry,
            trigger=SyncTrigger.SCHEDULE,
            now=self.clock(),
            full_check=full_check,
            paths=paths,
            believe_absences=True,
        )
        more = sync_run.SliceResult.MORE
        while sync_run.work_on(run.pk, clock=self.clock, connect=impatient) is more:
            pass
        run.refresh_from_db()
        self.registry.refresh_from_db()
        return run

    def settle(self) -> None:
        """See what is there, wait until it is no push under way, and see that it still is."""
        self.sync()
        self.clock.advance(days=2)
        self.sync()

    def plan(self, prefix: str = "", **options: Any) -> DeletionPlan:
        return plan_deletion(
            self.registry, actor="planner", now=self.clock(), prefix=prefix, **options
        )

    def approved(self, prefix: str = "", **options: Any) -> DeletionPlan:
        return self.approve(self.plan(prefix, **options))

    def approve(self, plan: DeletionPlan) -> DeletionPlan:
        """Approve a plan, and ask for its run."""
        plan = approve(plan, actor="approver", now=self.clock(), words=plan.words)
        return request_run(plan, actor="runner", now=self.clock())

    def run(self, plan: DeletionPlan, *, seconds: float = 60.0) -> DeletionPlan:
        """Work on a plan's run or undo until it is over, with the sync in between."""
        for _ in range(1000):
            result = self.slice(plan, seconds=seconds)
            if result is SliceResult.OVER:
                break
            if (due := sync_due(plan.pk)) is not None:
                note_sync(plan.pk, self.sync(paths=due[1]))
        plan.refresh_from_db()
        return plan

    def slice(
        self,
        plan: DeletionPlan,
        *,
        seconds: float = 60.0,
        on_progress: Callable[[], None] = lambda: None,
    ) -> SliceResult:
        return work_on(
            plan.pk, clock=self.clock, connect=impatient, seconds=seconds, on_progress=on_progress
        )

    def undo(self, plan: DeletionPlan) -> DeletionPlan:
        return self.run(request_undo(plan, actor="undoer", now=self.clock()))


def outcomes(plan: DeletionPlan) -> dict[str, str]:
    """Each item's digest with what became of it."""
    return dict(DeletionItem.objects.filter(plan=plan).values_list("digest", "outcome"))


def goes(plan: DeletionPlan) -> list[str]:
    """The digests in the plan, in order."""
    return list(plan.items.values_list("digest", flat=True))


def stays(plan: DeletionPlan) -> dict[str, str]:
    """Each kept digest with why."""
    return dict(plan.kept.values_list("digest", "because"))
