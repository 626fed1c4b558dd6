"""Which deletions ran when: the moments worth a line in a trend of stored bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from registry_browser.models import DeletionItem, DeletionPlan, Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.models import Registry


@dataclass(frozen=True, slots=True)
class DeletionMark:
    """A run of a plan that deleted something, by its end."""

    plan: int
    finished_at: datetime
    freed_bytes: int


def deletion_marks(registry: Registry, since: datetime, path: str = "") -> list[DeletionMark]:
    """Those since then that deleted something at or below `path`, oldest first; by the index
    `deletion_plan_registry`.
    """
    plans = DeletionPlan.objects.filter(
        registry=registry, finished_at__gte=since, freed_bytes__gt=0
    ).order_by("id")
    if path:
        here = Q(path=path) | Q(path__gte=f"{path}/", path__lt=f"{path}0")
        deleted = DeletionItem.objects.filter(here, plan=OuterRef("pk"), outcome=Outcome.DELETED)
        plans = plans.filter(Exists(deleted))
    return [
        DeletionMark(plan, finished_at, freed)
        for plan, finished_at, freed in plans.values_list("pk", "finished_at", "freed_bytes")
        if finished_at is not None
    ]
