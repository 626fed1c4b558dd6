"""States and figures after a lock was set or taken away: what it covers is kept, or dangles."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from registry_browser.models import Registry, Repository
from registry_browser.models.work_lock import CRAWL
from registry_browser.sync.figures.counts import refresh_registry, refresh_repositories
from registry_browser.sync.figures.liveness import refresh_states

BATCH = 200
"""Repositories whose states are computed in one transaction."""


def apply_locks(registry_id: int, *, now: datetime) -> bool:
    """Compute anew the states of what no tag reaches, in all of the registry. Returns False where a
    crawl is under way: counts change in one place at a time, so it stays due.
    """
    with CRAWL.taken(registry_id) as locked:
        if not locked:
            return False
        registry = Registry.objects.filter(pk=registry_id).first()
        if registry is None or (changed_at := registry.locks_changed_at) is None:
            return True
        repositories = Repository.objects.filter(registry=registry, gone_at=None)
        unreached = list(
            repositories.filter(Q(dangling_count__gt=0) | Q(kept_count__gt=0))
            .order_by("pk")
            .values_list("pk", flat=True)
        )
        for start in range(0, len(unreached), BATCH):
            batch = unreached[start : start + BATCH]
            with transaction.atomic():
                Registry.objects.hold(registry_id)
                refresh_repositories(refresh_states(registry_id, dict.fromkeys(batch, now)))
        refresh_registry(registry)
        # A lock that was set meanwhile leaves its own moment.
        followed = Registry.objects.filter(pk=registry_id, locks_changed_at=changed_at)
        followed.update(locks_changed_at=None)
    return True
