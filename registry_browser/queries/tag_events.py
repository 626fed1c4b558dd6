"""The last change of each of some tags, from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.models import TagEventKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from registry_browser.models import Repository


@dataclass(frozen=True, slots=True)
class LastEvent:
    """What the ledger says last about a tag."""

    kind: str
    seen_at: datetime
    not_before: datetime | None
    source: str
    actor: str

    @property
    def word(self) -> str:
        """What the tag did; what was there when we first looked was only seen then."""
        if self.kind == TagEventKind.CREATED and self.not_before is None:
            return "first seen"
        return "seen again" if self.kind == TagEventKind.RESTORED else self.kind


_LAST_EVENTS = """
SELECT named.tag, event.kind, event.seen_at, event.not_before, event.source, event.actor
  FROM unnest(%s::text[]) AS named (tag)
  CROSS JOIN LATERAL (
    SELECT * FROM registry_browser_tagevent
     WHERE repository_id = %s AND tag = named.tag COLLATE "C"
     ORDER BY id DESC LIMIT 1
  ) event
"""


def last_events(repository: Repository, names: Sequence[str]) -> dict[str, LastEvent]:
    """The newest ledger row of each tag; one statement, one index lookup a tag."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST_EVENTS, [list(names), repository.pk])
        return {name: LastEvent(*rest) for name, *rest in cursor.fetchall()}
