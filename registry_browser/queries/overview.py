"""The first page: what all registries hold together, what changed last, what needs a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry_browser.models import EventSource, RegistryState, TagEvent, TagEventKind
from registry_browser.queries.deletions import plans_page
from registry_browser.queries.registries import IncompleteRow, RegistryRow, first_incomplete
from registry_browser.queries.registries import registry_rows as read_registries
from registry_browser.queries.runs import QuestionRow, open_questions
from registry_browser.queries.trends import Trend, sum_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.models import User
    from registry_browser.queries.deletion_rows import PlanRow

CHANGES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over registries. Each registry stores for itself, so these really add up."""

    registries: int
    repositories: int
    tags: int
    dangling: int
    apparent_bytes: int
    stored_bytes: int
    reclaimable_bytes: int

    @property
    def saved_bytes(self) -> int:
        return max(0, self.apparent_bytes - self.stored_bytes)

    @property
    def saved_percent(self) -> int:
        return self.saved_bytes * 100 // self.apparent_bytes if self.apparent_bytes else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A change of one tag. `is_first_sight`: it was there when we first looked."""

    registry: str
    path: str
    tag: str
    kind: str
    old_digest: str
    new_digest: str
    not_before: datetime | None
    seen_at: datetime
    source: str
    actor: str

    @property
    def is_first_sight(self) -> bool:
        return self.kind == TagEventKind.CREATED and self.not_before is None

    @property
    def where(self) -> str:
        """Registry and path with air around the slashes: "prod / marketing / web"."""
        return " / ".join([self.registry, *self.path.split("/")])

    @property
    def told(self) -> str:
        """How we know, and who did it if anyone says."""
        match self.source:
            case EventSource.NOTIFICATION:
                return f"pushed by {self.actor}" if self.actor else "told by a notification"
            case EventSource.DELETION | EventSource.IMPORT:
                word = str(EventSource(self.source).label).lower()
                return f"{word}, by {self.actor}" if self.actor else word
            case _:
                return "seen by sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewPage:
    """Everything on the first page. `troubled` are registries that are not as they should be."""

    totals: Totals
    registries: list[RegistryRow]
    changes: list[ChangeRow]
    changed_today: int
    trend: Trend
    troubled: list[tuple[RegistryRow, IncompleteRow | None]]
    questions: list[QuestionRow]
    waiting_plans: list[PlanRow]
    plans_at_work: list[PlanRow]

    @property
    def at_work(self) -> int:
        """How many syncs, deletions and undos are under way."""
        return len(self.running) + len(self.plans_at_work)

    @property
    def running(self) -> list[RegistryRow]:
        return [row for row in self.registries if row.run is not None]

    @property
    def grown(self) -> int | None:
        """Bytes stored more (or fewer) than thirty days ago."""
        return self.trend.grown_in(30)

    @property
    def needs_a_person(self) -> int:
        return len(self.troubled) + len(self.questions) + len(self.waiting_plans)

    @property
    def has_aside(self) -> bool:
        return bool(self.at_work or self.needs_a_person or self.trend.is_drawable)

    @property
    def as_of(self) -> datetime | None:
        """The oldest of the latest syncs: everything here is at least as fresh."""
        synced = [row.synced_at for row in self.registries if row.synced_at]
        return min(synced, default=None)


def overview_page(user: User, now: datetime) -> OverviewPage:
    """A constant number of statements, whatever the record holds."""
    registries = read_registries(user, now)
    ids = [row.pk for row in registries]
    questions = open_questions(user)
    asked = {question.registry for question in questions}
    ill = (RegistryState.INCOMPLETE, RegistryState.UNREACHABLE)
    troubled = [row for row in registries if row.state in ill and row.name not in asked]
    reasons = first_incomplete(row.pk for row in troubled)
    trends = [row.trend for row in registries if row.trend is not None]
    return OverviewPage(
        totals=_totals(registries),
        registries=registries,
        changes=_latest_changes(ids),
        changed_today=_changed_since(ids, now.astimezone(UTC).replace(hour=0, minute=0, second=0)),
        trend=sum_of(trends, now),
        troubled=[(row, reasons.get(row.pk)) for row in troubled],
        questions=questions,
        waiting_plans=[
            plan
            for plan in plans_page(user, now, segment="waiting").rows
            if plan.is_undecided and plan.item_count and plan.expires_at > now
        ],
        plans_at_work=plans_page(user, now, segment="running").rows,
    )


def _totals(rows: Sequence[RegistryRow]) -> Totals:
    return Totals(
        registries=len(rows),
        repositories=sum(row.repositories for row in rows),
        tags=sum(row.tags for row in rows),
        dangling=sum(row.dangling for row in rows),
        apparent_bytes=sum(row.apparent_bytes for row in rows),
        stored_bytes=sum(row.stored_bytes for row in rows),
        reclaimable_bytes=sum(row.reclaimable_bytes for row in rows),
    )


def _latest_changes(registries: Sequence[int]) -> list[ChangeRow]:
    """By the index `tag_event_time`, backwards."""
    events = TagEvent.objects.filter(registry_id__in=registries).order_by("-seen_at", "-id")
    return [
        ChangeRow(
            registry=event.registry_name,
            path=event.path,
            tag=event.tag,
            kind=event.kind,
            old_digest=event.old_digest,
            new_digest=event.new_digest,
            not_before=event.not_before,
            seen_at=event.seen_at,
            source=event.source,
            actor=event.actor,
        )
        for event in events[:CHANGES_SHOWN]
    ]


def _changed_since(registries: Sequence[int], since: datetime) -> int:
    """Changes seen since then; what was there when we first looked did not change."""
    events = TagEvent.objects.filter(registry_id__in=registries, seen_at__gte=since)
    return events.exclude(kind=TagEventKind.CREATED, not_before=None).count()
