"""What time does to plans: some lose their worker, some must wait, others are never run."""

from datetime import datetime, timedelta

from registry_browser.deletion.requests import expire
from registry_browser.models import ACTIVE, DeletionPlan, PlanPhase, SyncRun
from registry_browser.models.deletion import UNDECIDED
from registry_browser.models.work_lock import DELETION


def orphaned_deletions(now: datetime, *, silent_for: timedelta) -> list[DeletionPlan]:
    """Plans whose run or undo nobody has worked on for so long, and that wait for no sync under
    way nor because their registry asked for it: their message was lost, or their worker.
    """
    plans = DeletionPlan.objects.at_work().filter(heartbeat_at__lt=now - silent_for)
    syncing = set(
        SyncRun.objects.filter(
            pk__in=[plan.sync_run_id for plan in plans if plan.sync_run_id], state__in=ACTIVE
        ).values_list("pk", flat=True)
    )
    return [
        plan
        for plan in plans
        if plan.sync_run_id not in syncing
        and not must_wait(plan, now)
        and (plan.registry_id is None or not DELETION.is_taken(plan.registry_id))
    ]


def must_wait(plan: DeletionPlan, now: datetime) -> bool:
    """Whether a plan can do nothing now but ask its registry, which wants a longer time without us.
    To stop because a person wishes it needs no answer.
    """
    if plan.registry_id is None or plan.phase == PlanPhase.SYNCING:
        return False
    if plan.phase == PlanPhase.DELETING and plan.cancel_requested:
        return False
    return SyncRun.objects.rate_limited_until(plan.registry_id, now) is not None


def expire_old_plans(now: datetime) -> int:
    """Expire plans whose time has passed and that nobody started. Returns how many."""
    old = list(
        DeletionPlan.objects.filter(state__in=UNDECIDED, phase=PlanPhase.NONE, expires_at__lte=now)
    )
    for plan in old:
        expire(plan, f"Nobody ran plan {plan.pk} within a day.", actor="", now=now)
    return len(old)
