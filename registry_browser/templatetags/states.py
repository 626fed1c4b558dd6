"""States, stamps and progress: how something stands, as glyph and word, never as colour alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template import Context, Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.templatetags.icons import glyph
from registry_browser.templatetags.markup import filled
from registry_browser.templatetags.times import ago, eta

register = Library()


@dataclass(frozen=True, slots=True)
class Look:
    """How one state looks: its glyph, the class of its colour, its word."""

    glyph: str
    css: str
    word: str


LOOKS = {
    "tagged": Look("disc", "live", "Tagged"),
    "live": Look("disc", "live", "Live"),
    "healthy": Look("disc", "live", "Healthy"),
    "complete": Look("disc", "live", "Complete"),
    "done": Look("check", "live", "Done"),
    "child": Look("elbow", "child", "Child"),
    "referrer": Look("referrer", "referrer", "Referrer"),
    "dangling": Look("broken", "dangling", "Dangling"),
    "kept": Look("lock", "protected", "Kept"),
    "incomplete": Look("half", "incomplete", "Incomplete"),
    "stale": Look("half", "incomplete", "Stale"),
    "unparsed": Look("half", "incomplete", "Unparsed"),
    "skipped": Look("skip", "incomplete", "Skipped"),
    "failed": Look("triangle", "danger", "Failed"),
    "refused": Look("triangle", "danger", "Refused"),
    "unreachable": Look("triangle", "danger", "Unreachable"),
    "running": Look("ring", "accent", "Running"),
    "gone": Look("cross", "gone", "Gone"),
    "cancelled": Look("cross", "gone", "Cancelled"),
    "protected": Look("lock", "protected", "Protected"),
    "waiting": Look("clock", "quiet-state", "Waiting"),
    "queued": Look("clock", "quiet-state", "Queued"),
    "unchecked": Look("clock", "quiet-state", "Not checked yet"),
}


def look_of(name: str) -> Look:
    """The look of a state; raises ValueError with the known ones for any other name."""
    try:
        return LOOKS[name]
    except KeyError:
        raise ValueError(f"“{name}” is not a state; known are {', '.join(LOOKS)}") from None


@register.simple_tag
def state(name: str, word: str = "") -> SafeString:
    """Glyph and word in the colour of the state: `{% state "done" "Deleted" %}`."""
    return _spoken(name, word, "state")


@register.simple_tag
def pill(name: str, word: str = "") -> SafeString:
    """The same on its tint, for use beside a page title only."""
    return _spoken(name, word, "pill")


@register.inclusion_tag("parts/stamp.html", takes_context=True)
def stamp(
    context: Context,
    name: str,
    text: str,
    when: datetime | None = None,
    sync_url: str | None = None,
    label: str = "Sync",
) -> dict[str, Any]:
    """The freshness stamp: glyph, "Tags complete · synced", the moment, and a button that posts.

    Incomplete and failed states colour the sentence; it then says what is missing.
    """
    return {
        "look": look_of(name),
        "text": text,
        "moment": ago(context, when) if when is not None else "",
        "sync_url": sync_url,
        "label": label,
    }


@register.inclusion_tag("parts/progress.html")
def progress(
    title: str,
    done: int,
    total: int | None,
    unit: str = "",
    seconds_left: float | None = None,
    phase: str = "",
    url: str | None = None,
) -> dict[str, Any]:
    """Progress of a job: title and ETA, the bar, then phase and count.

    `total` None means that nobody knows it yet: the count alone, no bar. `seconds_left` is shown
    when given, so leave it out for the first three seconds.
    """
    percent = min(100, done * 100 // total) if total else 0
    return {
        "title": title,
        "url": url,
        "done": done,
        "total": total,
        "unit": unit,
        "eta": eta(seconds_left),
        "phase": phase,
        # Said by screen readers at each ten percent and at the end.
        "announcement": f"{title}: {percent // 10 * 10} %" if total else "",
    }


@register.simple_tag
def reasons(sentences: list[str]) -> SafeString:
    """A reason chain: each reason with a green check, on one line if it fits."""
    return format_html(
        '<ul class="reasons">{}</ul>',
        format_html_join("", "<li>{}{}</li>", ((glyph("check"), each) for each in sentences)),
    )


def _spoken(name: str, word: str, css: str) -> SafeString:
    look = look_of(name)
    return filled(
        '<span class="{} {}">{}{}</span>', css, look.css, glyph(look.glyph), word or look.word
    )
