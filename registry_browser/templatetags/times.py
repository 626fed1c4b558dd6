"""Moments and durations. Relative under fourteen days, absolute beyond or when the reader asks."""

from datetime import UTC, datetime, timedelta

from django.template import Context, Library
from django.utils.safestring import SafeString

from registry_browser.templatetags.figures import unknown
from registry_browser.templatetags.markup import filled

register = Library()

_RELATIVE = timedelta(days=14)


def relative(when: datetime, now: datetime) -> str:
    """How long ago, in words, or the date alone from fourteen days on (also for the future)."""
    elapsed = now - when
    distance = abs(elapsed)
    if distance >= _RELATIVE:
        return date(when)
    seconds = int(distance.total_seconds())
    if seconds < 5:
        return "just now"
    if seconds < 86_400:
        amount = (
            f"{seconds} s"
            if seconds < 60
            else f"{seconds // 60} min"
            if seconds < 3600
            else f"{seconds // 3600} h"
        )
        return f"{amount} ago" if elapsed > timedelta() else f"in {amount}"
    days = abs((now.astimezone(UTC).date() - when.astimezone(UTC).date()).days)
    if elapsed > timedelta():
        return "yesterday" if days == 1 else f"{days} days ago"
    return "tomorrow" if days == 1 else f"in {days} days"


def date(when: datetime) -> str:
    """The day in UTC: "20 Nov 2026"."""
    utc = when.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y}"


def absolute(when: datetime) -> str:
    """Day and time in UTC, to the second: "20 Nov 2026 14:26:31 UTC"."""
    return f"{date(when)} {when.astimezone(UTC):%H:%M:%S} UTC"


@register.simple_tag(takes_context=True)
def ago(context: Context, when: datetime | None, reason: str = "never") -> SafeString:
    """A moment in a list: relative to `now` of the page, absolute if the reader switched to that.

    None is a dash with the reason. The tooltip has the absolute time in UTC; the page's script
    adds the reader's own time zone to it.
    """
    if when is None:
        return unknown(reason)
    page = context.get("page")
    wants_absolute = (
        page.get("absolute_times")
        if isinstance(page, dict)
        else (getattr(page, "absolute_times", False))
    )
    if wants_absolute:
        return _time(when, f"{date(when)} {when.astimezone(UTC):%H:%M}")
    return _time(when, relative(when, _now(context)))


@register.simple_tag
def moment(when: datetime | None, reason: str = "not known") -> SafeString:
    """A moment in history, plans and exports: always absolute, always with UTC."""
    return unknown(reason) if when is None else _time(when, absolute(when))


@register.simple_tag
def clock(when: datetime) -> SafeString:
    """The time of day in UTC, for lists under a day heading: "14:30:40"."""
    return _time(when, f"{when.astimezone(UTC):%H:%M:%S}")


@register.simple_tag
def day(when: datetime | None, reason: str = "not known") -> SafeString:
    """The day alone, in UTC: "20 Nov 2026"."""
    return unknown(reason) if when is None else _time(when, date(when))


@register.filter
def long_day(when: datetime) -> str:
    """A day heading, in UTC: "Friday 20 November 2026"."""
    utc = when.astimezone(UTC)
    return f"{utc:%A} {utc.day} {utc:%B %Y}"


@register.filter
def duration(seconds: float) -> str:
    """A duration in its two largest units: "41 ms", "20 s", "5 min 51 s", "3 h 4 min"."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    whole = round(seconds)
    for size, unit, smaller, name in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


@register.filter
def eta(seconds: float | None) -> str:
    """What is left of a job, rounded as far as it is known: "about 2 min left", "" for None."""
    if seconds is None:
        return ""
    if seconds < 55:
        return f"about {max(5, round(seconds / 5) * 5)} s left"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min left"
    return f"about {round(seconds / 3600)} h left"


def _now(context: Context) -> datetime:
    now = context.get("now")
    if not isinstance(now, datetime):
        raise ValueError("a page that shows relative times needs `now` in its context")
    return now


def _time(when: datetime, text: str) -> SafeString:
    if when.tzinfo is None:
        raise ValueError(f"{when} has no time zone")
    second = when.astimezone(UTC).isoformat(timespec="seconds")[:19]
    return filled('<time datetime="{}Z" title="{}">{}</time>', second, absolute(when), text)
