"""Boxes around content: breadcrumb, notice, empty list, pull box."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.template import Context, Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.templatetags.icons import icon
from registry_browser.templatetags.states import look_of

register = Library()

_WHOLE_DIGEST = re.compile(r"([0-9a-f]{12})[0-9a-f]{20,}")
_NOTICE_ICONS = {"danger": "warning", "incomplete": "info", "live": "check"}


@register.simple_tag
def breadcrumb(crumbs: Sequence[tuple[str, str | None]]) -> SafeString:
    """Where a page is: (name, address) from the registry down. The last one is this page."""
    *above, last = crumbs
    return format_html(
        '<nav aria-label="Breadcrumb"><ol class="crumbs">{}'
        '<li><span aria-current="page">{}</span></li></ol></nav>',
        format_html_join(
            "",
            "<li>{}</li>",
            (
                (format_html('<a class="quiet" href="{}">{}</a>', href, name) if href else name,)
                for name, href in above
            ),
        ),
        last[0],
    )


@register.simple_block_tag
def notice(content: str, name: str, heading: str, cause: str = "") -> SafeString:
    """A notice above the content: `{% notice "unreachable" "acr-eu cannot be reached" %}…`.

    `name` is a state and gives the colour; `heading` states the fact; the content says what still
    holds and the next step; `cause` comes last, in mono, as the registry said it. Actions go in a
    `<p class="row close">` at the end of the content.
    """
    css = look_of(name).css
    return format_html(
        '<section class="notice {}">{}<div><h2>{}</h2>{}{}</div></section>',
        css,
        icon(_NOTICE_ICONS.get(css, "info")),
        heading,
        SafeString(content),
        format_html("<code>{}</code>", cause) if cause else "",
    )


@register.simple_block_tag
def empty(content: str, heading: str) -> SafeString:
    """An empty list: a fact as heading, then what exists instead and one way forward."""
    return format_html(
        '<div class="empty"><h3>{}</h3>{}</div>',
        heading,
        SafeString(content),
    )


@register.inclusion_tag("parts/pull_box.html", takes_context=True)
def pull_box(
    context: Context,
    commands: Iterable[tuple[str, Mapping[str, str] | None, Mapping[str, str] | None]],
) -> dict[str, Any]:
    """Commands that pull this, by tag and by digest, for each tool.

    Each is (tool, by tag, by digest); one of the two may be None, for all tools alike. A command is
    a mapping of `before`, `host`, `path`, `reference` and, where something follows, `after`, which
    put together are the command: "docker pull ", "registry.example/", "team/web", ":1.4". The tools
    that the stylesheet knows are docker, podman, nerdctl, skopeo, crane, oras and helm.
    """
    rows = [
        (tool, [(by, _command(parts)) for by, parts in (("tag", tag), ("digest", digest)) if parts])
        for tool, tag, digest in commands
    ]
    present = {by for _, pair in rows for by, _ in pair}
    return {
        "rows": rows,
        "choices": [(by, f"By {by}") for by in ("tag", "digest") if by in present],
    }


def _command(parts: Mapping[str, str]) -> dict[str, Any]:
    *folders, name = parts["path"].split("/")
    reference = parts["reference"]
    return {
        "whole": "".join(
            parts.get(key, "") for key in ("before", "host", "path", "reference", "after")
        ),
        "before": parts["before"],
        "host": parts["host"],
        "folders": [f"{folder}/" for folder in folders],
        "name": name,
        # Shortened on screen, whole when copied.
        "reference": _WHOLE_DIGEST.sub(r"\1…", reference),
        "after": parts.get("after", ""),
    }
