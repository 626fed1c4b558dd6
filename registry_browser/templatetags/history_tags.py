"""What only the pages of history need."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.template import Library
from django.urls import reverse

from registry_browser.queries.history_times import between_in_words
from registry_browser.queries.history_times import written as as_written
from registry_browser.templatetags.digests import chip
from registry_browser.templatetags.times import date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.utils.safestring import SafeString

register = Library()


@register.filter
def date_minute(when: datetime) -> str:
    """A moment to the minute, in UTC: "11 Nov 2026 09:00"."""
    return f"{date(when)} {when.astimezone(UTC):%H:%M}"


@register.filter
def date_clock(when: datetime) -> str:
    """The same with the seconds, where it has any."""
    utc = when.astimezone(UTC)
    return f"{date(when)} {utc:%H:%M:%S}" if utc.second else date_minute(when)


@register.filter
def written(when: datetime) -> str:
    """A moment for an address or a field."""
    return as_written(when)


@register.simple_tag
def between(start: datetime, end: datetime) -> str:
    """The bounds of a change: "between 20 Nov 2026 08:00:00 and 08:10:00 UTC"."""
    return between_in_words(start, end)


@register.simple_tag
def linked_digest(digest: str, url: str, gone: bool = False) -> SafeString:
    """A digest chip in a sentence; `url` is empty where its registry was removed."""
    return chip(digest, url=url or None, gone=gone, copy=False)


@register.simple_tag
def digest_at(registry: str, path: str, digest: str) -> SafeString:
    """A digest chip that leads to the manifest, where the registry is still connected."""
    url = reverse("manifest", args=[registry, path, digest]) if registry and path else None
    return chip(digest, url=url)


@register.simple_tag
def place_url(place: Any, name: str, *more: str) -> str:
    """The address of another page about the same place."""
    return str(place.url(name, *more))


@register.simple_tag
def compared_url(change: Any) -> str:
    """Where the two images of an event, or of a difference, are compared; empty where there are no
    two, or no place any more to look them up.
    """
    if (sides := change.compared) is None:
        return ""
    return f"{reverse('compare')}?{urlencode(dict(zip('ab', sides, strict=True)))}"


@register.simple_tag
def day_url(place: Any, events: Sequence[Any], kept: str) -> str:
    """Where it says what changed on the day of these events, which are newest first: for a tag the
    two images that it pointed to when the day began and when it was over, else every tag that
    changed. `kept` is the filter of the page. Empty where a tag had no two images that day.
    """
    start = events[0].seen_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = start + timedelta(days=1)
    if not (place.tag and place.repository):
        asked = urlencode({"from": as_written(start), "to": f"{start:%Y-%m-%d}"})
        return f"{place.url('history-between')}?{asked}{f'&{kept}' if kept else ''}"
    was, became = events[-1].old_digest, events[0].new_digest
    if not (was and became) or was == became:
        return ""
    name = ":".join(("/".join(place.args[:2]), place.tag))
    sides = {"a": f"{name}@{{{as_written(start)}}}", "b": f"{name}@{{{as_written(end)}}}"}
    return f"{reverse('compare')}?{urlencode(sides)}"
