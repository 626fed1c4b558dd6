"""What only the pages of history need."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.template import Library
from django.utils.safestring import SafeString

from registry_browser.queries.history.times import between_in_words
from registry_browser.queries.history.times import written as as_written
from registry_browser.templatetags.addresses import address
from registry_browser.templatetags.digests import chip
from registry_browser.templatetags.icons import icon
from registry_browser.templatetags.markup import filled
from registry_browser.templatetags.times import date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from registry_browser.queries.history.events import EventRow

register = Library()

_ICONS = {"moved": "arrow-right", "created": "plus", "deleted": "minus", "restored": "undo"}
# Of the path of its repository, the tag, the digest that went and the one that came.
_SENTENCES = {
    "moved": "{0}{1} moved from {2} to {3}",
    "deleted": "{0}{1} deleted, was {2}",
    "restored": "{0}{1} seen again at {3}",
    "created": "{0}{1} created at {3}",
    "first": "{0}{1} first seen at {3}",
}


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
def event_icon(event: EventRow) -> SafeString:
    """The icon before an event's sentence."""
    return icon(_ICONS[event.kind])


@register.simple_tag
def event_sentence(event: EventRow, with_path: bool = False) -> SafeString:
    """What a tag did: "stable moved from 0b7318a6c82d to 993d8835f4ae", after its repository's path
    on pages of several. Everything is a link, unless its registry was removed.
    """
    sentence = "first" if event.is_first_sight else event.kind
    return filled(
        _SENTENCES[sentence],
        _repository(event) if with_path else "",
        _name(event),
        _event_digest(event, event.old_digest, event.is_old_gone),
        _event_digest(event, event.new_digest, event.is_new_gone),
    )


def _repository(event: EventRow) -> SafeString:
    path = f"{event.registry}/{event.path}"
    if not event.place:
        return filled('<span class="breakable">{}</span>:', path)
    return filled(
        '<span class="breakable"><a class="quiet" href="{}">{}</a></span>:',
        address("history", event.place, event.path),
        path,
    )


def _name(event: EventRow) -> SafeString:
    if not event.place:
        return filled('<span class="name">{}</span>', event.tag)
    there = address("history", event.place, event.path, event.tag)
    return filled('<a class="quiet name" href="{}">{}</a>', there, event.tag)


def _event_digest(event: EventRow, digest: str, gone: bool) -> SafeString:
    if not digest:
        return SafeString("")
    url = address("manifest", event.place, event.path, digest) if event.place else None
    return chip(digest, url=url, gone=gone, copy=False)


@register.simple_tag
def digest_at(registry: str, path: str, digest: str) -> SafeString:
    """A digest chip that leads to the manifest, where the registry is still connected."""
    url = address("manifest", registry, path, digest) if registry and path else None
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
    return _compared(*sides)


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
    return _compared(f"{name}@{{{as_written(start)}}}", f"{name}@{{{as_written(end)}}}")


def _compared(a: str, b: str) -> str:
    # A query may hold what references are made of as it is.
    return f"{address('compare')}?{urlencode({'a': a, 'b': b}, safe='/:@')}"
