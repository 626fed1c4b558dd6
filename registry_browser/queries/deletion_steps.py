"""The steps of a run or an undo, as a page lists them beside the progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import PlanPhase, UndoState

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.queries.deletion_rows import PlanRow

_PHASES = (PlanPhase.DELETING, PlanPhase.SYNCING, PlanPhase.WALKING)


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a run. `state` is done, now, stopped or later; `figure` how far it came, `at`
    when it was over.
    """

    word: str
    state: str
    figure: str = ""
    at: datetime | None = None


def steps_of(plan: PlanRow) -> list[PlanStep]:
    """What happens, in order, and where it is."""
    approved = PlanStep(f"Approved by {plan.approver}", "done", at=plan.approved_at)
    if plan.is_undo_at_work:
        at = 0 if plan.phase == PlanPhase.PUSHING else 1
        pushed = f"{plan.undo_done:,} / {plan.undo_total:,}"
        return [
            PlanStep("Push back by digest", "now" if at == 0 else "done", pushed),
            PlanStep("Sync the repositories", "now" if at == 1 else "later"),
        ]
    count = plan.counts.get("repositories", 0)
    sync = f"Sync {count:,} {'repository' if count == 1 else 'repositories'}"
    tags = f"Walk the graph of all {plan.walk.get('tags', plan.tag_count):,} tags"
    words = ("Delete by digest", sync, tags)
    figures = (f"{plan.done:,} / {plan.item_count:,}", "", "")
    if plan.phase in _PHASES:
        at = _PHASES.index(PlanPhase(plan.phase))
    else:
        at = -1 if plan.is_at_work else len(words)
    steps = [
        PlanStep(word, "done" if n < at else "now" if n == at else "later", figures[n])
        for n, word in enumerate(words)
    ]
    if at == len(words) and plan.not_tried:
        steps[0] = PlanStep(words[0], "stopped", figures[0])
    if at == len(words) and plan.walked_at is None:
        steps[2] = PlanStep(tags, "stopped")
    waits = "now" if at == len(words) and plan.freed_bytes else "later"
    last = PlanStep(f"Wait for garbage collection on {plan.registry_name}", waits)
    return [approved, *steps, last, *_undone(plan)]


def _undone(plan: PlanRow) -> list[PlanStep]:
    """What an undo that is over came to."""
    if not plan.undo_state:
        return []
    whole = plan.undo_state == UndoState.DONE
    figure = f"{plan.undo_done:,} / {plan.undo_total:,}"
    word, state = "Pushed back by digest", "done" if whole else "stopped"
    return [PlanStep(word, state, figure, plan.undo_finished_at)]
