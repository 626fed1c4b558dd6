"""Moments and spans of time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No registry speaks of anything before or after; whoever reckons from a moment in between, for as
long again, stays within what can be said of time.
"""
SPANS = {"7d": timedelta(days=7), "30d": timedelta(days=30), "1y": timedelta(days=365)}


def read_moment(text: str, *, end_of_day: bool = False) -> datetime:
    """A moment from ISO 8601, also "2026-11-11 09:00"; UTC unless the text says otherwise.

    A day alone is its first moment, or its last with `end_of_day`. Raises ValueError with a
    sentence for anything else, and for what is not between EARLIEST and LATEST.
    """
    stripped = text.strip()
    try:
        read = datetime.fromisoformat(stripped)
        moment = read if read.tzinfo else read.replace(tzinfo=UTC)
        is_day = len(stripped) <= 10
        if is_day and end_of_day:
            moment += timedelta(days=1) - timedelta(microseconds=1)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"“{stripped[:40]}” is no moment; write it as 2026-11-11 09:00 (UTC)."
        ) from None
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"“{stripped[:40]}” is not between 2000 and 2100.")
    return moment


def in_words(moment: datetime) -> str:
    """A moment in a sentence, to the second: "20 Nov 2026 14:26:31 UTC"."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y %H:%M:%S} UTC"


def between_in_words(start: datetime, end: datetime) -> str:
    """Two moments in a sentence, the first without what the second says again: "between 20 Nov
    22:10:04 and 21 Nov 2026 10:02:11 UTC", "between 20 Nov 2026 08:00:00 and 08:10:00 UTC".
    """
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    if first.date() == last.date():
        return f"between {first.day} {first:%b %Y %H:%M:%S} and {last:%H:%M:%S} UTC"
    year = "" if first.year == last.year else f" {first.year}"
    return f"between {first.day} {first:%b}{year} {first:%H:%M:%S} and {in_words(last)}"


def written(moment: datetime) -> str:
    """A moment for an address or a field, which `read_moment` reads back."""
    utc = moment.astimezone(UTC)
    if utc.microsecond:
        return f"{utc:%Y-%m-%dT%H:%M:%S.%f}Z"
    return f"{utc:%Y-%m-%d %H:%M:%S}" if utc.second else f"{utc:%Y-%m-%d %H:%M}"
