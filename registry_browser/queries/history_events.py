"""Rows of the ledger of tags: where to look (a scope), what for (a filter), page by page.

Newest first, by (seen_at, id), which the indexes of `TagEvent` have for every scope.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Lookup, Q, QuerySet

from registry_browser.models import (
    EventSource,
    Manifest,
    Presence,
    Registry,
    Repository,
    TagEvent,
    TagEventKind,
)
from registry_browser.queries.history_times import between_in_words, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

PAGE = 50
CHUNK = 2000
COUNT_TO = 10_000
"""Events that match a filter are counted up to this many."""
MANIFESTS_MEANT = 50
"""A short digest means at most this many manifests."""
_SHORT_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


@CharField.register_lookup
class Like(_Lookup):
    """SQL's LIKE with a pattern of the caller's; the database finds a literal start by index."""

    lookup_name = "like"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_parameters = self.process_lhs(compiler, connection)
        return f"{left} LIKE %s", (*left_parameters, self.rhs)


def like_pattern(glob: str) -> str:
    """`10.*` as LIKE has it: `*` any text, `?` any letter, everything else itself."""
    escaped = re.sub(r"([\\%_])", r"\\\1", glob)
    return escaped.replace("*", "%").replace("?", "_")


def is_glob(text: str) -> bool:
    return "*" in text or "?" in text


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where to look: everywhere, in some registries, below a path, or in one repository.

    Registries and repositories are meant by their ids, also those that were removed since.
    """

    registries: tuple[int, ...] | None = None
    path: str = ""
    repository: int | None = None

    def matching(self) -> Q:
        """As a condition on ledger rows."""
        if self.repository is not None:
            return Q(repository_id=self.repository)
        found = Q() if self.registries is None else Q(registry_id__in=self.registries)
        return found & below(self.path)


def below(path: str) -> Q:
    """Rows of the repository at `path` and of those below; a glob is matched as it stands.

    "0" follows "/", so all paths below `team` are between "team/" and "team0".
    """
    if not path:
        return Q()
    if is_glob(path):
        return Q(path__like=like_pattern(path))
    path = path.rstrip("/")
    return Q(path=path) | Q(path__gte=f"{path}/", path__lt=f"{path}0")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """What to look for. `tag` and `path` may be globs; `digest` is whole or six digits or more of
    its start, and means what came and what went; both ends of the time are inclusive. `up_to` is
    the newest ledger id that counts, so that a view can be had again as it was.
    """

    tag: str = ""
    path: str = ""
    digest: str = ""
    actor: str = ""
    source: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    up_to: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Those that are set, as text."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if value not in ("", None)
        }

    def matching(self) -> Q:
        """As a condition on ledger rows."""
        found = below(self.path)
        if self.tag:
            is_pattern = is_glob(self.tag)
            found &= Q(tag__like=like_pattern(self.tag)) if is_pattern else Q(tag=self.tag)
        for name in ("actor", "source", "kind"):
            if getattr(self, name):
                found &= Q(**{name: getattr(self, name)})
        if self.digest:
            digests = digests_meant(self.digest)
            found &= Q(new_digest__in=digests) | Q(old_digest__in=digests)
        if self.since is not None:
            found &= Q(seen_at__gte=self.since)
        if self.until is not None:
            found &= Q(seen_at__lte=self.until)
        if self.up_to is not None:
            found &= Q(id__lte=self.up_to)
        return found


def digests_meant(text: str) -> list[str]:
    """The whole digests that a digest, or the start of one, means; itself where none is known."""
    short = _SHORT_DIGEST.fullmatch(text.strip())
    if short is None or len(short[1]) == 64:
        return [f"sha256:{short[1]}" if short else text]
    start = f"sha256:{short[1]}"
    # "g" follows "f", the last hex digit.
    known = Manifest.objects.filter(digest__gte=start, digest__lt=f"{start}g")
    return list(dict.fromkeys(known.values_list("digest", flat=True)[:MANIFESTS_MEANT])) or [text]


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
        read = datetime.fromisoformat(moment)
    except ValueError:
        # Somebody edited the address: begin at the beginning.
        return None
    if read.tzinfo is None or not (pk.isascii() and pk.isdigit() and len(pk) < 19):
        return None
    return read, int(pk)


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


def registry_ids(name: str) -> tuple[int, ...]:
    """The ids under which the ledger knows a registry of this name, removed ones included."""
    return tuple(pk for pk, known in ledger_registries() if known == name)


def ledger_registries() -> list[tuple[int, str]]:
    """Every registry with its names in the ledger and now, as (id, name).

    A name may have changed: that of the newest event counts, and that of today.
    """
    named = TagEvent.objects.raw(_REGISTRIES)
    found = {(event.registry_id, event.registry_name) for event in named}
    return sorted(found | set(Registry.objects.values_list("pk", "name")))


# Few registries, many rows: step from one registry to the next by the index.
_REGISTRIES = """
WITH RECURSIVE step (registry_id) AS (
    SELECT min(registry_id) FROM registry_browser_tagevent
  UNION ALL
    SELECT (SELECT min(registry_id) FROM registry_browser_tagevent
             WHERE registry_id > step.registry_id)
      FROM step WHERE step.registry_id IS NOT NULL
)
SELECT newest.* FROM step CROSS JOIN LATERAL (
    SELECT id, registry_id, registry_name FROM registry_browser_tagevent
     WHERE registry_id = step.registry_id ORDER BY seen_at DESC, id DESC LIMIT 1
) newest
"""


def followed_since(repository: int) -> datetime | None:
    """When the first event of the repository was seen; what was before that is not known."""
    first = TagEvent.objects.filter(repository_id=repository).order_by("seen_at", "id")
    return first.values_list("seen_at", flat=True).first()


def first_seen(scope: Scope, wanted: HistoryFilter) -> datetime | None:
    """The oldest event's moment."""
    found = TagEvent.objects.filter(scope.matching(), wanted.matching()).order_by("seen_at", "id")
    return found.values_list("seen_at", flat=True).first()


def repository_scope(repository: Repository) -> Scope:
    return Scope(registries=(repository.registry_id,), repository=repository.pk)
