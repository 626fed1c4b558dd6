"""Celery entry points, and the doors through which every face starts work. Messages carry ids; rows
carry the work.

Whatever is under way can lose its worker, its message or its database at any moment: `tick` finds
runs that nobody works on and sends them again, and `sync.run.work_on` goes on from the rows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from celery import Task, shared_task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from registry_browser.deletion import protections
from registry_browser.deletion import requests as deletion_requests
from registry_browser.deletion import work as deletion_work
from registry_browser.deletion.upkeep import expire_old_plans, orphaned_deletions
from registry_browser.history import audit, seals
from registry_browser.history.verify import verify
from registry_browser.models import (
    ACTIVE,
    DeletionPlan,
    NotificationEndpoint,
    PlanPhase,
    Protection,
    Registry,
    RunState,
    SignInFailures,
    SyncRun,
    SyncTrigger,
)
from registry_browser.notifications.receive import Receipt, receive
from registry_browser.notifications.run import (
    forget_old_deliveries,
    forgotten_endpoints,
    note_run,
    take_due,
)
from registry_browser.sync.connect import connect
from registry_browser.sync.explain import settle_held
from registry_browser.sync.figures.locks import apply_locks
from registry_browser.sync.figures.trends import forget_old_figures
from registry_browser.sync.reading.listing import is_followed
from registry_browser.sync.requests import request_sync
from registry_browser.sync.run import SliceResult, work_on
from registry_browser.sync.told import LOOK_AGAIN_AFTER, look_again
from registry_browser.sync.upkeep import forget_old_runs, orphaned_runs

log = structlog.get_logger(__name__)

ORPHANED_AFTER = timedelta(seconds=20)
"""A run without a sign of life for so long, whose registry nobody crawls, has lost its worker."""


def start_sync(
    registry: Registry,
    *,
    trigger: SyncTrigger,
    now: datetime,
    actor: str = "",
    paths: Sequence[str] = (),
    full_check: bool = False,
    believe_absences: bool = False,
    on_unsent: Callable[[], None] = lambda: None,
) -> SyncRun:
    """Ask for a sync and have a worker do it. Returns the run, which may be one that was under way
    already. `on_unsent` is called where the broker is away, so that the run has to wait for `tick`.
    """
    with transaction.atomic():
        run = request_sync(
            registry,
            trigger=trigger,
            now=now,
            actor=actor,
            paths=paths,
            full_check=full_check,
            believe_absences=believe_absences,
        )
        _send_on_commit(crawl, run.pk, on_unsent)
    return run


def _send_on_commit(
    task: "Task[[int], None]", pk: int, on_unsent: Callable[[], None] = lambda: None
) -> None:
    """Have a worker work on this row once it is there.

    A broker that is away costs nobody their page: `tick` finds the row and sends it again.
    """

    def send() -> None:
        try:
            task.delay(pk)
        except OperationalError as error:
            log.warning("broker_is_away", task=task.name, row=pk, error=str(error))
            on_unsent()

    transaction.on_commit(send, robust=True)


def sync_in_foreground(
    registry: Registry,
    *,
    now: datetime,
    actor: str = "",
    paths: Sequence[str] = (),
    full_check: bool = False,
    on_progress: Callable[[SyncRun], None] = lambda run: None,
) -> SyncRun:
    """Ask for a sync and do it here, or watch the worker that does it already. Returns the run when
    it is over.
    """
    run = request_sync(
        registry,
        trigger=SyncTrigger.COMMAND,
        now=now,
        actor=actor,
        paths=paths,
        full_check=full_check,
    )

    def report() -> None:
        run.refresh_from_db()
        on_progress(run)

    while (
        result := work_on(run.pk, clock=timezone.now, on_progress=report)
    ) is not SliceResult.OVER:
        report()
        if result in (SliceResult.BUSY, SliceResult.WAITS):
            time.sleep(0.5)
    report()
    return run


@shared_task
def crawl(run_id: int) -> None:
    """One slice of a run; sends itself again while there is more to do. Where the registry wants us
    to wait, `tick` sends it when that is over.
    """
    match work_on(run_id, clock=timezone.now):
        case SliceResult.MORE:
            crawl.delay(run_id)
        case SliceResult.OVER:
            for plan in DeletionPlan.objects.filter(sync_run_id=run_id, phase=PlanPhase.SYNCING):
                delete.delay(plan.pk)
            _send_next_run(run_id)
            _send_to_look_again(run_id)


def _send_next_run(run_id: int) -> None:
    """A run that was asked for while this one was ending has found the registry busy."""
    registries = SyncRun.objects.filter(pk=run_id).values("registry")
    waiting = SyncRun.objects.filter(registry__in=registries, state=RunState.QUEUED)
    for pk in waiting.values_list("pk", flat=True):
        crawl.delay(pk)


def take_notification(
    endpoint: NotificationEndpoint, body: bytes, headers: Mapping[str, str], *, now: datetime
) -> Receipt:
    """Store what a registry tells and have a worker sync what it names. Returns what to answer."""
    with transaction.atomic():
        receipt = receive(endpoint, body, headers, now=now)
        if receipt.is_first_waiting:
            _send_on_commit(sync_told, endpoint.pk)
    return receipt


@shared_task
def sync_told(endpoint_id: int) -> None:
    """Sync the repositories that waiting deliveries name, all of them in one run."""
    with transaction.atomic():
        if (due := take_due(endpoint_id)) is None or not due.deliveries:
            return
        paths = [path for path in due.paths if is_followed(path, due.registry.follow)]
        now = timezone.now()
        run = (
            request_sync(due.registry, trigger=SyncTrigger.NOTIFICATION, now=now, paths=paths)
            if paths
            else None
        )
        note_run(due, run)
        # Whoever is at work on a running one finds what was added to it.
        if run is not None and run.state == RunState.QUEUED:
            _send_on_commit(crawl, run.pk)


def _send_to_look_again(run_id: int) -> None:
    """A run may have looked a moment before what was told of could be seen."""
    now = timezone.now()
    looked = SyncRun.objects.filter(pk=run_id, state__in=(RunState.DONE, RunState.INCOMPLETE))
    for registry_id in looked.values_list("registry_id", flat=True):
        if due := look_again(registry_id, now).values():
            wait = max(min(due) - now, LOOK_AGAIN_AFTER)
            sync_unseen.apply_async((registry_id,), countdown=wait.total_seconds())


@shared_task
def sync_unseen(registry_id: int) -> None:
    """Look again where what was told has not been seen. Runs that end later ask for this anew."""
    now = timezone.now()
    paths = [path for path, due in look_again(registry_id, now).items() if due <= now]
    if paths:
        registry = Registry.objects.get(pk=registry_id)
        start_sync(registry, trigger=SyncTrigger.NOTIFICATION, now=now, paths=paths)


def start_deletion(plan: DeletionPlan, *, actor: str, now: datetime) -> DeletionPlan:
    """Have a worker carry out an approved plan. Raises DeletionRefused."""
    with transaction.atomic():
        plan = deletion_requests.request_run(plan, actor=actor, now=now)
        _send_on_commit(delete, plan.pk)
    return plan


def start_undo(plan: DeletionPlan, *, actor: str, now: datetime) -> DeletionPlan:
    """Have a worker push back what a plan deleted. Raises DeletionRefused."""
    with transaction.atomic():
        plan = deletion_requests.request_undo(plan, actor=actor, now=now)
        _send_on_commit(delete, plan.pk)
    return plan


def set_lock(
    registry: Registry, *, path: str, digest: str, reason: str, actor: str, now: datetime
) -> Protection:
    """Lock something, and have states and figures follow. Raises DeletionRefused."""
    with transaction.atomic():
        lock = protections.protect(
            registry, path=path, digest=digest, reason=reason, actor=actor, now=now
        )
        _send_on_commit(follow_locks, registry.pk)
    return lock


def remove_lock(lock: Protection, *, actor: str, now: datetime) -> None:
    """Take a lock away, and have states and figures follow."""
    with transaction.atomic():
        registry_id = lock.registry_id
        protections.unprotect(lock, actor=actor, now=now)
        _send_on_commit(follow_locks, registry_id)


@shared_task
def follow_locks(registry_id: int) -> None:
    """Have states and figures follow the locks; while a crawl is under way, `tick` asks again."""
    apply_locks(registry_id, now=timezone.now())


def delete_in_foreground(
    plan: DeletionPlan,
    *,
    actor: str,
    on_progress: Callable[[DeletionPlan], None] = lambda plan: None,
) -> DeletionPlan:
    """Do here what was asked of a plan, its run or its undo, with the sync in between; or watch the
    worker that does it already. Returns the plan when it is over.
    """

    def report() -> None:
        plan.refresh_from_db()
        on_progress(plan)

    while (
        result := deletion_work.work_on(
            plan.pk, clock=timezone.now, connect=connect, on_progress=report
        )
    ) is not deletion_work.SliceResult.OVER:
        report()
        if result is deletion_work.SliceResult.BUSY:
            time.sleep(0.5)
        if (due := deletion_work.sync_due(plan.pk)) is not None:
            registry, paths = due
            run = sync_in_foreground(
                registry, now=timezone.now(), actor=actor, paths=paths, full_check=True
            )
            deletion_work.note_sync(plan.pk, run)
    report()
    return plan


@shared_task
def delete(plan_id: int) -> None:
    """One slice of a plan's run or undo; then the next, the sync in between, or the next plan."""
    match deletion_work.work_on(plan_id, clock=timezone.now, connect=connect):
        case deletion_work.SliceResult.MORE:
            delete.delay(plan_id)
        case deletion_work.SliceResult.SYNC:
            _sync_for(plan_id)
        case deletion_work.SliceResult.OVER:
            _send_next_plan(plan_id)


def _sync_for(plan_id: int) -> None:
    """See what a deletion changed: with a full check, since nothing else finds what has no tag."""
    if (due := deletion_work.sync_due(plan_id)) is None:
        return
    registry, paths = due
    with transaction.atomic():
        run = start_sync(
            registry,
            trigger=SyncTrigger.DELETION,
            now=timezone.now(),
            paths=paths,
            full_check=True,
        )
        deletion_work.note_sync(plan_id, run)


def _send_next_plan(plan_id: int) -> None:
    """A plan of the same registry may have waited for this one."""
    registries = DeletionPlan.objects.filter(pk=plan_id).values("registry")
    waiting = DeletionPlan.objects.filter(registry__in=registries, phase=PlanPhase.WAITING)
    if (plan := waiting.order_by("pk").first()) is not None:
        delete.delay(plan.pk)


@shared_task
def tick() -> None:
    """What the clock asks for. Parts that fail are told together at the end: none of them keeps
    the others from being done.
    """
    now = timezone.now()
    failures: list[Exception] = []
    for part in (
        _start_what_is_due,
        _send_again_what_was_lost,
        settle_held,
        expire_old_plans,
        forget_old_deliveries,
        _seal_what_is_due,
    ):
        try:
            part(now)
        except Exception as failure:
            failure.add_note(f"In a tick, from {part.__name__}.")
            failures.append(failure)
    if failures:
        raise ExceptionGroup("Parts of a tick failed", failures)


def _start_what_is_due(now: datetime) -> None:
    """Registries whose time has come; one that fails keeps no other from its sync."""
    failures: list[Exception] = []
    # A sync of some repositories that is under way is widened.
    under_way = SyncRun.objects.filter(state__in=ACTIVE, whole=True).values("registry")
    for registry in Registry.objects.filter(next_sync_at__lte=now).exclude(pk__in=under_way):
        is_check_due = registry.next_check_at is not None and registry.next_check_at <= now
        try:
            start_sync(registry, trigger=SyncTrigger.SCHEDULE, now=now, full_check=is_check_due)
        except Exception as failure:
            failure.add_note(f"When a sync of {registry.name} was due.")
            failures.append(failure)
    if failures:
        raise ExceptionGroup("Syncs that are due did not start", failures)


def _send_again_what_was_lost(now: datetime) -> None:
    """Runs and deletions that lost their worker, locks that the figures do not know, deliveries
    that nobody took.
    """
    for run in orphaned_runs(now, silent_for=ORPHANED_AFTER):
        log.info("sync_resumed", run=run.pk, registry=run.registry.name)
        crawl.delay(run.pk)
    for plan in orphaned_deletions(now, silent_for=ORPHANED_AFTER):
        log.info("deletion_resumed", plan=plan.pk, registry=plan.registry_name)
        delete.delay(plan.pk)
    for registry in Registry.objects.filter(locks_changed_at__isnull=False):
        follow_locks.delay(registry.pk)
    for endpoint in forgotten_endpoints(now):
        sync_told.delay(endpoint)


def _seal_what_is_due(now: datetime) -> None:
    if seals.is_due(now):
        seals.seal_all(now)


@shared_task
def forget() -> None:
    """What is old enough to forget, and takes a while to find: asked for once a day."""
    now = timezone.now()
    forget_old_figures(now)
    forget_old_runs(now)
    SignInFailures.objects.filter(forgotten_at__lte=now).delete()


def start_verification(*, actor: str, now: datetime) -> None:
    """Have a worker recompute every seal; the audit trail says what came of it."""
    with transaction.atomic():
        audit.record("history:verify", actor=actor, now=now)
        # Where the broker is away nothing comes of it; the person may ask again.
        transaction.on_commit(lambda: verify_history.delay(actor), robust=True)


@shared_task
def verify_history(actor: str) -> None:
    """Recompute the seals for a person and write the outcome into the audit trail."""
    found = verify()
    action = "history:verified" if found.holds else "history:broken"
    detail = {"seals": found.seals, "rows": found.rows, "outcome": found.sentence}
    audit.record(action, actor=actor, detail=detail, now=timezone.now())
