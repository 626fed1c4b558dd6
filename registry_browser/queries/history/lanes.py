"""What a timeline draws: the tags that are worth a lane, and their spans in a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from django.db import connection

from registry_browser.models import Registry, Tag
from registry_browser.queries.history.events import matching
from registry_browser.queries.history.scope import HistoryFilter, Scope, like_pattern
from registry_browser.queries.history.standing import Span

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from registry_browser.queries.history.events import EventRow

LANES = 12
SPANS = 400
EVENTS_READ = 200
"""Tags of so many of the newest events are offered a lane."""
STANDING_READ = 200
"""And, in a repository, so many that still stand, those that changed last."""
SLICES = 96
"""A lane with too many spans is drawn as how often it changed in each so-many-th of the window."""

Key = tuple[int, str]
_Place = tuple[int, int, str, str]
"""A tag: its registry and repository by their ids, the path, its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One tag in a window. Where its spans are too many to draw, `spans` is empty and `slices` has
    the number of changes in each of SLICES equal parts of the window.
    """

    registry: str
    repository: int
    path: str
    tag: str
    spans: list[Span]
    slices: list[int]

    @property
    def changes(self) -> int:
        return sum(self.slices) if self.slices else len(self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """A page of lanes: named tags first, then by last change. `total` is how many there are where
    these `are_all`, else how many of those that changed last are offered.
    """

    lanes: list[Lane]
    first: int
    total: int
    page: int
    are_all: bool

    @property
    def last(self) -> int:
        return self.first + len(self.lanes) - 1

    @property
    def more(self) -> bool:
        return self.last < self.total


def lanes(
    scope: Scope,
    wanted: HistoryFilter,
    since: datetime,
    until: datetime,
    *,
    page: int = 1,
    events: Sequence[EventRow] | None = None,
) -> Lanes:
    """The lanes of the tags that the filter means, in a constant number of statements. `events` are
    all that it finds, where they are known.
    """
    found, are_all = _candidates(scope, wanted, events)
    start = (page - 1) * LANES
    shown = found[start : start + LANES]
    names = dict(Registry.objects.values_list("pk", "name"))
    keys = [(repository, tag) for _, repository, _, tag in shown]
    spans, slices = _drawable(keys, since, until)
    return Lanes(
        lanes=[
            Lane(
                registry=names.get(registry, ""),
                repository=repository,
                path=path,
                tag=tag,
                spans=spans.get((repository, tag), []),
                slices=slices.get((repository, tag), []),
            )
            for registry, repository, path, tag in shown
        ],
        first=start + 1,
        total=len(found),
        page=page,
        are_all=are_all,
    )


def _candidates(
    scope: Scope, wanted: HistoryFilter, events: Sequence[EventRow] | None
) -> tuple[list[_Place], bool]:
    """Tags whose names say no version, then the others; both by last change. And whether these are
    all that the filter means, at least of those that still stand.
    """
    are_all = True
    if events is None:
        recent = matching(scope, wanted).values_list("registry_id", "repository_id", "path", "tag")
        listed = list(recent[:EVENTS_READ])
        are_all = len(listed) < EVENTS_READ
    else:
        listed = [(each.registry_id, each.repository, each.path, each.tag) for each in events]
    found = dict.fromkeys(listed)
    if scope.repository is not None and not wanted.digest and not wanted.actor:
        standing = _standing_tags(scope.repository, wanted.tag)
        found |= dict.fromkeys(standing)
        are_all = are_all or len(standing) < STANDING_READ
    return sorted(found, key=lambda each: any(letter.isdigit() for letter in each[3])), are_all


def _standing_tags(repository: int, glob: str) -> list[_Place]:
    """Tags that have not moved for long still stand; by `tag_changed`."""
    tags = Tag.objects.filter(repository=repository).order_by("-changed_at")
    if glob:
        tags = tags.filter(name__like=like_pattern(glob))
    return list(
        tags.values_list("repository__registry_id", "repository_id", "repository__path", "name")[
            :STANDING_READ
        ]
    )


_WANTED = """
  FROM unnest(%(repositories)s::bigint[], %(tags)s::text[]) AS wanted (repository_id, tag)
  JOIN registry_browser_tagspan span
    ON span.repository_id = wanted.repository_id AND span.tag = wanted.tag COLLATE "C"
 WHERE span.since_seen_at <= %(until)s
   AND (span.until_seen_at IS NULL OR span.until_seen_at >= %(since)s)
"""

_COUNTS = f"SELECT span.repository_id, span.tag, count(*) {_WANTED} GROUP BY 1, 2"

_SPANS = f"""
SELECT span.repository_id, span.tag, span.digest, span.since_not_before, span.since_seen_at,
       span.until_not_before, span.until_seen_at, span.id {_WANTED}
 LIMIT %(at_most)s
"""

_SLICES = f"""
SELECT span.repository_id, span.tag,
       width_bucket(extract(epoch FROM span.since_seen_at),
                    extract(epoch FROM %(since)s::timestamptz),
                    extract(epoch FROM %(until)s::timestamptz), %(slices)s) AS slice, count(*)
 {_WANTED} AND span.since_seen_at >= %(since)s
 GROUP BY 1, 2, 3
"""


def _drawable(
    keys: Sequence[Key], since: datetime, until: datetime
) -> tuple[dict[Key, list[Span]], dict[Key, list[int]]]:
    """The spans of the lanes, and the slices of those that have too many. They are counted only
    where all together are too many, so that most pages need one statement.
    """
    if (spans := _spans(keys, since, until)) is not None:
        return spans, {}
    crowded = _crowded(_counts(keys, since, until))
    rest = _spans([key for key in keys if key not in crowded], since, until)
    return rest or {}, _slices([key for key in keys if key in crowded], since, until)


def _counts(keys: Sequence[Key], since: datetime, until: datetime) -> dict[Key, int]:
    return {(row[0], row[1]): row[2] for row in _ask(_COUNTS, keys, since, until)}


def _crowded(counts: dict[Key, int]) -> set[Key]:
    """The lanes to draw as density, the fullest first, so that the rest is SPANS at most."""
    crowded, total = set(), sum(counts.values())
    for key, count in sorted(counts.items(), key=lambda each: -each[1]):
        if total <= SPANS:
            break
        crowded.add(key)
        total -= count
    return crowded


def _spans(keys: Sequence[Key], since: datetime, until: datetime) -> dict[Key, list[Span]] | None:
    """The spans by tag, oldest first; None where they are more than SPANS."""
    listed = _ask(_SPANS, keys, since, until)
    if len(listed) > SPANS:
        return None
    found: dict[Key, list[Span]] = {}
    for repository, tag, digest, since_nb, since_at, until_nb, until_at, _ in sorted(
        listed, key=itemgetter(4, 7)
    ):
        found.setdefault((repository, tag), []).append(
            Span(
                digest=digest,
                since_not_before=since_nb,
                since_seen_at=since_at,
                until_not_before=until_nb,
                until_seen_at=until_at,
            )
        )
    return found


def _slices(keys: Sequence[Key], since: datetime, until: datetime) -> dict[Key, list[int]]:
    found = {key: [0] * SLICES for key in keys}
    for repository, tag, number, count in _ask(_SLICES, keys, since, until):
        # The end of the window itself falls beyond its last part.
        found[repository, tag][min(number, SLICES) - 1] += count
    return found


def _ask(
    statement: str, keys: Sequence[Key], since: datetime, until: datetime
) -> list[tuple[Any, ...]]:
    if not keys:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "repositories": [repository for repository, _ in keys],
                "tags": [tag for _, tag in keys],
                "since": since,
                "until": until,
                "slices": SLICES,
                "at_most": SPANS + 1,
            },
        )
        return list(cursor.fetchall())
