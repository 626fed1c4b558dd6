"""What time does to runs: some lose their worker, old ones are forgotten."""

from datetime import datetime, timedelta

from django.db.models import Q

from registry_browser.models import ACTIVE, SyncItem, SyncRun
from registry_browser.models.work_lock import CRAWL

RUNS_KEPT = timedelta(days=180)
ITEMS_KEPT = timedelta(days=2)


def orphaned_runs(now: datetime, *, silent_for: timedelta) -> list[SyncRun]:
    """Active runs that nobody has worked on for so long, except those that wait because their
    registry asked for it: their message was lost, or their worker.
    """
    silent_since = now - silent_for
    runs = SyncRun.objects.select_related("registry").filter(
        Q(heartbeat_at__lt=silent_since) | Q(heartbeat_at=None, created_at__lt=silent_since),
        state__in=ACTIVE,
    )
    runs = runs.exclude(rate_limited_until__gt=now, cancel_requested=False)
    return [run for run in runs if not CRAWL.is_taken(run.registry_id)]


def forget_old_runs(now: datetime) -> None:
    """Details of runs go after two days where nothing happened: each sync of a large registry adds
    ten thousand. The runs themselves, with their figures, go much later.
    """
    SyncItem.objects.filter(
        run__finished_at__lt=now - ITEMS_KEPT, created=0, moved=0, deleted=0, restored=0, detail=""
    ).delete()
    SyncRun.objects.filter(finished_at__lt=now - RUNS_KEPT).exclude(state__in=ACTIVE).delete()
