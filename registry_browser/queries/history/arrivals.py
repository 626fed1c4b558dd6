"""By which event each tag came to where it stood."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.models import TagEvent
from registry_browser.queries.history.events import EventRow, event_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.queries.history.moments import StandingRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalRow(EventRow):
    """The event that a tag's standing goes back to, with how certain that is.

    `following_digest` is what the tag may have pointed to already.
    """

    certainty: str
    following_digest: str


# One look into the index a tag, however often it moved. Where the standing is that of a tag which
# came into being around the moment, its event is the next one instead of the last.
_ARRIVALS = """
SELECT asked.number, coalesce(
    (SELECT id FROM registry_browser_tagevent event
      WHERE event.repository_id = asked.repository AND event.tag = asked.tag
        AND event.new_digest = asked.digest AND event.seen_at <= asked.seen_at
      ORDER BY event.seen_at DESC, event.id DESC LIMIT 1),
    (SELECT id FROM registry_browser_tagevent event
      WHERE event.repository_id = asked.repository AND event.tag = asked.tag
        AND event.new_digest = asked.digest AND event.seen_at > asked.seen_at
      ORDER BY event.seen_at, event.id LIMIT 1))
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
       WITH ORDINALITY asked (repository, tag, digest, seen_at, number)
"""


def arrivals(rows: Sequence[StandingRow]) -> list[ArrivalRow]:
    """The event of each row, in their order; of a tag that came into being around the moment, that
    one. Rows of which the ledger has none are left out. Four statements, however many there are.
    """
    digests = [row.standing.digest or row.standing.following for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            _ARRIVALS,
            [
                [row.repository for row in rows],
                [row.tag for row in rows],
                digests,
                [row.standing.seen_at for row in rows],
            ],
        )
        found = {number: event for number, event in cursor.fetchall() if event is not None}
    events = TagEvent.objects.in_bulk(found.values())
    shown = {event.id: event for event in event_rows(list(events.values()))}
    return [
        _arrival(shown[found[number]], row)
        for number, row in enumerate(rows, start=1)
        if number in found
    ]


def _arrival(event: EventRow, row: StandingRow) -> ArrivalRow:
    known = {field.name: getattr(event, field.name) for field in fields(event)}
    return ArrivalRow(
        **known,
        certainty=row.standing.certainty.value,
        following_digest=row.standing.following if row.standing.digest else "",
    )
