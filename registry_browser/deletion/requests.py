"""Who may ask for what, and when: approving, discarding and cancelling plans, and undoing them.

Every refusal is one sentence that names the thing and the next step. Faces have made sure that an
admin asks; what is checked here holds for admins too.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from registry_browser.deletion.evidence import evidence_of, glance_of, scope_of
from registry_browser.history import audit
from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    ItemUndo,
    Outcome,
    PlanPhase,
    PlanState,
    Presence,
    Registry,
    TagEvent,
    TagEventKind,
    UndoState,
)
from registry_browser.models.deletion import OPEN, UNDECIDED

_CHANGES_NAMED = 3


class DeletionRefused(ValueError):
    """What was asked is not possible; `str()` is the sentence for the person."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What changed in a plan's scope since it was made, as sentences; `more` are not named."""

    sentences: tuple[str, ...]
    more: int = 0

    def __str__(self) -> str:
        rest = f" {self.more:,} more changes followed." if self.more else ""
        return " ".join(self.sentences) + rest


def approve(plan: DeletionPlan, *, actor: str, now: datetime, words: str = "") -> DeletionPlan:
    """Approve a plan. Raises DeletionRefused; a plan whose record moved on is expired by asking."""
    with transaction.atomic():
        plan = _locked(plan)
        refusal = _why_not_to_approve(plan, actor, words)
        stale = "" if refusal else why_expired(plan, now)
        if stale:
            expire(plan, stale, actor=actor, now=now)
        elif not refusal:
            plan.state, plan.approver, plan.approved_at = PlanState.APPROVED, actor, now
            plan.save(update_fields=["state", "approver", "approved_at"])
            _audit("approved", plan, actor, now, manifests=plan.item_count)
    if refusal or stale:
        raise DeletionRefused(refusal or stale)
    return plan


def request_run(plan: DeletionPlan, *, actor: str, now: datetime) -> DeletionPlan:
    """Have an approved plan carried out by the next worker that is free. Raises DeletionRefused."""
    with transaction.atomic():
        plan = _locked(plan)
        if plan.state == PlanState.RUNNING or plan.phase == PlanPhase.WAITING:
            return plan
        if plan.state != PlanState.APPROVED:
            waits = plan.state == PlanState.PLANNED
            raise DeletionRefused(_not_in_state(plan, "run", "Approve it first." if waits else ""))
        require_deletion(plan)
        plan.runner, plan.phase = actor, PlanPhase.WAITING
        plan.heartbeat_at = now
        plan.save(update_fields=["runner", "phase", "heartbeat_at"])
        _audit("started", plan, actor, now, manifests=plan.item_count)
    return plan


def discard(plan: DeletionPlan, *, actor: str, now: datetime) -> None:
    """Give up a plan that has not run. Raises DeletionRefused."""
    with transaction.atomic():
        plan = _locked(plan)
        if plan.state not in UNDECIDED:
            raise DeletionRefused(_not_in_state(plan, "be discarded", "Cancel it instead."))
        _end_unrun(plan, "The plan was discarded.", now)
        _audit("discarded", plan, actor, now)


def cancel(plan: DeletionPlan, *, actor: str, now: datetime) -> None:
    """Ask a run to stop after the call that is under way. Raises DeletionRefused."""
    with transaction.atomic():
        plan = _locked(plan)
        if plan.state == PlanState.APPROVED and plan.phase == PlanPhase.WAITING:
            _end_unrun(plan, "It was cancelled before it began.", now)
        elif plan.state == PlanState.RUNNING and plan.phase == PlanPhase.DELETING:
            plan.cancel_requested = True
            plan.save(update_fields=["cancel_requested"])
        else:
            raise DeletionRefused(_not_in_state(plan, "be cancelled", "Nothing is being deleted."))
        _audit("cancelled", plan, actor, now)


def request_undo(plan: DeletionPlan, *, actor: str, now: datetime) -> DeletionPlan:
    """Have what a plan deleted pushed back. Raises DeletionRefused."""
    with transaction.atomic():
        plan = _locked(plan)
        if plan.is_undo_at_work:
            return plan
        if plan.is_at_work:
            raise DeletionRefused(f"Plan {plan.pk} is still running; stop it first, then undo it.")
        if plan.registry is None:
            raise DeletionRefused(_registry_removed(plan))
        items = undoable(plan)
        if not items.exists():
            raise DeletionRefused(
                f"Plan {plan.pk} has nothing to undo: it deleted nothing that is not back already."
            )
        count = items.update(undo=ItemUndo.WAITING, undo_detail="")
        plan.undo_state, plan.undo_actor, plan.undo_started_at = UndoState.RUNNING, actor, now
        plan.phase, plan.undo_error, plan.undo_finished_at = PlanPhase.PUSHING, "", None
        plan.heartbeat_at = now
        plan.save()
        _audit("undo-requested", plan, actor, now, manifests=count)
    return plan


def undoable(plan: DeletionPlan) -> QuerySet[DeletionItem]:
    """The items that went because of the plan and are not back."""
    gone = DeletionItem.objects.filter(plan=plan).exclude(undo=ItemUndo.PUSHED)
    return gone.filter(outcome=Outcome.DELETED) | gone.filter(went_along=True)


def require_deletion(plan: DeletionPlan) -> Registry:
    """The plan's registry, if it is there and deletion is switched on. Raises DeletionRefused."""
    if plan.registry is None:
        raise DeletionRefused(_registry_removed(plan))
    if not plan.registry.deletion_allowed:
        raise DeletionRefused(
            f"Deletion is not switched on for {plan.registry_name}. "
            "An admin can allow it in the settings of the registry."
        )
    return plan.registry


def why_expired(plan: DeletionPlan, now: datetime) -> str:
    """Why the plan is not true any more; empty while it is."""
    if plan.registry is None:
        return _registry_removed(plan)
    if now >= plan.expires_at:
        return (
            f"Plan {plan.pk} is older than a day. Make a new one: it reads the record as it is now."
        )
    scope = scope_of(plan.registry, plan.prefix, plan.digests)
    if evidence_of(scope).hash == plan.evidence:
        return ""
    moved = what_moved(plan)
    return f"The record has moved on since plan {plan.pk} was made. {moved} Make a new plan."


def seems_expired(plan: DeletionPlan, now: datetime) -> str:
    """The same at a glance, for a page: by counts and by what is new, not row by row. An approval
    looks at every row.
    """
    if plan.registry is None or now >= plan.expires_at:
        return why_expired(plan, now)
    newer_events = TagEvent.objects.filter(registry_id=plan.registry.pk, id__gt=plan.ledger_id)
    newer = Presence.objects.filter(id__gt=plan.presence_id, repository__registry=plan.registry)
    glance = glance_of(plan.registry, plan.prefix, plan.digests)
    if glance == plan.glance and not newer_events.exists() and not newer.exists():
        return ""
    return why_expired(plan, now)


def what_moved(plan: DeletionPlan) -> Moved:
    """What changed in the scope since the plan was made; for a page, from the newest rows alone."""
    if plan.registry is None:
        return Moved((_registry_removed(plan),))
    scope = scope_of(plan.registry, plan.prefix, plan.digests)
    events = TagEvent.objects.filter(
        registry_id=plan.registry.pk, id__gt=plan.ledger_id, repository_id__in=scope.ids
    ).order_by("id")
    named = list(events[: _CHANGES_NAMED + 1])
    sentences = [_sentence(event) for event in named[:_CHANGES_NAMED]]
    more = events.count() - len(sentences) if len(named) > _CHANGES_NAMED else 0
    pushed = Presence.objects.filter(id__gt=plan.presence_id, repository_id__in=scope.ids)
    if count := pushed.count():
        noun = "manifest is" if count == 1 else "manifests are"
        sentences.append(f"{count:,} {noun} new.")
    if not sentences:
        sentences.append("Manifests, repositories or locks in its scope are not what they were.")
    return Moved(tuple(sentences), more)


def expire(plan: DeletionPlan, reason: str, *, actor: str, now: datetime) -> None:
    """Mark a plan that has not run as expired, for a reason."""
    plan.state, plan.error, plan.phase = PlanState.EXPIRED, reason, PlanPhase.NONE
    plan.finished_at = now
    plan.save(update_fields=["state", "error", "phase", "finished_at"])
    _audit("expired", plan, actor, now, reason=reason)


def _why_not_to_approve(plan: DeletionPlan, actor: str, words: str) -> str:
    if plan.state != PlanState.PLANNED:
        return _not_in_state(plan, "be approved", "Make a new plan.")
    try:
        require_deletion(plan)
    except DeletionRefused as refused:
        return str(refused)
    if not plan.item_count:
        return f"Plan {plan.pk} deletes nothing; there is nothing to approve."
    if plan.needs_second_person and (why := _why_not_second(plan, actor)):
        return f"Plan {plan.pk} needs a second person{why}"
    if plan.words and words.strip() != plan.words:
        return f"Type {plan.words} to approve {plan.item_count:,} deletions."
    return ""


def _why_not_second(plan: DeletionPlan, actor: str) -> str:
    """Why `actor` is not the second person; empty if so. At a terminal of the machine nobody
    has made sure of who that is.
    """
    creator = audit.person(plan.creator)
    if actor.endswith(audit.AT_TERMINAL):
        return (
            ", and a command does not know who gives it: "
            f"another admin than {creator} approves it in the dashboard."
        )
    return f": another admin than {creator} approves it." if actor == creator else ""


def _end_unrun(plan: DeletionPlan, reason: str, now: datetime) -> None:
    plan.state, plan.phase, plan.finished_at = PlanState.CANCELLED, PlanPhase.NONE, now
    plan.error = reason
    plan.save(update_fields=["state", "phase", "finished_at", "error"])
    DeletionItem.objects.filter(plan=plan, outcome__in=OPEN).update(
        outcome=Outcome.CANCELLED, detail=reason
    )


def _locked(plan: DeletionPlan) -> DeletionPlan:
    return (
        DeletionPlan.objects.select_for_update(of=("self",))
        .select_related("registry")
        .get(pk=plan.pk)
    )


def _not_in_state(plan: DeletionPlan, verb: str, next_step: str) -> str:
    words = {
        PlanState.PLANNED: "waits for approval",
        PlanState.APPROVED: "is approved",
        PlanState.RUNNING: "is running",
        PlanState.DONE: "has run",
        PlanState.CANCELLED: "was cancelled",
        PlanState.FAILED: "has failed",
        PlanState.EXPIRED: "has expired",
    }
    return f"Plan {plan.pk} cannot {verb}: it {words[PlanState(plan.state)]}. {next_step}".strip()


def _registry_removed(plan: DeletionPlan) -> str:
    return f"The registry {plan.registry_name} was removed from the dashboard."


def _sentence(event: TagEvent) -> str:
    where = f"Tag {event.tag} in {event.path}"
    at = f"{event.seen_at:%H:%M:%S}"
    match event.kind:
        case TagEventKind.MOVED:
            return f"{where} moved at {at}."
        case TagEventKind.DELETED:
            return f"{where} was deleted at {at}."
        case TagEventKind.RESTORED:
            return f"{where} came back at {at}."
    return f"{where} was created at {at}."


def _audit(verb: str, plan: DeletionPlan, actor: str, now: datetime, **detail: object) -> None:
    audit.record(
        f"deletion:{verb}",
        actor=actor or "the clock",
        about=plan.scope,
        detail={"plan": plan.pk, **detail},
        now=now,
    )
