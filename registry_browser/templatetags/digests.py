"""Digest chips with their marks, and the chips of platforms."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registry_browser.templatetags.icons import icon
from registry_browser.templatetags.markup import filled

register = Library()

_ATTESTATION = "unknown/unknown"


def hue_of(encoded: str) -> int:
    """Which of the twelve hues a digest has: its first eight hex digits modulo twelve."""
    return int(encoded[:8], 16) % 12


@register.filter
def hue(digest: Any) -> str:
    """The class that gives a row or a span its digest's hue, "hue-10"."""
    return f"hue-{hue_of(_parts(digest)[1])}"


@register.simple_tag
def mark(digest: Any, large: bool = False) -> SafeString:
    """The six bars of a digest: heights from its first six hex digits, 17 x 12 or twice that."""
    return _drawn(_parts(digest)[1], large)


# The height of a bar for each hex digit, as a step of the path.
_BARS = {
    f"{digit:x}": f"v-{height}m0 {height}"
    for digit, height in ((digit, 2 + round(digit * 2 / 3)) for digit in range(16))
}


@lru_cache(maxsize=4096)
def _drawn(encoded: str, large: bool) -> SafeString:
    width, height = (34, 24) if large else (17, 12)
    bars = "m3 0".join(_BARS[digit] for digit in encoded[:6])
    # Numbers and hex digits alone, so there is nothing to escape.
    return SafeString(
        f'<svg class="mark hue-{hue_of(encoded)}" width="{width}" height="{height}"'
        f' viewBox="0 0 17 12" aria-hidden="true"><path d="M1 12{bars}"/></svg>'
    )


@register.simple_tag(name="digest")
def chip(
    value: Any,
    url: str | None = None,
    size: int = 12,
    subject: bool = False,
    gone: bool = False,
    copy: bool = True,
) -> SafeString:
    """A digest chip: mark, the first `size` hex digits, a copy button.

    `subject` writes "sha256:" before them, where the chip is what the row is about; any other
    algorithm is always named. `gone` strikes it through. The whole value is in the tooltip.
    """
    algorithm, encoded = _parts(value)
    whole = f"{algorithm}:{encoded}"
    named = subject or algorithm != "sha256"
    around, opening = ("span", SafeString("<span")) if url is None else ("a", _link(url))
    return filled(
        '<span class="digest{}">{} title="{}">{}<code data-whole="{}">{}{}</code></{}>{}</span>',
        " gone" if gone else "",
        opening,
        whole,
        _drawn(encoded, large=False),
        whole,
        _algorithm(algorithm) if named else "",
        encoded[:size],
        around,
        _copy_button(encoded[:size]) if copy else "",
    )


@register.simple_tag
def whole_digest(value: Any) -> SafeString:
    """A digest on its own page: the large mark, all hex digits, breakable, and a copy button."""
    algorithm, encoded = _parts(value)
    return format_html(
        '<span class="digest whole"><span>{}<code data-whole="{}">{}{}</code></span>{}</span>',
        mark(value, large=True),
        f"{algorithm}:{encoded}",
        _algorithm(algorithm),
        encoded,
        _copy_button(encoded[:12]),
    )


@register.filter
def platform(value: str) -> str:
    """A platform as chips say it, "arm/v7": the system is named only when it is not Linux."""
    return value.removeprefix("linux/")


@register.simple_tag
def platforms(values: Iterable[str], metadata: int = 0) -> SafeString:
    """Platform chips, and one dashed chip for `metadata` (attestations, SBOMs), always last.

    "unknown/unknown", which BuildKit writes as the platform of attestations, counts as metadata.
    """
    shown = [str(value) for value in values]
    others = metadata + shown.count(_ATTESTATION)
    chips = [
        filled('<span class="chip">{}</span>', platform(value))
        for value in shown
        if value != _ATTESTATION
    ]
    if others:
        chips.append(metadata_chip(f"+{others:,} metadata"))
    return SafeString(f'<span class="platforms">{"".join(chips)}</span>')


@register.simple_tag
def metadata_chip(label: str, count: int = 0) -> SafeString:
    """A dashed chip for one kind of metadata and how often it is there."""
    return format_html(
        '<span class="chip metadata">{}{}</span>',
        label,
        f" \N{MULTIPLICATION SIGN}{count:,}" if count else "",
    )


def _parts(value: Any) -> tuple[str, str]:
    algorithm, _, encoded = str(value).partition(":")
    return algorithm, encoded


def _algorithm(name: str) -> SafeString:
    return filled('<span class="algorithm">{}:</span>', name)


def _link(url: str) -> SafeString:
    return filled('<a class="quiet" href="{}"', url)


def _copy_button(shown: str) -> SafeString:
    # The script takes the whole value from the chip, so that a long table does not say it twice.
    return filled(
        '<button class="copy scripted" type="button" aria-label="Copy digest {}">{}</button>',
        shown,
        icon("copy"),
    )
