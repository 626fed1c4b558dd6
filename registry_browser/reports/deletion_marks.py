"""Which deletions ran when: the moments worth a line in a trend of stored bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import DeletionPlan

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.models import Registry


@dataclass(frozen=True, slots=True)
class DeletionMark:
    """A run of a plan that deleted something, by its end."""

    plan: int
    finished_at: datetime
    freed_bytes: int


def deletion_marks(registry: Registry, since: datetime) -> list[DeletionMark]:
    """Those since then, oldest first; by the index `deletion_plan_registry`."""
    plans = DeletionPlan.objects.filter(
        registry=registry, finished_at__gte=since, freed_bytes__gt=0
    ).order_by("id")
    return [
        DeletionMark(plan, finished_at, freed)
        for plan, finished_at, freed in plans.values_list("pk", "finished_at", "freed_bytes")
        if finished_at is not None
    ]
