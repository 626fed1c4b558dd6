"""Icons and state glyphs from the sprite, and the button that copies."""

from functools import lru_cache

from django.template import Library
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite by its id, 16 x 16 in the colour of its text.

    Without a label it is hidden from screen readers, since a word stands beside it.
    """
    return _drawing(name, "icon", label)


@register.simple_tag
def glyph(name: str) -> SafeString:
    """A state glyph, 12 x 12, by its id without the leading `g-`; its word stands beside it."""
    return _drawing(f"g-{name}", "glyph", "")


@register.simple_tag
def copy(text: str, what: str = "text") -> SafeString:
    """A button that copies the text; `what` completes its label, "Copy digest 0b7318a6c82d"."""
    return format_html(
        '<button class="copy scripted" type="button" data-copy="{}" aria-label="Copy {}">'
        "{}</button>",
        text,
        what,
        icon("copy"),
    )


@lru_cache(maxsize=256)
def _drawing(name: str, css: str, label: str) -> SafeString:
    spoken = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"/></svg>',
        css,
        SafeString(spoken),
        static("img/icons.svg"),
        name,
    )
