"""Pictures drawn by the server: bars and trends. Geometry in attributes, paint by class."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from django.template import Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.templatetags.figures import plain_bytes

register = Library()

# A thing that is present is drawn at least one pixel wide: of 96 pixels, or 72.
_LEAST = {96: 1.05, 72: 1.4}


@register.simple_tag
def share_bar(
    exclusive: int | None, shared: int | None, largest: int | None, small: bool = False
) -> SafeString:
    """Bytes as a bar to scale with the largest row shown: dark exclusive, lighter shared.

    96 x 6 pixels, 72 x 6 if `small`. The figure stands beside it, so the bar itself is silent.
    """
    least = _LEAST[72 if small else 96]
    parts = [(exclusive or 0, "fill-bar"), (shared or 0, "fill-bar-2")]
    return _bar(parts, largest or 0, least, "share small" if small else "share", "6")


@register.simple_tag
def amount_bar(amount: int | None, largest: int | None, tone: str = "bar-2") -> SafeString:
    """One amount as a bar: `tone` is bar, bar-2, dangling (bytes to win back) or accent."""
    return _bar([(amount or 0, f"fill-{tone}")], largest or 0, _LEAST[96], "share", "6")


@register.simple_tag
def split_bar(parts: Sequence[tuple[int, str]]) -> SafeString:
    """A whole as a bar over the full width: (amount, tone), left to right, adding up to all."""
    toned = [(amount, f"fill-{tone}") for amount, tone in parts]
    return _bar(toned, sum(amount for amount, _ in parts), 0.1, "share full", "10")


def _bar(
    parts: Iterable[tuple[int, str]], largest: int, least: float, css: str, height: str
) -> SafeString:
    present = [(amount, tone) for amount, tone in parts if amount > 0 and largest > 0]
    widths = [max(least, min(100.0, amount * 100 / largest)) for amount, _ in present]
    starts = [0.0, *accumulate(widths)]
    # Our own classes and numbers alone, so there is nothing to escape.
    drawn = "".join(
        f'<rect class="{tone}" x="{_short(start)}%" width="{_short(min(width, 100 - start))}%"'
        ' height="100%"/>'
        for (_, tone), start, width in zip(present, starts, widths, strict=False)
        if start < 100
    )
    return SafeString(
        f'<svg class="{css}" width="100%" height="{height}" aria-hidden="true">'
        f'<rect class="fill-track" width="100%" height="100%"/>{drawn}</svg>'
    )


@register.simple_tag
def sparkline(values: Sequence[float], label: str) -> SafeString:
    """A trend in a table cell, 96 x 28; `label` says in words what it shows."""
    if len(values) < 2:
        return SafeString("")
    low, high = min(values), max(values)
    return format_html(
        '<svg class="sparkline" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>',
        label,
        _paths(values, low - (high - low) * 0.15, high),
    )


@register.simple_tag
def trend(
    values: Sequence[float],
    label: str,
    start: str = "",
    end: str = "",
    marks: Sequence[tuple[int, str]] = (),
    in_bytes: bool = True,
) -> SafeString:
    """A trend with its scale: `start` and `end` are the words under it, `label` says it all.

    `marks` are (index, word) for moments worth a line, a deletion say. The scale need not start at
    zero, so its figures are always drawn.
    """
    if len(values) < 2:
        return SafeString("")
    low, high, ticks = scale(min(values), max(values), in_bytes)
    top, height = 12, 96

    def down(value: float) -> str:
        return _short(top + height * (1 - (value - low) / (high - low)))

    hairs = format_html_join(
        "",
        '<line class="hair" x1="0" x2="100%" y1="{0}" y2="{0}"/>',
        ((down(tick),) for tick in ticks),
    )
    scale_words = format_html_join(
        "",
        '<text class="figure" x="0" y="{}" dy="-4">{}</text>',
        ((down(tick), plain_bytes(round(tick)) if in_bytes else f"{tick:,.0f}") for tick in ticks),
    )
    places = [index * 100 / (len(values) - 1) for index, _ in marks]
    written = _with_room(places)
    moments = format_html_join(
        "",
        '<line class="hair" x1="{0}%" x2="{0}%" y1="4" y2="124"><title>{1}</title></line>'
        '<text class="middle" x="{0}%" y="138">{2}</text>',
        (
            (_short(place), word, word if place in written else "")
            for place, word in zip(places, (word for _, word in marks), strict=True)
        ),
    )
    return format_html(
        '<svg class="picture trend" width="100%" height="144" role="img" aria-label="{}">{}'
        '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 100 100" '
        'preserveAspectRatio="none">{}</svg>{}{}'
        '<text x="0" y="138">{}</text><text class="end" x="100%" y="138">{}</text></svg>',
        label,
        hairs,
        top,
        height,
        _paths(values, low, high),
        moments,
        scale_words,
        start,
        end,
    )


def scale(low: float, high: float, in_bytes: bool) -> tuple[float, float, list[float]]:
    """Bottom, top and two to four round ticks of a scale that holds these values."""
    if low == high:
        low, high = (0, high) if high > 0 else (low, high + 1)
    unit = 1.0
    if in_bytes:
        while high / unit >= 1024 and unit < 1024**6:
            unit *= 1024
    rough = (high - low) / unit / 2
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough) * unit
    bottom = max(0.0, low - (high - low) * 0.35)
    ticks = [step * n for n in range(math.ceil(bottom / step), math.floor(high / step) + 1)]
    return bottom, high, [tick for tick in ticks if tick > bottom or tick == 0]


def _with_room(places: Sequence[float]) -> list[float]:
    """The marks, in percent, whose words fit between their neighbours and the words at the ends."""
    room, last, written = 22.0, 0.0, []
    for place in sorted(places):
        if place - last >= room and place <= 100 - room:
            written.append(place)
            last = place
    return written


def _paths(values: Sequence[float], low: float, high: float) -> SafeString:
    extent = (high - low) or 1
    line = " ".join(
        f"{_short(index * 100 / (len(values) - 1))},{_short(100 - (value - low) * 100 / extent)}"
        for index, value in enumerate(values)
    )
    return format_html(
        '<path class="trend-area" d="M0,100 L{0} 100,100Z"/><path class="trend-line" d="M{0}"/>',
        line,
    )


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
