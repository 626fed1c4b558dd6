"""What changed from one moment to another: of each tag what it was, and what it became."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from registry_browser.models import Registry
from registry_browser.queries.history.events import read_place
from registry_browser.queries.history.moments import as_span
from registry_browser.queries.history.scope import (
    EVENT_COLUMNS,
    HistoryFilter,
    Scope,
    conditions_of,
)
from registry_browser.queries.history.standing import Certainty, Span, Standing, standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """A tag that changed between two moments, `changes` times; what it was and what it became."""

    registry: str
    repository: int
    path: str
    tag: str
    before: Standing
    after: Standing
    last_seen_at: datetime
    changes: int

    @property
    def is_back(self) -> bool:
        """It ended as it is known to have begun."""
        sure = {Certainty.KNOWN, Certainty.ABSENT}
        is_sure = {self.before.certainty, self.after.certainty} <= sure
        return is_sure and self.before.digests == self.after.digests

    @property
    def compared(self) -> tuple[str, str] | None:
        """References to the image before and after, for the page that compares them."""
        if not (self.registry and self.before.digest and self.after.digest):
            return None
        if self.before.digest == self.after.digest:
            return None
        name = f"{self.registry}/{self.path}"
        return f"{name}@{self.before.digest}", f"{name}@{self.after.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferencePage:
    rows: list[DifferenceRow]
    after: str


# Of each tag the last event in the window, newest first: found by `tag_event_in_…`, asked by
# `tag_event_tag` whether a later one is in the window too.
_CHANGED = """
SELECT event.registry_id, event.registry_name, event.repository_id, event.path, event.tag,
       event.seen_at, event.id
  FROM registry_browser_tagevent event
 WHERE event.seen_at > %(since)s AND event.seen_at <= %(until)s AND {conditions}
   AND NOT EXISTS (
    SELECT FROM registry_browser_tagevent later
     WHERE later.repository_id = event.repository_id AND later.tag = event.tag
       AND (later.seen_at, later.id) > (event.seen_at, event.id)
       AND later.seen_at <= %(until)s)
 ORDER BY event.seen_at DESC, event.id DESC
 LIMIT %(at_most)s
"""

_CHANGES = """
SELECT wanted.repository_id, wanted.tag, (
    SELECT count(*) FROM registry_browser_tagevent event
     WHERE event.repository_id = wanted.repository_id AND event.tag = wanted.tag COLLATE "C"
       AND event.seen_at > %(since)s AND event.seen_at <= %(until)s)
  FROM unnest(%(repositories)s::bigint[], %(tags)s::text[]) AS wanted (repository_id, tag)
"""


def changed_between(
    scope: Scope,
    since: datetime,
    until: datetime,
    *,
    wanted: HistoryFilter | None = None,
    after: str = "",
    size: int = PAGE,
) -> DifferencePage:
    """The tags of the scope with a change seen after `since` and by `until`, last changed first."""
    wanted = wanted or HistoryFilter()
    conditions, parameters = conditions_of(scope, wanted, EVENT_COLUMNS)
    place = read_place(after)
    if place is not None:
        conditions.append(
            "event.seen_at <= %(after_at)s AND (event.seen_at, event.id) < (%(after_at)s,"
            " %(after_id)s)"
        )
        parameters |= {"after_at": place[0], "after_id": place[1]}
    window = {"since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(
            _CHANGED.format(conditions=" AND ".join(conditions)),
            {**parameters, **window, "at_most": size + 1},
        )
        found = cursor.fetchall()
        listed = found[:size]
        cursor.execute(
            _CHANGES,
            {
                **window,
                "repositories": [row[2] for row in listed],
                "tags": [row[4] for row in listed],
            },
        )
        counts = {(repository, tag): count for repository, tag, count in cursor.fetchall()}
    names = dict(Registry.objects.values_list("pk", "name"))
    befores = _standings(listed, since)
    afters = _standings(listed, until)
    rows = [
        DifferenceRow(
            registry=names.get(row[0], ""),
            repository=row[2],
            path=row[3],
            tag=row[4],
            before=befores[row[2], row[4]],
            after=afters[row[2], row[4]],
            last_seen_at=row[5],
            changes=counts[row[2], row[4]],
        )
        for row in listed
    ]
    following = f"{listed[-1][5].isoformat()}_{listed[-1][6]}" if len(found) > size else ""
    return DifferencePage(rows=rows, after=following)


_AROUND_MANY = """
SELECT wanted.repository_id, wanted.tag, span.*, (
    SELECT min(seen_at) FROM registry_browser_tagevent
     WHERE repository_id = wanted.repository_id)
  FROM unnest(%(repositories)s::bigint[], %(tags)s::text[]) AS wanted (repository_id, tag)
  LEFT JOIN LATERAL (
    (SELECT digest, since_not_before, since_seen_at, until_not_before, until_seen_at
       FROM registry_browser_tagspan
      WHERE repository_id = wanted.repository_id AND tag = wanted.tag COLLATE "C"
        AND since_seen_at <= %(moment)s
      ORDER BY since_seen_at DESC, id DESC LIMIT 1)
    UNION ALL
    (SELECT digest, since_not_before, since_seen_at, until_not_before, until_seen_at
       FROM registry_browser_tagspan
      WHERE repository_id = wanted.repository_id AND tag = wanted.tag COLLATE "C"
        AND since_seen_at > %(moment)s
      ORDER BY since_seen_at, id LIMIT 1)
  ) span ON true
"""


def _standings(
    listed: Sequence[tuple[Any, ...]], moment: datetime
) -> dict[tuple[int, str], Standing]:
    """What each of these tags pointed to; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            _AROUND_MANY,
            {
                "repositories": [row[2] for row in listed],
                "tags": [row[4] for row in listed],
                "moment": moment,
            },
        )
        spans: dict[tuple[int, str], list[Span]] = {}
        followed: dict[tuple[int, str], datetime | None] = {}
        for repository, tag, *span, first in cursor.fetchall():
            spans.setdefault((repository, tag), []).extend([as_span(span)] if span[0] else [])
            followed[repository, tag] = first
    return {
        key: standing(
            sorted(each, key=lambda span: span.since_seen_at), moment, followed_since=followed[key]
        )
        for key, each in spans.items()
    }
