"""The state of the seals: what is covered, what is open, what the last verification said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Sum

from registry_browser.history.seals import SEAL_EVERY, last_seal, open_rows
from registry_browser.models import AuditEvent, Seal

if TYPE_CHECKING:
    from datetime import datetime

PAGE = 50
VERIFIED_WITHIN = timedelta(minutes=15)
"""A million rows take a worker well under a minute; who asked so long ago waits for nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealState:
    """`verified` is the newest outcome of a verification, `asked` a newer request for one, which
    `is_under_way` unless it has gone without an answer for too long.
    """

    last: Seal | None
    tags: int
    audit: int
    open_tags: int
    open_audit: int
    verified: AuditEvent | None
    asked: AuditEvent | None
    is_under_way: bool

    @property
    def open_count(self) -> int:
        return self.open_tags + self.open_audit

    @property
    def is_broken(self) -> bool:
        return self.verified is not None and self.verified.action == "history:broken"

    @property
    def outcome(self) -> str:
        return str(self.verified.detail.get("outcome", "")) if self.verified else ""

    @property
    def next_at(self) -> datetime | None:
        """When what is open gets sealed."""
        return self.last.sealed_at + SEAL_EVERY if self.last and self.open_count else None


def seal_state(now: datetime) -> SealState:
    """A constant number of statements; sums over the seals, which are few."""
    last = last_seal()
    sums = Seal.objects.aggregate(tags=Sum("tags_count"), audit=Sum("audit_count"))
    open_tags, open_audit = open_rows(last)
    verified, asked = _verification()
    return SealState(
        last=last,
        tags=sums["tags"] or 0,
        audit=sums["audit"] or 0,
        open_tags=open_tags,
        open_audit=open_audit,
        verified=verified,
        asked=asked,
        is_under_way=asked is not None and now - asked.at < VERIFIED_WITHIN,
    )


def _verification() -> tuple[AuditEvent | None, AuditEvent | None]:
    """The newest outcome of a verification, and a request that came after it."""
    events = AuditEvent.objects.order_by("-at", "-id")
    outcomes = events.filter(action__in=("history:verified", "history:broken"))
    requests = events.filter(action="history:verify")
    newest = {event.action: event for event in outcomes[:1].union(requests[:1])}
    asked = newest.pop("history:verify", None)
    verified = next(iter(newest.values()), None)
    if asked is not None and verified is not None and asked.at <= verified.at:
        asked = None
    return verified, asked


def seals_page(before: int | None = None) -> tuple[list[Seal], int | None]:
    """Seals, newest first, and where the next page begins."""
    found = Seal.objects.order_by("-number")
    if before is not None:
        found = found.filter(number__lt=before)
    listed = list(found[: PAGE + 1])
    return listed[:PAGE], listed[PAGE - 1].number if len(listed) > PAGE else None
