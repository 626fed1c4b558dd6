"""What `run_deletion` and `undo_deletion` share: finding a plan, a line for each outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.base import CommandError

from registry_browser.models import DeletionItem, DeletionPlan, ItemUndo, Outcome
from registry_browser.models.deletion import OPEN

if TYPE_CHECKING:
    from django.core.management.base import OutputWrapper


def find_plan(number: int) -> DeletionPlan:
    """The plan with this number. Raises CommandError."""
    plan = DeletionPlan.objects.select_related("registry").filter(pk=number).first()
    if plan is None:
        raise CommandError(f"There is no plan {number}. `manage.py plan_deletion NAME` makes one.")
    return plan


class OutcomeLines:
    """Writes each item once it is settled, in the order in which they are."""

    def __init__(self, stream: OutputWrapper, *, undo: bool = False) -> None:
        self._stream = stream
        self._undo = undo
        self._told: set[int] = set()

    def show(self, plan: DeletionPlan) -> None:
        items = DeletionItem.objects.filter(plan=plan).exclude(pk__in=self._told)
        if self._undo:
            settled = items.exclude(undo__in=(ItemUndo.NONE, ItemUndo.WAITING, ItemUndo.PUSHING))
        else:
            settled = items.exclude(outcome__in=OPEN)
        for item in settled:
            self._told.add(item.pk)
            self._stream.write(self._line(item))

    def _line(self, item: DeletionItem) -> str:
        where = f"{item.path}@{item.digest}"
        if self._undo:
            return f"{ItemUndo(item.undo).label}: {where} {item.undo_detail}".rstrip()
        status = f" ({item.status})" if item.status else ""
        return f"{Outcome(item.outcome).label}{status}: {where} {item.detail}".rstrip()
