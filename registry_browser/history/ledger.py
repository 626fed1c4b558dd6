"""The ledger of tags: what each was seen to do, and the spans of time derived from that."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from django.db import connection

from registry_browser.history.told import Standing
from registry_browser.models import EventSource, TagChangeRow, TagEvent, TagEventKind
from registry_browser.models.copying import copy_rows

# A tag has one open span at most, so closing by repository and name touches one row, found by
# `one_open_span`.
_CLOSE_SPANS = """
UPDATE registry_browser_tagspan span
   SET until_not_before = event.not_before, until_seen_at = event.seen_at
  FROM unnest(%(repositories)s::bigint[], %(tags)s::text[], %(not_before)s::timestamptz[],
    %(seen_at)s::timestamptz[])
       AS event (repository_id, tag, not_before, seen_at)
 WHERE span.repository_id = event.repository_id AND span.tag = event.tag
   AND span.until_seen_at IS NULL
"""


# Copied, since a first sync writes one event and one span for every tag: going through models was
# a third of our own time storing.
_EVENT_COLUMNS = [field.attname for field in TagChangeRow._meta.fields]
_SPAN_COLUMNS = "repository_id, tag, digest, since_not_before, since_seen_at"
_event_row = attrgetter(*_EVENT_COLUMNS)
_span_row = attrgetter("repository_id", "tag", "new_digest", "not_before", "seen_at")


def record_tag_events(events: Sequence[TagEvent]) -> None:
    """Append `events` and derive their spans, in the caller's transaction; those of one tag in
    their order.
    """
    if not events:
        return
    copy_rows(f"tagevent ({', '.join(_EVENT_COLUMNS)})", map(_event_row, events))
    for each_tag_once in _rounds(events):
        _record_spans(each_tag_once)


def _rounds(events: Sequence[TagEvent]) -> list[list[TagEvent]]:
    """The first event of every tag, then the second of those that have one, and so on."""
    rounds: list[list[TagEvent]] = []
    so_far: Counter[tuple[int, str]] = Counter()
    for event in events:
        place = (event.repository_id, event.tag)
        if so_far[place] == len(rounds):
            rounds.append([])
        rounds[so_far[place]].append(event)
        so_far[place] += 1
    return rounds


def _record_spans(events: Sequence[TagEvent]) -> None:
    closing = [
        event for event in events if event.kind in (TagEventKind.MOVED, TagEventKind.DELETED)
    ]
    if closing:
        with connection.cursor() as cursor:
            cursor.execute(
                _CLOSE_SPANS,
                {
                    "repositories": [event.repository_id for event in closing],
                    "tags": [event.tag for event in closing],
                    "not_before": [event.not_before for event in closing],
                    "seen_at": [event.seen_at for event in closing],
                },
            )
    begun = (event for event in events if event.new_digest)
    copy_rows(f"tagspan ({_SPAN_COLUMNS})", map(_span_row, begun))


def tags_seen_before(tags: Sequence[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of `tags` (repository id, name) that once stood there: a tag that comes back is
    restored, not created.
    """
    if not tags:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT repository_id, tag"
            " FROM unnest(%s::bigint[], %s::text[]) AS wanted (repository_id, tag)"
            " WHERE EXISTS (SELECT FROM registry_browser_tagspan span"
            " WHERE span.repository_id = wanted.repository_id"
            ' AND span.tag = wanted.tag COLLATE "C")',
            [[repository for repository, _ in tags], [name for _, name in tags]],
        )
        return set(cursor.fetchall())


def last_of(tags: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Standing]:
    """What the ledger ends with for each of `tags` (repository id, name) that it knows."""
    if not tags:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT wanted.repository_id, wanted.tag, last.not_before, last.seen_at, last.source"
            " FROM unnest(%s::bigint[], %s::text[]) AS wanted (repository_id, tag)"
            " CROSS JOIN LATERAL (SELECT event.not_before, event.seen_at, event.source"
            " FROM registry_browser_tagevent event"
            " WHERE event.repository_id = wanted.repository_id"
            ' AND event.tag = wanted.tag COLLATE "C" ORDER BY event.id DESC LIMIT 1) last',
            [[repository for repository, _ in tags], [name for _, name in tags]],
        )
        return {
            (repository, name): Standing(
                not_before, seen_at, told=source == EventSource.NOTIFICATION
            )
            for repository, name, not_before, seen_at, source in cursor.fetchall()
        }
