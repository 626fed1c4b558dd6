"""A tag, a repository or a registry as it stood at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import connection

from registry_browser.models import Repository
from registry_browser.queries.history.events import first_seen, followed_since
from registry_browser.queries.history.scope import (
    STOOD_COLUMNS,
    HistoryFilter,
    Scope,
    conditions_of,
    digests_meant,
    repositories_with,
)
from registry_browser.queries.history.standing import Span, Standing, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """A tag as it stood. `confirmed_at` is when its repository was last read completely: what is
    asked for beyond that is as last seen.
    """

    registry: str
    repository: int
    path: str
    tag: str
    standing: Standing
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingPage:
    """Tags as they stood at `moment`, by path and tag; `after` is where the next page begins.

    `followed_since` is when the scope was first read; a moment before that has no rows.
    """

    moment: datetime
    rows: list[StandingRow]
    after: str
    followed_since: datetime | None

    @property
    def is_before_all(self) -> bool:
        """Nobody had looked yet at that moment."""
        return self.followed_since is None or self.moment < self.followed_since


# At most two spans of a tag before a moment matter (the last seen, and the one that had ended),
# and one after it.
_AROUND = """
(SELECT digest, since_not_before, since_seen_at, until_not_before, until_seen_at
   FROM registry_browser_tagspan
  WHERE repository_id = %(repository)s AND tag = %(tag)s AND since_seen_at <= %(moment)s
  ORDER BY since_seen_at DESC, id DESC LIMIT 1)
UNION ALL
(SELECT digest, since_not_before, since_seen_at, until_not_before, until_seen_at
   FROM registry_browser_tagspan
  WHERE repository_id = %(repository)s AND tag = %(tag)s AND since_seen_at > %(moment)s
  ORDER BY since_seen_at, id LIMIT 1)
"""


def tag_at(repository: int, tag: str, moment: datetime) -> Standing:
    """What one tag pointed to at a moment; two index lookups, however long its life."""
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, {"repository": repository, "tag": tag, "moment": moment})
        spans = [as_span(row) for row in cursor.fetchall()]
    return standing(spans, moment, followed_since=followed_since(repository))


# The repositories come in order by their unique index, their tags by `tag_span_tag`; only until the
# page is full.
# Each repository is read by `tag_span_tag`, no farther than one page of it.
_STOOD = """
SELECT registry.name, repository.id, repository.path, span.tag, repository.tags_complete_at,
       span.digest, span.since_not_before, span.since_seen_at, span.until_not_before,
       span.until_seen_at
  FROM registry_browser_repository repository
  JOIN registry_browser_registry registry ON registry.id = repository.registry_id
 CROSS JOIN LATERAL (
       SELECT * FROM registry_browser_tagspan span
        WHERE span.repository_id = repository.id
          AND (span.since_seen_at <= %(moment)s OR span.since_not_before < %(moment)s)
          AND (span.until_seen_at IS NULL OR span.until_seen_at > %(moment)s)
          AND {conditions}
        ORDER BY span.tag, span.since_seen_at LIMIT %(at_most)s) span
 WHERE {conditions}
 ORDER BY repository.registry_id, repository.path, span.tag, span.since_seen_at
 LIMIT %(at_most)s
"""


def stood_at(
    scope: Scope,
    moment: datetime,
    *,
    wanted: HistoryFilter | None = None,
    after: str = "",
    size: int = PAGE,
) -> StandingPage:
    """The tags of the scope as they stood, in order of registry, path and tag. Of the filter, the
    tag, the path and the digest count. Registries that were removed are left out.
    """
    wanted = wanted or HistoryFilter()
    first = first_seen(scope, HistoryFilter())
    if first is None or moment < first:
        return StandingPage(moment=moment, rows=[], after="", followed_since=first)
    conditions, parameters = _conditions(scope, wanted, after)
    with connection.cursor() as cursor:
        cursor.execute(
            _STOOD.format(conditions=" AND ".join(conditions)),
            # A tag has two rows at most: what it was, and what it became within the bounds. The
            # last one's second may be cut off; it is beyond the page.
            {**parameters, "moment": moment, "at_most": 2 * size + 3},
        )
        found = cursor.fetchall()
    rows = _standing_rows(found, moment)
    following = _place(rows[size - 1]) if len(rows) > size else ""
    return StandingPage(moment=moment, rows=rows[:size], after=following, followed_since=first)


def _standing_rows(found: Iterable[tuple[Any, ...]], moment: datetime) -> list[StandingRow]:
    rows = []
    for (name, repository, path, tag, confirmed), spans in groupby(found, lambda row: row[:5]):
        stood = standing([as_span(row[5:]) for row in spans], moment, followed_since=moment)
        rows.append(
            StandingRow(
                registry=name,
                repository=repository,
                path=path,
                tag=tag,
                standing=stood,
                confirmed_at=confirmed,
            )
        )
    return rows


def _conditions(
    scope: Scope, wanted: HistoryFilter, after: str
) -> tuple[list[str], dict[str, Any]]:
    conditions, parameters = conditions_of(scope, wanted, STOOD_COLUMNS)
    if wanted.tag and wanted.tags is not None and scope.repository is None:
        # A rare tag is not looked for in each of ten thousand repositories.
        holders = repositories_with(wanted.tags)
        if holders is not None:
            conditions.append("repository.id = ANY(%(holders)s)")
            parameters["holders"] = holders
    if wanted.digest:
        conditions.append("span.digest = ANY(%(digests)s)")
        parameters["digests"] = digests_meant(wanted.digest)
    place = _read_place(after)
    if place is not None:
        conditions.append(
            "repository.registry_id >= %(after_registry)s AND (repository.registry_id,"
            ' repository.path, span.tag) > (%(after_registry)s, %(after_path)s COLLATE "C",'
            ' %(after_tag)s COLLATE "C")'
        )
        parameters |= dict(zip(("after_registry", "after_path", "after_tag"), place, strict=True))
    return conditions, parameters


def _place(row: StandingRow) -> str:
    return f"{row.repository}:{row.tag}"


def _read_place(text: str) -> tuple[int, str, str] | None:
    """Registry, path and tag that a page ended with; None for the first page, and for nonsense."""
    number, _, tag = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return None
    found = Repository.objects.filter(pk=int(number)).values_list("registry_id", "path").first()
    return None if found is None else (*found, tag)


def as_span(row: Sequence[Any]) -> Span:
    """The span in a row of these columns of `TagSpan`, in this order."""
    digest, since_not_before, since_seen_at, until_not_before, until_seen_at = row
    return Span(
        digest=digest,
        since_not_before=since_not_before,
        since_seen_at=since_seen_at,
        until_not_before=until_not_before,
        until_seen_at=until_seen_at,
    )
