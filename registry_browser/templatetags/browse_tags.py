"""What only the pages of repositories and images need."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from django.template import Context, Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry_browser.templatetags.controls import pager, query
from registry_browser.templatetags.fields import found
from registry_browser.templatetags.figures import some

if TYPE_CHECKING:
    from django.http import HttpRequest

    from registry_browser.queries.history.lines import Step
    from registry_browser.queries.tags import TagPage

register = Library()

MAX_DEPTH = 6
"""Levels of a tree that are set in further than the one above."""


@register.simple_tag(takes_context=True)
def toggled(context: Context, path: str) -> str:
    """This page's query with the namespace `path` opened, or closed where it is open."""
    request: HttpRequest = context["request"]
    kept = request.GET.copy()
    opened = kept.getlist("open")
    others = [each for each in opened if each != path and not each.startswith(f"{path}/")]
    kept.setlist("open", others if path in opened else [*opened, path])
    return f"?{kept.urlencode()}"


class Listing(Protocol):
    """A page of a list by number; one that nobody counted has no `total`."""

    page: int
    first: int
    last: int
    more: bool


@register.simple_tag(takes_context=True)
def pages(context: Context, listing: Listing) -> SafeString:
    """Paging for a numbered page of a query."""
    number = listing.page
    previous = query(context, page=number - 1 if number > 2 else None) if number > 1 else None
    following = query(context, page=number + 1) if listing.more else None
    total: int | None = getattr(listing, "total", None)
    return pager(context, listing.first, listing.last, total, previous, following)


@register.simple_tag(takes_context=True)
def found_tags(context: Context, listing: TagPage) -> SafeString:
    """What a filter of tags found: "148 tags on 97 digests"."""
    return found(context, f"{some(listing.total, 'tag')} on {some(listing.digests, 'digest')}")


_ATTACHED = re.compile(r"(sha256-[0-9a-f]{12})[0-9a-f]{52}(.*)")


@register.filter
def tag_name(name: str) -> str:
    """A tag as lists show it: one that attaches something to a digest names it as chips do,
    "sha256-6967eca0f773….sig".
    """
    return _ATTACHED.sub(r"\1…\2", name) if _ATTACHED.fullmatch(name) else name


@register.filter
def element_id(text: str) -> str:
    """An id for the element about `text`, which may hold what selectors do not take."""
    return f"about-{sha256(text.encode()).hexdigest()[:12]}"


@register.filter
def depth_class(depth: int) -> str:
    """How far a row of a tree is set in."""
    return f"depth-{min(depth, MAX_DEPTH)}" if depth else ""


@register.filter
def step_line(step: Step | None) -> SafeString:
    """A history line with its instruction set apart; text from an image, so always escaped."""
    if step is None or not str(step):
        return SafeString("")
    return format_html(
        "{}{}", format_html("<b>{}</b> ", step.instruction) if step.instruction else "", step.rest
    )


@register.filter
def instructions(steps: list[Step]) -> str:
    """What some steps do, in words: "ENV, CMD", each once."""
    return ", ".join(dict.fromkeys(step.instruction or "other" for step in steps))


@register.filter
def linked(value: str) -> SafeString:
    """Text from a label or annotation; a link where all of it is an http or https address."""
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or any(char.isspace() for char in value):
        return format_html("{}", value)
    return format_html('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>', value)


@register.filter
def platform_of(row: object) -> str:
    """The platform of a child row as chips take it; what is no platform counts as metadata."""
    return getattr(row, "platform", "") or "other"


@register.filter
def percent_of(part: int, whole: int) -> str:
    """A share in whole percent, "6%"; less than one stays visible."""
    if whole <= 0:
        return ""
    share = part * 100 / whole
    return "under 1%" if 0 < share < 1 else f"{min(100, round(share))}%"
