"""Rows of the ledger of tags, page by page.

Newest first, by (seen_at, id), which the indexes of `TagEvent` have for every scope.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from registry_browser.models import EventSource, Presence, Registry, TagEvent, TagEventKind
from registry_browser.queries.history.times import between_in_words, in_words, read_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry_browser.queries.history.scope import HistoryFilter, Scope

PAGE = 40
CHUNK = 2000
COUNT_TO = 2_000
"""Events that match a filter are counted up to this many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One change of one tag, for display.

    `registry` is its name then; `place` the name that the registry has now, empty where it was
    removed. `is_old_gone`, `is_new_gone`: the registry was seen not to have the manifest any more.
    """

    id: int
    registry_id: int
    registry: str
    place: str
    repository: int
    path: str
    tag: str
    kind: str
    old_digest: str
    new_digest: str
    not_before: datetime | None
    seen_at: datetime
    source: str
    actor: str
    is_old_gone: bool = False
    is_new_gone: bool = False

    @property
    def is_first_sight(self) -> bool:
        """It was there when we first looked."""
        return self.kind == TagEventKind.CREATED and self.not_before is None

    @property
    def is_exact(self) -> bool:
        """The moment is known to the second."""
        return (
            self.not_before is not None
            and abs((self.seen_at - self.not_before).total_seconds()) < 1
        )

    @property
    def bounds(self) -> str:
        """Between which two looks the change came, in words."""
        seen = in_words(self.seen_at)
        if self.is_exact:
            return f"at {seen}"
        if self.not_before is not None:
            return f"somewhere {between_in_words(self.not_before, self.seen_at)}"
        if self.is_first_sight:
            return f"it was there at the first look, {seen}; since when is not known"
        return f"some time before {seen}"

    @property
    def told(self) -> str:
        """How we know, and who did it if anyone says."""
        match self.source:
            case EventSource.NOTIFICATION:
                who = self.actor or "actor unknown"
                verb = "deleted" if self.kind == TagEventKind.DELETED else "pushed"
                by = f"{verb} by {who}" if self.actor else who
                return f"{by}, told by a notification"
            case EventSource.DELETION | EventSource.IMPORT:
                word = str(EventSource(self.source).label).lower()
                return f"{word}, by {self.actor}" if self.actor else word
            case _:
                return f"seen by sync, {f'by {self.actor}' if self.actor else 'actor unknown'}"

    @property
    def compared(self) -> tuple[str, str] | None:
        """References to the two images of a move, for the page that compares them."""
        if not (self.place and self.old_digest and self.new_digest):
            return None
        name = f"{self.place}/{self.path}"
        return f"{name}@{self.old_digest}", f"{name}@{self.new_digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Some events, newest first, and where the next page begins; `total` counts COUNT_TO at most.

    `newest` is the highest ledger id when it was read. `is_whole`: there are no others.
    """

    rows: list[EventRow]
    after: str
    total: int
    newest: int
    is_whole: bool

    @property
    def total_words(self) -> str:
        return f"{self.total:,}{'+' if self.total >= COUNT_TO else ''}"


def matching(scope: Scope, wanted: HistoryFilter) -> QuerySet[TagEvent]:
    """The ledger rows, newest first."""
    found = TagEvent.objects.filter(scope.matching(), wanted.matching())
    return found.order_by("-seen_at", "-id")


def event_page(
    scope: Scope, wanted: HistoryFilter, *, after: str = "", size: int = PAGE
) -> EventPage:
    """One page, in a constant number of statements. `after` is what the page before gave."""
    newest = newest_id()
    found = matching(scope, wanted)
    place = read_place(after)
    listed = list(behind(found, place)[: size + 1])
    is_whole = place is None and len(listed) <= size
    return EventPage(
        rows=event_rows(listed[:size]),
        after=place_of(listed[size - 1]) if len(listed) > size else "",
        # Few events among a million are not looked for twice.
        total=len(listed) if is_whole else found.order_by()[:COUNT_TO].count(),
        newest=newest,
        is_whole=is_whole,
    )


def every_row(
    scope: Scope, wanted: HistoryFilter, fields: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """All rows, newest first, as these fields, which begin with the id; one chunk in memory.

    Chunks go on by keyset: `up_to` fixes what belongs to the view, and rows never change, so that
    no transaction has to be held open for as long as somebody downloads.
    """
    found = matching(scope, wanted)
    place: Place | None = None
    while True:
        listed = list(behind(found, place).values_list("seen_at", *fields)[:CHUNK])
        yield from (row[1:] for row in listed)
        if len(listed) < CHUNK:
            return
        place = (listed[-1][0], listed[-1][1])


def newest_id() -> int:
    """The highest id of the ledger, 0 while it is empty."""
    return TagEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


Place = tuple[datetime, int]


def behind(found: QuerySet[TagEvent], place: Place | None) -> QuerySet[TagEvent]:
    """The rows after that one, in their order."""
    if place is None:
        return found
    seen_at, pk = place
    return found.filter(Q(seen_at__lt=seen_at) | Q(id__lt=pk), seen_at__lte=seen_at)


def place_of(event: TagEvent) -> str:
    """Where an event stands, for an address."""
    return f"{event.seen_at.isoformat()}_{event.pk}"


def read_place(text: str) -> Place | None:
    """The place in an address; None for the first page, and for nonsense."""
    moment, _, pk = text.partition("_")
    try:
        read = read_moment(moment)
    except ValueError:
        # Somebody edited the address: begin at the beginning.
        return None
    return (read, int(pk)) if pk.isascii() and pk.isdigit() and len(pk) < 19 else None


def event_rows(events: Sequence[TagEvent]) -> list[EventRow]:
    """Rows for these events; two statements, however many there are."""
    names = dict(Registry.objects.values_list("pk", "name"))
    digests = {event.old_digest for event in events} | {event.new_digest for event in events}
    gone = set(
        Presence.objects.filter(
            repository_id__in={event.repository_id for event in events},
            manifest__digest__in=digests - {""},
            manifest__registry_id__in={event.registry_id for event in events},
            gone_at__isnull=False,
        ).values_list("repository_id", "manifest__digest")
    )
    return [
        EventRow(
            id=event.pk,
            registry_id=event.registry_id,
            registry=event.registry_name,
            place=names.get(event.registry_id, ""),
            repository=event.repository_id,
            path=event.path,
            tag=event.tag,
            kind=event.kind,
            old_digest=event.old_digest,
            new_digest=event.new_digest,
            not_before=event.not_before,
            seen_at=event.seen_at,
            source=event.source,
            actor=event.actor,
            is_old_gone=(event.repository_id, event.old_digest) in gone,
            is_new_gone=(event.repository_id, event.new_digest) in gone,
        )
        for event in events
    ]


def actors(scope: Scope, at_most: int = 50) -> list[str]:
    """Who is named by the newest events with an actor, by name; below a path, those of the whole
    registry, which an index has in their order.
    """
    named = TagEvent.objects.filter(replace(scope, path="").matching()).exclude(actor="")
    recent = named.order_by("-seen_at", "-id").values_list("actor", flat=True)[:at_most]
    return sorted(set(recent))


def followed_since(repository: int) -> datetime | None:
    """When the first event of the repository was seen; what was before that is not known."""
    first = TagEvent.objects.filter(repository_id=repository).order_by("seen_at", "id")
    return first.values_list("seen_at", flat=True).first()


def first_seen(scope: Scope, wanted: HistoryFilter) -> datetime | None:
    """The oldest event's moment."""
    found = TagEvent.objects.filter(scope.matching(), wanted.matching()).order_by("seen_at", "id")
    return found.values_list("seen_at", flat=True).first()
