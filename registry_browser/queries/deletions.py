"""Deletion plans: all of them, one with its items and what it keeps, and the locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, Min, OuterRef, Q

from registry_browser.models import (
    DeletionItem,
    DeletionKept,
    DeletionPlan,
    ItemUndo,
    KeptBecause,
    Outcome,
    PlanState,
    Protection,
    Registry,
)
from registry_browser.models.deletion import NEEDS_A_LOOK
from registry_browser.queries.deletion_rows import (
    KeptRow,
    PlanItemRow,
    PlanRow,
    as_item_row,
    as_plan_row,
    kept_look,
    kept_noun,
    place_in,
)
from registry_browser.queries.runs import Segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models import User

PLANS_ON_A_PAGE = 50
ITEMS_ON_A_PAGE = 100
KEPT_SHOWN = 12
KEPT_SHOWN_AT_MOST = 1_000
"""Groups of manifests that stay for the same reason, at first and on request."""
_KEPT_ORDER = (
    KeptBecause.LOCKED,
    KeptBecause.YOUNG,
    KeptBecause.UNPARSED,
    KeptBecause.INCOMPLETE,
    KeptBecause.ATTACHED,
    KeptBecause.ELSEWHERE,
    KeptBecause.SUBJECT,
    KeptBecause.REFERRER,
    KeptBecause.CHILD,
)
"""What a person may want to change comes first, what is plainly needed last."""

_BACK = Q(undo=ItemUndo.PUSHED)
_WENT = Q(outcome=Outcome.DELETED) | Q(went_along=True)
_LOST = Q(undo__in=(ItemUndo.BLOB_GONE, ItemUndo.FAILED))

ITEM_SEGMENTS: dict[str, Q] = {
    "all": Q(),
    "deleted": Q(outcome=Outcome.DELETED),
    "look": Q(outcome__in=NEEDS_A_LOOK) | _LOST,
}
ITEM_SEGMENT_LABELS = {"all": "All", "deleted": "Deleted", "look": "Needs a look"}

PLAN_SEGMENTS: dict[str, Q] = {
    "all": Q(),
    "waiting": Q(state__in=(PlanState.PLANNED, PlanState.APPROVED)),
    "running": ~Q(phase=""),
    "look": Q(Exists(DeletionItem.objects.filter(plan=OuterRef("pk"), outcome__in=NEEDS_A_LOOK))),
}
PLAN_SEGMENT_LABELS = {
    "all": "All",
    "waiting": "Waits for approval",
    "running": "Running",
    "look": "Needs a look",
}


@dataclass(frozen=True, slots=True)
class PlansPage:
    """Plans, newest first; `before` is where the next page begins, None on the last."""

    rows: list[PlanRow]
    before: int | None
    segments: list[Segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPage:
    """A plan with one page of its items, and what it keeps, grouped."""

    plan: PlanRow
    items: list[PlanItemRow]
    segments: list[Segment]
    shown_total: int
    number: int
    kept: list[KeptRow]
    kept_counts: list[tuple[str, str, int]]
    """How many are kept for each reason, as (look, word, count)."""

    @property
    def kept_others(self) -> int:
        """How many kept manifests stand in groups that are not shown."""
        return self.plan.kept_count - sum(row.more + 1 for row in self.kept)

    @property
    def first(self) -> int:
        return (self.number - 1) * ITEMS_ON_A_PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def following(self) -> int | None:
        return self.number + 1 if self.last < self.shown_total else None

    @property
    def is_paged(self) -> bool:
        return self.previous is not None or self.following is not None

    @property
    def others(self) -> int:
        """How many items stand on other pages."""
        return self.shown_total - len(self.items)


@dataclass(frozen=True, slots=True)
class LockRow:
    """A lock, with the place it covers."""

    pk: int
    registry: str
    path: str
    digest: str
    reason: str
    actor: str
    created_at: datetime


def plans_page(
    user: User,
    now: datetime,
    *,
    registry: str = "",
    segment: str = "all",
    before: int | None = None,
) -> PlansPage:
    """Plans of all registries or of one, newest first."""
    plans = DeletionPlan.objects.visible_to(user).filter(PLAN_SEGMENTS[segment])
    if registry:
        plans = plans.filter(registry_name=registry)
    if before is not None:
        plans = plans.filter(id__lt=before)
    found = list(plans.order_by("-id")[: PLANS_ON_A_PAGE + 1])
    shown = found[:PLANS_ON_A_PAGE]
    counts = _counts([plan.pk for plan in shown])
    return PlansPage(
        [as_plan_row(plan, counts.get(plan.pk, {}), now) for plan in shown],
        shown[-1].pk if len(found) > PLANS_ON_A_PAGE else None,
        [Segment(name, label, name == segment) for name, label in PLAN_SEGMENT_LABELS.items()],
    )


def plan_page(
    user: User,
    pk: int,
    now: datetime,
    *,
    segment: str = "all",
    number: int = 1,
    all_kept: bool = False,
) -> PlanPage | None:
    """One plan, or None where `user` sees none of that number."""
    plan = DeletionPlan.objects.visible_to(user).filter(pk=pk).first()
    if plan is None:
        return None
    segment = segment if segment in ITEM_SEGMENTS else "all"
    items = DeletionItem.objects.filter(plan=plan)
    totals = items.aggregate(
        **{name: Count("id", filter=rule) for name, rule in ITEM_SEGMENTS.items()}
    )
    start = (number - 1) * ITEMS_ON_A_PAGE
    shown = items.filter(ITEM_SEGMENTS[segment]).order_by("position")
    return PlanPage(
        plan=as_plan_row(plan, _counts([pk]).get(pk, {}), now),
        items=[as_item_row(item, plan.prefix) for item in shown[start : start + ITEMS_ON_A_PAGE]],
        segments=[
            Segment(name, label, name == segment, totals[name])
            for name, label in ITEM_SEGMENT_LABELS.items()
        ],
        shown_total=totals[segment],
        number=number,
        kept=_kept(plan, KEPT_SHOWN_AT_MOST if all_kept else KEPT_SHOWN),
        kept_counts=_kept_counts(plan),
    )


def plan_items(plan: DeletionPlan) -> Iterator[PlanItemRow]:
    """All items in order, for a download; read as they are sent."""
    for item in DeletionItem.objects.filter(plan=plan).order_by("position").iterator(2000):
        yield as_item_row(item, "")


def locks(user: User) -> list[LockRow]:
    """All locks of the registries that `user` may see."""
    rows = Protection.objects.filter(registry__in=Registry.objects.visible_to(user))
    return [
        LockRow(
            lock.pk,
            lock.registry.name,
            lock.path,
            lock.digest,
            lock.reason,
            lock.actor,
            lock.created_at,
        )
        for lock in rows.select_related("registry").order_by("registry__name", "path", "digest")
    ]


def plans_at_work(user: User | AnonymousUser) -> list[int]:
    """The ids of the plans whose run or undo is under way."""
    plans = DeletionPlan.objects.visible_to(user).at_work()
    return list(plans.order_by("-id").values_list("id", flat=True))


def _counts(plans: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many items of each plan ended how, in how many repositories, and what an undo would push,
    or has pushed.
    """
    amounts: dict[str, Any] = {
        **{outcome.value: Count("id", filter=Q(outcome=outcome)) for outcome in Outcome},
        "undoable": Count("id", filter=_WENT & ~_BACK),
        "undo_total": Count("id", filter=~Q(undo="")),
        "undo_done": Count("id", filter=_BACK),
        "repositories": Count("path", distinct=True, filter=~Q(outcome=Outcome.CANCELLED)),
    }
    names = list(amounts)
    items = DeletionItem.objects.filter(plan__in=plans).values("plan").annotate(**amounts)
    rows = items.order_by().values_list("plan", *names)
    return {plan: dict(zip(names, figures, strict=True)) for plan, *figures in rows}


def _kept(plan: DeletionPlan, limit: int) -> list[KeptRow]:
    """The first groups, reason by reason: each reads as far as it is shown, in index order."""
    groups: list[Any] = []
    for because in _KEPT_ORDER:
        of_one_kind = (
            DeletionKept.objects.filter(plan=plan, because=because)
            .values("because", "path", "holder", "reason")
            .annotate(first=Min("digest"), total=Count("id"))
            .order_by("path", "holder", "reason")
        )
        if len(groups) < limit:
            groups += of_one_kind[: limit - len(groups)]
    return [
        KeptRow(
            path=group["path"],
            place=place_in(group["path"], plan.prefix),
            digest=group["first"],
            because=group["because"],
            reason=group["reason"],
            holder=group["holder"],
            more=group["total"] - 1,
        )
        for group in groups
    ]


def _kept_counts(plan: DeletionPlan) -> list[tuple[str, str, int]]:
    rows = DeletionKept.objects.filter(plan=plan).values_list("because").annotate(n=Count("id"))
    counted = dict(rows.order_by())
    return [
        (kept_look(each), kept_noun(each), counted[each]) for each in _KEPT_ORDER if each in counted
    ]
