"""Figures: bytes in binary units, counts with thousands commas, and the dash for the unknown."""

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = Library()

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def split_bytes(value: int) -> tuple[str, str]:
    """Number and unit as shown: one decimal, two from TiB on, none for B.

    The unit is chosen after rounding, so 1,048,575 bytes are "1.0 MiB" and never "1,024.0 KiB".
    """
    amount, sign = float(abs(value)), "-" if value < 0 else ""
    for power, unit in enumerate(_UNITS):
        decimals = 0 if power == 0 else 1 if power < 4 else 2
        shown = round(amount, decimals)
        if shown < 1024 or unit == _UNITS[-1]:
            return f"{sign}{shown:,.{decimals}f}", unit
        amount /= 1024
    raise AssertionError("the last unit takes everything")


def unknown(reason: str) -> SafeString:
    """The dash that stands for a figure nobody knows, with the reason for it."""
    if not reason:
        return SafeString("\N{EN DASH}")
    return format_html(
        '<span title="{0}">\N{EN DASH}<span class="spoken"> ({0})</span></span>', reason
    )


@register.filter(name="bytes")
def bytes_figure(value: int | None, reason: str = "not known") -> SafeString:
    """A byte figure: number, quieter unit, exact bytes in the tooltip. None is a dash."""
    if value is None:
        return unknown(reason)
    number, unit = split_bytes(value)
    # Digits and units alone, so there is nothing to escape.
    return SafeString(
        f'<span class="bytes" title="{exact_bytes(value)}">{number}'
        f' <span class="unit">{unit}</span></span>'
    )


@register.filter
def plain_bytes(value: int) -> str:
    """A byte figure as plain text, for titles, labels and sentences: "186.1 MiB"."""
    return " ".join(split_bytes(value))


@register.filter
def exact_bytes(value: int) -> str:
    """All digits of a byte figure: "195,139,994 bytes"."""
    return f"{value:,} byte" if value == 1 else f"{value:,} bytes"


@register.filter
def count(value: int | None, reason: str = "not known") -> str:
    """A count with thousands commas: "31,806". None is a dash."""
    return unknown(reason) if value is None else f"{value:,}"


@register.filter
def some(value: int, noun: str) -> str:
    """A count with its noun: `{{ 1|some:"tag" }}`, `{{ n|some:"repository,repositories" }}`.

    The plural is the noun with an s, unless a comma gives another.
    """
    singular, _, plural = noun.partition(",")
    return f"{value:,} {singular if value == 1 else plural or singular + 's'}"
