"""A plan's way through its phases, in slices; each goes on from the rows that the last one left.

    waiting ▶ deleting ▶ (sync) ▶ walking ▶ over          pushing ▶ (sync) ▶ over

Syncing is another operation: this says that it is due (`SliceResult.SYNC`), and `tasks` puts the
two together.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction

from registry_browser.deletion.progress import (
    freed_bytes,
    note_what_is_there_again,
    note_what_took_effect_late,
)
from registry_browser.deletion.requests import (
    DeletionRefused,
    expire,
    require_deletion,
    why_expired,
)
from registry_browser.deletion.run import Run, after_deleting, end_state
from registry_browser.deletion.undo import Undo, end_undo
from registry_browser.deletion.upkeep import must_wait
from registry_browser.deletion.walk import touched_paths, walk
from registry_browser.history import audit
from registry_browser.models import (
    ACTIVE,
    DeletionItem,
    DeletionPlan,
    ItemUndo,
    Outcome,
    PlanPhase,
    PlanState,
    Registry,
    RunState,
    SecretIsLost,
    SyncRun,
    UndoState,
)
from registry_browser.models.work_lock import DELETION
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import InvalidEndpoint

log = structlog.get_logger(__name__)

SLICE_SECONDS = 60.0
Clock = Callable[[], datetime]
Connect = Callable[[Registry], RegistryClient]


class SliceResult(Enum):
    """What became of one slice."""

    OVER = "over"
    MORE = "more"
    SYNC = "sync"
    """The touched repositories must be synced before it goes on."""
    BUSY = "busy"
    """Somebody else is deleting in this registry, the sync is under way, or the registry wants a
    longer time without us.
    """


def work_on(
    plan_id: int,
    *,
    clock: Clock,
    connect: Connect,
    seconds: float = SLICE_SECONDS,
    on_progress: Callable[[], None] = lambda: None,
) -> SliceResult:
    """Work on a plan for about `seconds`. Safe to call at any time, any number of times, from
    anywhere: a lock keeps two from deleting in one registry at once.
    """
    at_work = DeletionPlan.objects.at_work().select_related("registry").filter(pk=plan_id)
    if (waiting := at_work.first()) is None:
        return SliceResult.OVER
    if waiting.registry is None:
        return _give_up(waiting, f"The registry {waiting.registry_name} was removed.", clock())
    with DELETION.taken(waiting.registry.pk) as locked:
        if not locked:
            return SliceResult.BUSY
        # Read again: whoever held the lock until now may have ended it.
        plan = at_work.first()
        if plan is None or plan.registry is None:
            return SliceResult.OVER
        log.info("deletion_slice_started", plan=plan.pk, phase=plan.phase)
        result = _Slice(plan, plan.registry, clock, connect, seconds, on_progress).go()
        log.info("deletion_slice_ended", plan=plan.pk, result=result.value)
        return result


class _Slice:
    def __init__(
        self,
        plan: DeletionPlan,
        registry: Registry,
        clock: Clock,
        connect: Connect,
        seconds: float,
        on_progress: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._registry = registry
        self._clock = clock
        self._connect = connect
        self._seconds = seconds
        self._on_progress = on_progress

    def go(self) -> SliceResult:
        now = self._clock()
        DeletionPlan.objects.filter(pk=self._plan.pk).update(heartbeat_at=now)
        if must_wait(self._plan, now):
            return SliceResult.BUSY
        match self._plan.phase:
            case PlanPhase.WAITING:
                return self._start()
            case PlanPhase.DELETING:
                return self._delete()
            case PlanPhase.PUSHING:
                return self._push()
            case PlanPhase.SYNCING:
                return self._after_sync()
        return self._walk()

    def _start(self) -> SliceResult:
        """Begin, if the plan is still true: the last moment at which the whole is looked at.

        Looking takes a while, in which a person may have cancelled or discarded it.
        """
        try:
            require_deletion(self._plan)
            stale = why_expired(self._plan, self._clock())
        except DeletionRefused as refused:
            stale = str(refused)
        with transaction.atomic():
            waiting = DeletionPlan.objects.select_for_update().filter(
                pk=self._plan.pk, state=PlanState.APPROVED, phase=PlanPhase.WAITING
            )
            if waiting.first() is None:
                return SliceResult.OVER
            if stale:
                expire(self._plan, stale, actor=self._plan.runner, now=self._clock())
                return SliceResult.OVER
            self._plan.state, self._plan.started_at = PlanState.RUNNING, self._clock()
            _enter(self._plan, PlanPhase.DELETING, "state", "started_at")
        return self._delete()

    def _delete(self) -> SliceResult:
        client = self._client()
        if client is None:
            return SliceResult.OVER
        over = async_to_sync(self._deleting)(client)
        self._note_wait(client)
        self._plan.refresh_from_db()
        self._plan.freed_bytes = freed_bytes(self._plan)
        self._plan.save(update_fields=["freed_bytes"])
        if not over:
            return SliceResult.MORE
        if after_deleting(self._plan) == PlanPhase.NONE:
            return _finish(self._plan, self._clock())
        _enter(self._plan, PlanPhase.SYNCING)
        return SliceResult.SYNC

    async def _deleting(self, client: RegistryClient) -> bool:
        async with client:
            run = Run(
                self._plan,
                self._registry,
                client,
                clock=self._clock,
                seconds=self._seconds,
                on_progress=self._on_progress,
            )
            return await run.go()

    def _push(self) -> SliceResult:
        client = self._client()
        if client is None:
            return SliceResult.OVER
        over = async_to_sync(self._pushing)(client)
        self._note_wait(client)
        self._plan.refresh_from_db()
        if not over:
            return SliceResult.MORE
        _enter(self._plan, PlanPhase.SYNCING)
        return SliceResult.SYNC

    async def _pushing(self, client: RegistryClient) -> bool:
        async with client:
            undo = Undo(
                self._plan,
                self._registry,
                client,
                clock=self._clock,
                seconds=self._seconds,
                on_progress=self._on_progress,
            )
            return await undo.go()

    def _after_sync(self) -> SliceResult:
        if self._plan.sync_run_id is None:
            return SliceResult.SYNC
        sync = SyncRun.objects.filter(pk=self._plan.sync_run_id).first()
        if sync is not None and sync.state in ACTIVE:
            return SliceResult.BUSY
        if self._plan.undo_state == UndoState.RUNNING:
            return _finish_undo(self._plan, self._clock())
        if sync is not None and sync.state == RunState.FAILED:
            # The registry does not answer: a walk would find nothing but that.
            self._plan.walk = {"problems": [f"Not walked: {sync.error}"], "problem_count": 1}
            self._plan.save(update_fields=["walk"])
            return _finish(self._plan, self._clock())
        _enter(self._plan, PlanPhase.WALKING)
        return self.go()

    def _walk(self) -> SliceResult:
        client = self._client()
        if client is None:
            return SliceResult.OVER
        self._plan.walk = async_to_sync(self._walking)(client)
        self._note_wait(client)
        self._plan.walked_at = self._clock()
        note_what_took_effect_late(self._plan)
        note_what_is_there_again(self._plan)
        self._plan.freed_bytes = freed_bytes(self._plan)
        self._plan.save(update_fields=["walk", "walked_at", "freed_bytes"])
        return _finish(self._plan, self._clock())

    async def _walking(self, client: RegistryClient) -> dict[str, object]:
        async with client:
            result = await walk(
                self._plan, self._registry, client, sync_to_async(self._on_progress)
            )
            return result.as_json()

    def _client(self) -> RegistryClient | None:
        try:
            client = self._connect(self._registry)
        except (InvalidEndpoint, SecretIsLost) as error:
            _give_up(self._plan, str(error), self._clock())
            return None
        # Leaves room for a crawl, which makes room for a deletion; see `Crawl._write_progress`.
        client.share_pace(2)
        now = self._clock()
        until = SyncRun.objects.rate_limited_until(self._registry.pk, now)
        if until is not None:
            # It stops at a person's wish: that asks nothing of the registry either.
            client.keep_closed((until - now).total_seconds())
        return client

    def _note_wait(self, client: RegistryClient) -> None:
        """A longer time without us that the registry asked for holds for every slice and run."""
        if client.closed_for:
            until = self._clock() + timedelta(seconds=client.closed_for)
            SyncRun.objects.note_rate_limit(self._registry.pk, until)


def outcomes(plan: DeletionPlan) -> dict[str, int]:
    """How many items ended how."""
    counted: dict[str, int] = {}
    for outcome in DeletionItem.objects.filter(plan=plan).values_list("outcome", flat=True):
        counted[outcome] = counted.get(outcome, 0) + 1
    return counted


def sync_due(plan_id: int) -> tuple[Registry, list[str]] | None:
    """The registry and the repositories to sync for a plan that waits for it; None if none is."""
    plan = (
        DeletionPlan.objects.select_related("registry")
        .filter(pk=plan_id, phase=PlanPhase.SYNCING, sync_run_id=None)
        .first()
    )
    if plan is None or plan.registry is None:
        return None
    return plan.registry, touched_paths(plan)


def note_sync(plan_id: int, run: SyncRun) -> None:
    """The sync that a plan waits for."""
    DeletionPlan.objects.filter(pk=plan_id, phase=PlanPhase.SYNCING).update(sync_run_id=run.pk)


def _enter(plan: DeletionPlan, phase: PlanPhase, *fields: str) -> None:
    plan.phase = phase
    if phase != PlanPhase.SYNCING:
        plan.sync_run_id = None
    plan.save(update_fields=["phase", "sync_run_id", *fields])


def _finish(plan: DeletionPlan, now: datetime) -> SliceResult:
    plan.state, plan.finished_at = end_state(plan), now
    _enter(plan, PlanPhase.NONE, "state", "error", "finished_at")
    audit.record(
        "deletion:ended",
        actor=plan.runner,
        about=plan.scope,
        detail={"plan": plan.pk, "state": plan.state, **outcomes(plan)},
        now=now,
    )
    return SliceResult.OVER


def _finish_undo(plan: DeletionPlan, now: datetime) -> SliceResult:
    end_undo(plan, now)
    _enter(plan, PlanPhase.NONE, "undo_error")
    audit.record(
        "deletion:undone",
        actor=plan.undo_actor,
        about=plan.scope,
        detail={"plan": plan.pk, "state": plan.undo_state},
        now=now,
    )
    return SliceResult.OVER


def _give_up(plan: DeletionPlan, reason: str, now: datetime) -> SliceResult:
    """The registry cannot even be spoken to: what is open was not tried. Nothing if another worker
    has given it up already.
    """
    with transaction.atomic():
        at_work = DeletionPlan.objects.at_work().select_for_update()
        if at_work.filter(pk=plan.pk).first() is None:
            return SliceResult.OVER
        return _end_untried(plan, reason, now)


def _end_untried(plan: DeletionPlan, reason: str, now: datetime) -> SliceResult:
    items = DeletionItem.objects.filter(plan=plan)
    not_tried = f"Not tried. {reason}"
    if plan.undo_state == UndoState.RUNNING:
        items.filter(undo=ItemUndo.WAITING).update(undo=ItemUndo.FAILED, undo_detail=not_tried)
        items.filter(undo=ItemUndo.PUSHING).update(
            undo=ItemUndo.FAILED, undo_detail=f"It is not known whether it is back. {reason}"
        )
        plan.undo_error = reason
        return _finish_undo(plan, now)
    items.filter(outcome=Outcome.WAITING).update(
        outcome=Outcome.CANCELLED, detail=not_tried, finished_at=now
    )
    items.filter(outcome=Outcome.DELETING).update(
        outcome=Outcome.NO_ANSWER,
        detail=f"It is not known whether it was deleted. {reason}",
        finished_at=now,
    )
    plan.error = reason
    return _finish(plan, now)
