"""What went wrong in runs, repository by repository."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from registry_browser.models import ItemState, SyncItem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def run_errors(runs: Collection[int], *, each: int) -> Mapping[int, list[str]]:
    """The first `each` incomplete repositories of each run by path, as `path: reason`; one
    statement.

    The index `sync_item_state` finds them without reading the repositories that went well.
    """
    place = Window(RowNumber(), partition_by=F("run_id"), order_by="path")
    incomplete = SyncItem.objects.filter(run_id__in=runs, state=ItemState.INCOMPLETE).annotate(
        place=place
    )
    found: defaultdict[int, list[str]] = defaultdict(list)
    for run, path, detail in (
        incomplete.filter(place__lte=each)
        .order_by("run_id", "path")
        .values_list("run_id", "path", "detail")
    ):
        found[run].append(f"{path}: {detail}" if detail else path)
    return found
