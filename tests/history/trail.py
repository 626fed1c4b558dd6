"""A repository whose tags follow a script, seen by looks at given moments: what a sync would have
written into the ledger.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from registry_browser.history.ledger import record_tag_events
from registry_browser.models import EventSource, TagEvent, TagEventKind
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_browser.models import Repository

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=number)


class Trail:
    """Looks at one repository: each is given what every tag points to, by the image's name."""

    def __init__(self, record: Record, repository: Repository) -> None:
        self.record = record
        self.repository = repository
        self.tags: dict[str, str] = {}
        self.seen: set[str] = set()
        self.looked_at: datetime | None = None

    def look(
        self,
        now: datetime,
        tags: Mapping[str, str],
        *,
        source: EventSource = EventSource.SYNC,
        actor: str = "",
    ) -> list[TagEvent]:
        """Write what changed since the last look, as a complete sync does."""
        events = []
        for name in sorted({*self.tags, *tags}):
            old, new = self.tags.get(name, ""), tags.get(name, "")
            if old == new:
                continue
            kind = self._kind(name, old, new)
            events.append(
                TagEvent(
                    registry_id=self.record.registry.pk,
                    repository_id=self.repository.pk,
                    registry_name=self.record.registry.name,
                    path=self.repository.path,
                    tag=name,
                    kind=kind,
                    old_digest=digest_of(old) if old else "",
                    new_digest=digest_of(new) if new else "",
                    not_before=self.looked_at,
                    seen_at=now,
                    source=source,
                    actor=actor,
                )
            )
        record_tag_events(events)
        self.seen |= set(tags)
        self.tags, self.looked_at = dict(tags), now
        return events

    def _kind(self, name: str, old: str, new: str) -> TagEventKind:
        if old and new:
            return TagEventKind.MOVED
        if old:
            return TagEventKind.DELETED
        return TagEventKind.RESTORED if name in self.seen else TagEventKind.CREATED
