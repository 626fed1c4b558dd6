"""Runs: which work now, all of them, one with its repositories, and what a person must decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from registry_browser.models import (
    ACTIVE,
    ItemState,
    Registry,
    RunState,
    SyncItem,
    SyncRun,
    WorkerHeartbeat,
)
from registry_browser.queries.run_rows import ItemRow, RunRow, as_item_row, as_row

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models import User

RUNS_ON_A_PAGE = 50
ITEMS_ON_A_PAGE = 100
_CHANGED = Q(created__gt=0) | Q(moved__gt=0) | Q(deleted__gt=0) | Q(restored__gt=0)

SEGMENTS: dict[str, Q] = {
    "look": Q(state=ItemState.INCOMPLETE) | Q(missing__len__gt=0),
    "changed": _CHANGED,
    "running": Q(state=ItemState.READING),
    "all": Q(),
}
"""Which repositories of a run a list shows; the first of them is what a person looks at first."""
SEGMENT_LABELS = {
    "look": "Needs a look",
    "changed": "Changed",
    "running": "Running",
    "all": "All",
}

STATE_FILTERS: dict[str, Q] = {
    "all": Q(),
    "running": Q(state__in=ACTIVE),
    "look": Q(state__in=(RunState.INCOMPLETE, RunState.FAILED)),
}
STATE_LABELS = {"all": "All", "running": "Running", "look": "Needs a look"}

WORKER_SILENCE = timedelta(minutes=1)
"""A worker says every few seconds that it is there; after so long, there is none."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One of few lists: its name in the address, its label, how many it holds if that is known."""

    name: str
    label: str
    current: bool
    count: int | None = None


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Runs, newest first; `before` is where the next page begins, None on the last."""

    rows: list[RunRow]
    before: int | None
    segments: list[Segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A run with one page of its repositories. `counts` are those of each segment."""

    run: RunRow
    requests_limit: float | None
    known_tags: int
    segment: str
    counts: dict[str, int]
    items: list[ItemRow]
    number: int
    is_question_open: bool
    worker_seen_at: datetime | None
    is_worker_missing: bool

    @property
    def segments(self) -> list[Segment]:
        """The lists that there are; what is being read is one only while the run runs."""
        return [
            Segment(name, SEGMENT_LABELS[name], name == self.segment, self.counts[name])
            for name in SEGMENTS
            if name != "running" or self.run.is_active or name == self.segment
        ]

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def following(self) -> int | None:
        return self.number + 1 if self.last < self.counts[self.segment] else None

    @property
    def is_paged(self) -> bool:
        return self.previous is not None or self.following is not None

    @property
    def shown_total(self) -> int:
        return self.counts[self.segment]

    @property
    def first(self) -> int:
        return (self.number - 1) * ITEMS_ON_A_PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.items) - 1


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """What only a person can decide: is what a run missed really gone?"""

    run: int
    registry: str
    question: str
    asked_at: datetime | None


def running_runs(user: User | AnonymousUser) -> list[int]:
    """The ids of the runs that `user` may see and that run or wait to, newest first.

    At most one a registry; the partial unique index `one_active_sync` holds no others.
    """
    return list(_visible(user).filter(state__in=ACTIVE).values_list("id", flat=True))


def active_runs(user: User, now: datetime) -> list[RunRow]:
    """The same with their progress."""
    runs = _visible(user).filter(state__in=ACTIVE).select_related("registry")
    return [as_row(run, now) for run in runs]


def runs_page(
    user: User, now: datetime, *, registry: str = "", state: str = "all", before: int | None = None
) -> RunsPage:
    """Runs of all registries or of one, by id, newest first."""
    runs = _visible(user).filter(STATE_FILTERS[state]).select_related("registry")
    if registry:
        runs = runs.filter(registry__name=registry)
    if before is not None:
        runs = runs.filter(id__lt=before)
    found = list(runs[: RUNS_ON_A_PAGE + 1])
    rows = [as_row(run, now) for run in found[:RUNS_ON_A_PAGE]]
    segments = [Segment(name, STATE_LABELS[name], name == state) for name in STATE_FILTERS]
    return RunsPage(rows, rows[-1].pk if len(found) > RUNS_ON_A_PAGE else None, segments)


def run_page(
    user: User, pk: int, now: datetime, *, segment: str = "", number: int = 1
) -> RunPage | None:
    """One run, or None where `user` sees none of that number.

    Without a segment it is the first one that has something to show.
    """
    run = _visible(user).select_related("registry").filter(pk=pk).first()
    if run is None:
        return None
    items = SyncItem.objects.filter(run=run)
    counts = items.aggregate(**{name: Count("id", filter=rule) for name, rule in SEGMENTS.items()})
    if segment not in SEGMENTS:
        segment = next((name for name in SEGMENTS if counts[name]), "all")
    start = (number - 1) * ITEMS_ON_A_PAGE
    shown = items.filter(SEGMENTS[segment]).order_by("path")[start : start + ITEMS_ON_A_PAGE]
    newest = WorkerHeartbeat.objects.order_by("-seen_at").first()
    return RunPage(
        run=as_row(run, now),
        requests_limit=run.registry.requests_per_second,
        known_tags=run.registry.tag_count,
        segment=segment,
        counts=counts,
        items=[as_item_row(item) for item in shown],
        number=number,
        is_question_open=any(each.run == run.pk for each in open_questions(user)),
        worker_seen_at=newest.seen_at if newest else None,
        is_worker_missing=newest is None or now - newest.seen_at > WORKER_SILENCE,
    )


def open_questions(user: User) -> list[QuestionRow]:
    """What runs asked and nobody answered yet: the question of each registry's latest whole run.

    A later whole run that found everything, or was told to believe it, has settled the matter.
    """
    latest = SyncRun.objects.filter(Q(whole=True) | ~Q(question=""), registry=OuterRef("pk"))
    settled = latest.filter(state__in=(RunState.DONE, RunState.INCOMPLETE))
    registries = Registry.objects.visible_to(user)
    decisive = registries.annotate(run=Subquery(settled.order_by("-id").values("id")[:1]))
    runs = SyncRun.objects.filter(id__in=decisive.values("run"), believe_absences=False)
    return [
        QuestionRow(run.pk, run.registry.name, run.question, run.finished_at)
        for run in runs.exclude(question="").select_related("registry")
    ]


def _visible(user: User | AnonymousUser) -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(registry__in=Registry.objects.visible_to(user)).order_by("-id")
