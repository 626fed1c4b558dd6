"""What the query of an address asks for: a number, a text, an order, a span of time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import datetime

    from django.http import HttpRequest

MAX_TEXT = 300

SPANS = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
"""Values of a filter by last change. The template words them."""


def number_in(text: str) -> int | None:
    """The number that the text is, from 1 on; None for anything else, and beyond what any id is."""
    is_number = text.isascii() and text.isdigit() and len(text) < 19
    return int(text) or None if is_number else None


def asked_number(request: HttpRequest, name: str) -> int | None:
    """A number of the query, as `number_in` reads it."""
    return number_in(request.GET.get(name, ""))


def asked_page(request: HttpRequest) -> int:
    """The number of the page, 1 where there is none or nonsense; far enough for any list."""
    return min(asked_number(request, "page") or 1, 1_000_000)


def asked_text(request: HttpRequest, name: str = "q") -> str:
    """A filter's text, at most MAX_TEXT characters. Postgres knows no NUL in text."""
    return request.GET.get(name, "").strip().replace("\x00", "")[:MAX_TEXT]


def asked_order(request: HttpRequest, known: Container[str], default: str) -> str:
    """The order, the default where it is none of the known ones."""
    asked = request.GET.get("sort", "")
    return asked if asked in known else default


def asked_since(request: HttpRequest, now: datetime) -> datetime | None:
    """From when on things changed that are asked for, None for any time."""
    span = SPANS.get(request.GET.get("changed", ""))
    return now - span if span else None
