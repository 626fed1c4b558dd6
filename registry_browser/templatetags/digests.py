"""Digest chips with their marks, and the chips of platforms."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.template import Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.templatetags.icons import icon

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


@lru_cache(maxsize=4096)
def _drawn(encoded: str, large: bool) -> SafeString:
    bars = "m3 0".join(
        f"v-{height}m0 {height}" for height in (2 + round(int(d, 16) * 2 / 3) for d in encoded[:6])
    )
    return format_html(
        '<svg class="mark hue-{}" width="{}" height="{}" viewBox="0 0 17 12" aria-hidden="true">'
        '<path d="M1 12{}"/></svg>',
        hue_of(encoded),
        34 if large else 17,
        24 if large else 12,
        bars,
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
    inner = format_html(
        '{}<code data-whole="{}">{}{}</code>',
        mark(whole),
        whole,
        _algorithm(algorithm) if named else "",
        encoded[:size],
    )
    return format_html(
        '<span class="digest{}">{}{}</span>',
        " gone" if gone else "",
        _linked(inner, url, whole),
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
    chips = format_html_join(
        "",
        '<span class="chip">{}</span>',
        ((platform(value),) for value in shown if value != _ATTESTATION),
    )
    rest = metadata_chip(f"+{others:,} metadata") if others else ""
    return format_html('<span class="platforms">{}{}</span>', chips, rest)


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
    return format_html('<span class="algorithm">{}:</span>', name)


def _linked(inner: SafeString, url: str | None, whole: str) -> SafeString:
    if url is None:
        return format_html('<span title="{}">{}</span>', whole, inner)
    return format_html('<a class="quiet" href="{}" title="{}">{}</a>', url, whole, inner)


def _copy_button(shown: str) -> SafeString:
    # The script takes the whole value from the chip, so that a long table does not say it twice.
    return format_html(
        '<button class="copy scripted" type="button" aria-label="Copy digest {}">{}</button>',
        shown,
        icon("copy"),
    )
