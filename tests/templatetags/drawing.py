"""Rendering a snippet of template as a page would."""

from datetime import UTC, datetime
from typing import Any

from django.template import Context, Template
from django.test import RequestFactory

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WEB = "sha256:0b7318a6c82d" + "4f" * 26


def draw(source: str, address: str = "/r/prod/web/", **context: Any) -> str:
    """The HTML that a page at `address` gets from `source`, at noon of 20 November 2026."""
    request = RequestFactory().get(address)
    template = Template("{% load registry_tags %}" + source)
    return template.render(Context({"now": NOON, "request": request, **context}))
