"""Deletion plans, their items and what they keep, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from registry_browser.history import audit
from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    ItemUndo,
    KeptBecause,
    Outcome,
    PlanPhase,
    PlanState,
    UndoState,
)
from registry_browser.models.deletion import ENDED, UNDECIDED
from registry_browser.queries.deletion_steps import PlanStep, steps_of

if TYPE_CHECKING:
    from datetime import datetime, timedelta

SECONDS_BEFORE_ESTIMATE = 3

_OUTCOMES = {
    Outcome.WAITING: "waiting",
    Outcome.DELETING: "running",
    Outcome.DELETED: "done",
    Outcome.SKIPPED: "skipped",
    Outcome.ALREADY_GONE: "gone",
    Outcome.REFUSED: "refused",
    Outcome.SLOWED: "incomplete",
    Outcome.NO_ANSWER: "failed",
    Outcome.CANCELLED: "cancelled",
}
_UNDOS = {
    ItemUndo.WAITING: "waiting",
    ItemUndo.PUSHING: "running",
    ItemUndo.PUSHED: "done",
    ItemUndo.BLOB_GONE: "failed",
    ItemUndo.FAILED: "failed",
}
_KEPT = {
    KeptBecause.CHILD: "child",
    KeptBecause.REFERRER: "referrer",
    KeptBecause.SUBJECT: "referrer",
    KeptBecause.ATTACHED: "referrer",
    KeptBecause.ELSEWHERE: "protected",
    KeptBecause.LOCKED: "protected",
    KeptBecause.YOUNG: "protected",
    KeptBecause.UNPARSED: "unparsed",
    KeptBecause.INCOMPLETE: "incomplete",
}
_KEPT_NOUNS = {
    KeptBecause.CHILD: "children",
    KeptBecause.REFERRER: "referrers",
    KeptBecause.SUBJECT: "subjects",
    KeptBecause.ATTACHED: "with a tag attached",
    KeptBecause.ELSEWHERE: "needed elsewhere",
    KeptBecause.LOCKED: "locked",
    KeptBecause.YOUNG: "too young",
    KeptBecause.UNPARSED: "unparsed",
    KeptBecause.INCOMPLETE: "in incomplete repositories",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan. `counts` are how many of its items ended how."""

    pk: int
    registry_name: str
    has_registry: bool
    prefix: str
    digests: list[str]
    grace: timedelta
    creator: str
    created_at: datetime
    as_of: datetime
    synced_at: datetime | None
    expires_at: datetime
    scope: str
    needs_second_person: bool
    words: str
    approver: str
    approved_at: datetime | None
    runner: str
    state: str
    phase: str
    cancel_requested: bool
    error: str
    started_at: datetime | None
    finished_at: datetime | None
    item_count: int
    kept_count: int
    repository_count: int
    complete_count: int
    tag_count: int
    layers: int
    configs: int
    bodies: int
    layer_bytes: int
    config_bytes: int
    body_bytes: int
    reclaimable_bytes: int
    alone_bytes: int
    freed_bytes: int
    notes: list[dict[str, str]]
    walk: dict[str, object]
    walked_at: datetime | None
    undo_state: str
    undo_actor: str
    undo_started_at: datetime | None
    undo_finished_at: datetime | None
    undo_error: str
    is_at_work: bool
    is_undo_at_work: bool
    can_be_undone: bool
    seconds: float | None
    counts: dict[str, int]

    @property
    def planner(self) -> str:
        """Who may not be the second person: the creator, at a terminal or not."""
        return audit.person(self.creator)

    @property
    def is_undecided(self) -> bool:
        return self.state in UNDECIDED and not self.is_at_work

    @property
    def has_begun(self) -> bool:
        """Whether there are outcomes to show."""
        return self.state == PlanState.RUNNING or self.state in ENDED or self.is_at_work

    @property
    def title(self) -> str:
        things = (
            f"{self.item_count:,} dangling {'manifest' if self.item_count == 1 else 'manifests'}"
        )
        if self.is_undo_at_work:
            return f"Undoing the deletion of {self.undo_total:,} manifests"
        if self.state == PlanState.RUNNING or self.is_at_work:
            return f"Deleting {things}"
        if self.undo_state == UndoState.DONE:
            was = "manifest that was deleted is" if self.deleted == 1 else "deleted manifests are"
            return f"{self.deleted:,} {was} back"
        if self.state in ENDED and self.started_at:
            return f"{self.deleted:,} of {self.item_count:,} dangling manifests deleted"
        if not self.item_count:
            return "Nothing here can be deleted"
        return f"Delete {things}"

    @property
    def short_title(self) -> str:
        """`Deletion 86 · ml/ranking`."""
        return f"Deletion {self.pk} · {self.prefix or self.registry_name}"

    @property
    def work_done(self) -> int:
        """How far what is under way has come, of `work_total`."""
        return self.undo_done if self.is_undo_at_work else self.done

    @property
    def work_total(self) -> int:
        return self.undo_total if self.is_undo_at_work else self.item_count

    @property
    def state_name(self) -> str:
        """The look of its state."""
        if self.is_at_work:
            return "running" if self.phase != PlanPhase.WAITING else "queued"
        if self.state == PlanState.PLANNED and not self.item_count:
            return "done"
        if self.undo_state:
            return "incomplete" if self.undo_state == UndoState.INCOMPLETE else "done"
        names = {
            PlanState.PLANNED: "incomplete",
            PlanState.APPROVED: "done",
            PlanState.EXPIRED: "gone",
        }
        return names.get(PlanState(self.state), self.state)

    @property
    def state_word(self) -> str:
        if self.is_undo_at_work:
            return "Being undone"
        if self.is_at_work:
            return "Waits for a worker" if self.phase == PlanPhase.WAITING else "Running"
        if self.state == PlanState.PLANNED and not self.item_count:
            return "Nothing to delete"
        if self.undo_state:
            return str(UndoState(self.undo_state).label)
        return str(PlanState(self.state).label)

    @property
    def done(self) -> int:
        """How many items are settled: there is an outcome, and it is not that it was not tried."""
        return self.item_count - self.to_go - self.not_tried

    @property
    def to_go(self) -> int:
        return self.counts.get(Outcome.WAITING, 0) + self.counts.get(Outcome.DELETING, 0)

    @property
    def not_tried(self) -> int:
        return self.counts.get(Outcome.CANCELLED, 0)

    @property
    def deleted(self) -> int:
        return self.counts.get(Outcome.DELETED, 0)

    @property
    def looks(self) -> list[tuple[str, str]]:
        """What went as planned or did not, as (look, "15 deleted")."""
        shown = (
            (Outcome.DELETED, "deleted"),
            (Outcome.SKIPPED, "skipped"),
            (Outcome.REFUSED, "refused"),
            (Outcome.SLOWED, "slowed"),
            (Outcome.NO_ANSWER, "without an answer"),
            (Outcome.ALREADY_GONE, "already gone"),
            (Outcome.CANCELLED, "not tried"),
        )
        return [
            (_OUTCOMES[outcome], f"{count:,} {word}")
            for outcome, word in shown
            if (count := self.counts.get(outcome, 0))
        ]

    @property
    def withheld(self) -> str:
        """What keeps the planned bytes from coming back: "1 skipped, 1 refused"."""
        return ", ".join(words for look, words in self.looks if look not in ("done", "gone"))

    @property
    def withheld_bytes(self) -> int:
        return max(0, self.reclaimable_bytes - self.freed_bytes)

    @property
    def undoable(self) -> int:
        return self.counts.get("undoable", 0)

    @property
    def undo_total(self) -> int:
        return self.counts.get("undo_total", 0)

    @property
    def undo_done(self) -> int:
        return self.counts.get("undo_done", 0)

    @property
    def walk_problems(self) -> list[str]:
        found = self.walk.get("problems", [])
        return [str(each) for each in found] if isinstance(found, list) else []

    @property
    def seconds_left(self) -> float | None:
        """How long the deleting still takes at the pace so far; None while nobody can tell."""
        if self.phase != PlanPhase.DELETING or not self.done or self.seconds is None:
            return None
        if self.seconds < SECONDS_BEFORE_ESTIMATE:
            return None
        return self.to_go * self.seconds / self.done

    @property
    def steps(self) -> list[PlanStep]:
        """What happens, in order, and where it is."""
        return steps_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItemRow:
    """One deletion, planned or done. `place` is its repository, seen from the plan's prefix."""

    path: str
    place: str
    digest: str
    what: str
    reasons: list[str]
    depth: int
    bytes_alone: int
    outcome: str
    status: int | None
    detail: str
    milliseconds: int | None
    undo: str
    undo_detail: str

    @property
    def look(self) -> str:
        return _UNDOS[ItemUndo(self.undo)] if self.undo else _OUTCOMES[Outcome(self.outcome)]

    @property
    def word(self) -> str:
        return str(ItemUndo(self.undo).label if self.undo else Outcome(self.outcome).label)

    @property
    def says(self) -> str:
        """ "202 · 41 ms", or the sentence that says why not."""
        if self.undo:
            return self.undo_detail
        took = f"{self.milliseconds:,} ms" if self.milliseconds is not None else ""
        status = str(self.status) if self.status else ""
        if self.detail:
            return " · ".join(filter(None, [status, self.detail]))
        return " · ".join(filter(None, [status, took]))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """Manifests of one repository that stay for the same reason: one of them, and how many more."""

    path: str
    place: str
    digest: str
    because: str
    reason: str
    holder: str
    more: int

    @property
    def look(self) -> str:
        return _KEPT[KeptBecause(self.because)]

    @property
    def word(self) -> str:
        return str(KeptBecause(self.because).label)


def kept_look(because: KeptBecause) -> str:
    """How a reason for staying looks."""
    return _KEPT[because]


def kept_noun(because: KeptBecause) -> str:
    """A reason for staying behind a number: "12 children"."""
    return _KEPT_NOUNS[because]


def as_plan_row(plan: DeletionPlan, counts: dict[str, int], now: datetime) -> PlanRow:
    """A plan as a row."""
    seconds = None
    if plan.started_at is not None:
        seconds = max(0.0, ((plan.finished_at or now) - plan.started_at).total_seconds())
    made = {"has_registry", "seconds", "counts"}
    same = {field.name for field in fields(PlanRow)} - made
    return PlanRow(
        has_registry=plan.registry_id is not None,
        seconds=seconds,
        counts=counts,
        **{name: getattr(plan, name) for name in same},
    )


def as_item_row(item: DeletionItem, prefix: str) -> PlanItemRow:
    """An item as a row of a plan with this prefix."""
    same = {field.name for field in fields(PlanItemRow)} - {"place"}
    return PlanItemRow(
        place=place_in(item.path, prefix), **{name: getattr(item, name) for name in same}
    )


def place_in(path: str, prefix: str) -> str:
    """A repository as it reads below a prefix: "web" in "team"."""
    return path.removeprefix(f"{prefix}/") if prefix else path
