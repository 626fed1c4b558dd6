"""What a tag pointed to at a moment, as far as it is known. Values in, values out.

A change is known by its bounds: at `not_before` the old state was still seen, at `seen_at` the new
one. Between the two nobody looked, so the answer there is one or the other and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


class Certainty(StrEnum):
    """How a standing is known."""

    KNOWN = "known"
    BETWEEN = "between"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when to when a tag pointed to a digest; an open one has no end. See `TagSpan`."""

    digest: str
    since_not_before: datetime | None
    since_seen_at: datetime
    until_not_before: datetime | None = None
    until_seen_at: datetime | None = None

    @property
    def earliest_since(self) -> datetime:
        """The first moment at which it may have pointed there, as far as we know."""
        return self.since_not_before or self.since_seen_at

    def is_on(self, moment: datetime) -> bool:
        """Whether it had been seen by then, and not seen to end."""
        return self.since_seen_at <= moment and (
            self.until_seen_at is None or moment < self.until_seen_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a tag pointed to at a moment.

    KNOWN: to `digest`. ABSENT: there was no such tag. BETWEEN: it still pointed to `digest` or to
    `following` already, an empty one being no tag at all; the change came after `not_before` (None:
    unknown how long before) and by `seen_at`. UNKNOWN: nobody had looked yet; `seen_at` is when it
    was first seen, None for never.
    """

    certainty: Certainty
    digest: str = ""
    following: str = ""
    not_before: datetime | None = None
    seen_at: datetime | None = None

    @property
    def digests(self) -> list[str]:
        """Those that are possible."""
        return [digest for digest in (self.digest, self.following) if digest]


def standing(
    spans: Sequence[Span], moment: datetime, *, followed_since: datetime | None
) -> Standing:
    """What the tag with these spans, oldest first, pointed to at `moment`.

    `followed_since` is when its repository was first read, None where it never was: before that,
    nothing is known.
    """
    for number, span in enumerate(spans):
        if span.is_on(moment):
            return _while_on(span, spans[number + 1 :], moment)
    before = [span for span in spans if span.since_seen_at <= moment]
    following = next((span for span in spans if span.since_seen_at > moment), None)
    if following is not None and (
        moment > following.earliest_since or (before and following.since_not_before is None)
    ):
        return Standing(
            certainty=Certainty.BETWEEN,
            following=following.digest,
            not_before=following.since_not_before or before[-1].until_seen_at,
            seen_at=following.since_seen_at,
        )
    if before:
        return Standing(certainty=Certainty.ABSENT)
    if following is not None and following.since_not_before is None:
        return Standing(certainty=Certainty.UNKNOWN, seen_at=following.since_seen_at)
    if followed_since is None or moment < followed_since:
        first = following.since_seen_at if following else None
        return Standing(certainty=Certainty.UNKNOWN, seen_at=first)
    return Standing(certainty=Certainty.ABSENT)


def _while_on(span: Span, later: Sequence[Span], moment: datetime) -> Standing:
    """The standing at a moment in a span: its digest, unless the end was near already."""
    if span.until_seen_at is None or moment <= (span.until_not_before or span.since_seen_at):
        return Standing(
            certainty=Certainty.KNOWN,
            digest=span.digest,
            not_before=span.since_not_before,
            seen_at=span.since_seen_at,
        )
    following = later[0] if later and later[0].since_seen_at == span.until_seen_at else None
    return Standing(
        certainty=Certainty.BETWEEN,
        digest=span.digest,
        following=following.digest if following else "",
        not_before=span.until_not_before or span.since_seen_at,
        seen_at=span.until_seen_at,
    )
