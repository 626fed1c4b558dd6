"""Text of the API's reference, whose backticks mark code."""

from __future__ import annotations

from django.template import Library
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

register = Library()


@register.filter
def code_words(text: str) -> SafeString:
    """The text with what stands between backticks set as code, everything escaped."""
    parts = text.split("`")
    shown = [
        format_html("<code>{}</code>", part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    ]
    return SafeString("".join(shown))
