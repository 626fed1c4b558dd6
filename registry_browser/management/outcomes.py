"""What `run_deletion` and `undo_deletion` share: finding a plan, a line for each outcome."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from django.core.management.base import CommandError

from registry_browser.models import DeletionItem, DeletionPlan, ItemUndo, Outcome
from registry_browser.models.deletion import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core.management.base import OutputWrapper


def find_plan(number: int) -> DeletionPlan:
    """The plan with this number. Raises CommandError."""
    plan = DeletionPlan.objects.select_related("registry").filter(pk=number).first()
    if plan is None:
        raise CommandError(f"There is no plan {number}. `manage.py plan_deletion NAME` makes one.")
    return plan


REST = 10
"""Between two looks for settled items lies this multiple of the time that a look takes: it grows
with the plan, and may not hold up the work it tells of.
"""


class OutcomeLines:
    """Writes each item once it is settled, in the order in which they are; as a context, the last
    ones at its end.
    """

    def __init__(
        self,
        stream: OutputWrapper,
        plan: DeletionPlan,
        *,
        undo: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._plan = plan
        self._undo = undo
        self._clock = clock
        self._told: set[int] = set()
        self._rests_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._look()

    def show(self, plan: DeletionPlan) -> None:
        """Write what is settled by now; called after each item, and looks now and then."""
        began = self._clock()
        if began >= self._rests_until:
            self._look()
            ended = self._clock()
            self._rests_until = ended + REST * (ended - began)

    def _look(self) -> None:
        items = DeletionItem.objects.filter(plan=self._plan)
        if self._undo:
            settled = items.exclude(undo__in=(ItemUndo.NONE, ItemUndo.WAITING, ItemUndo.PUSHING))
        else:
            settled = items.exclude(outcome__in=OPEN)
        new = [pk for pk in settled.values_list("pk", flat=True) if pk not in self._told]
        for item in items.filter(pk__in=new):
            self._stream.write(self._line(item))
        self._told.update(new)

    def _line(self, item: DeletionItem) -> str:
        where = f"{item.path}@{item.digest}"
        if self._undo:
            return f"{ItemUndo(item.undo).label}: {where} {item.undo_detail}".rstrip()
        status = f" ({item.status})" if item.status else ""
        return f"{Outcome(item.outcome).label}{status}: {where} {item.detail}".rstrip()
