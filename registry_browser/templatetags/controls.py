"""What switches a view: addresses with another query, sorted heads, tabs, segments, paging.

Every control is a plain link. Where the page gives `region` (the id of the part that changes, say
"#tags"), the link also carries the htmx attributes that swap just that part.
"""

from typing import Any

from django.http import HttpRequest
from django.template import Context, Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.templatetags.icons import glyph, icon
from registry_browser.templatetags.states import look_of

register = Library()

# Another order or filter starts again at the first page.
_PLACE_IN_LIST = ("page", "after", "before")


@register.simple_tag(takes_context=True)
def query(context: Context, **changes: Any) -> str:
    """This page's query with changes: `href="{% query page=2 %}"`. None and "" take one away.

    The result starts with "?", so that a link without any parameter clears them all.
    """
    kept = _request(context).GET.copy()
    for name, value in changes.items():
        if value is None or value == "":
            kept.pop(name, None)
        else:
            kept[name] = str(value)
    return f"?{kept.urlencode()}"


@register.simple_tag(takes_context=True)
def swap(context: Context, href: str) -> SafeString:
    """htmx attributes for a link to `href` that changes the page's region; none without one."""
    region = context.get("region")
    if not region:
        return SafeString("")
    address = href if not href.startswith("?") else f"{_request(context).path}{href}"
    return format_html(
        ' hx-get="{}" hx-target="{}" hx-swap="outerHTML" hx-push-url="true"', address, region
    )


@register.simple_tag(takes_context=True)
def sort_head(
    context: Context, label: str, key: str, css: str = "", descending: bool = False
) -> SafeString:
    """A table head that sorts by `key`, as link with `aria-sort`.

    What is sorted now is `sort` of the page ("size", "-size"), else of the query. A first click
    sorts ascending, or descending where that is what people look for (sizes, times).
    """
    current = str(context.get("sort") or _request(context).GET.get("sort", ""))
    reverse = current == f"-{key}"
    active = reverse or current == key
    following = key if (reverse if active else not descending) else f"-{key}"
    href = query(context, sort=following, **dict.fromkeys(_PLACE_IN_LIST))
    return format_html(
        '<th scope="col"{}{}><a href="{}"{}>{}{}</a></th>',
        format_html(' class="{}"', css) if css else "",
        format_html(' aria-sort="{}"', "descending" if reverse else "ascending") if active else "",
        href,
        swap(context, href),
        label,
        icon("arrow-down" if reverse else "arrow-up") if active else "",
    )


@register.simple_block_tag
def tabs(content: str, label: str) -> SafeString:
    """Views of one thing: `{% tabs "Views of web" %}{% tab … %}{% endtabs %}`."""
    return format_html(
        '<nav class="tabs" aria-label="{}"><ul>{}</ul></nav>', label, SafeString(content)
    )


@register.simple_tag
def tab(label: str, href: str, count: int | None = None, current: bool = False) -> SafeString:
    """One tab, with its count in mono."""
    return format_html("<li>{}</li>", _choice(label, href, count, current, SafeString("")))


@register.simple_block_tag
def segments(content: str, label: str) -> SafeString:
    """One of few: `{% segments "State" %}{% segment … %}{% endsegments %}`."""
    return format_html(
        '<div class="segments" role="group" aria-label="{}">{}</div>', label, SafeString(content)
    )


@register.simple_tag(takes_context=True)
def segment(
    context: Context,
    label: str,
    href: str,
    count: int | None = None,
    current: bool = False,
    state: str = "",
) -> SafeString:
    """One segment; `state` puts that state's glyph before its word."""
    return _choice(label, href, count, current, swap(context, href), state)


@register.simple_tag(takes_context=True)
def pager(
    context: Context,
    first: int,
    last: int,
    total: int | None,
    previous: str | None = None,
    following: str | None = None,
) -> SafeString:
    """Paging by addresses: the span shown, "of 148" unless `total` is None, Previous, Next."""
    span = f"{first:,}\N{EN DASH}{last:,}" if total != 0 else "0"
    links = [
        (href, word, rel)
        for href, word, rel in ((previous, "Previous", "prev"), (following, "Next", "next"))
        if href
    ]
    return format_html(
        '<nav class="pager" aria-label="Pages"><span class="figure">{}{}</span>{}</nav>',
        span,
        f" of {total:,}" if total is not None else "",
        format_html_join(
            "",
            '<a href="{}" rel="{}"{}>{}</a>',
            ((href, rel, swap(context, href), word) for href, word, rel in links),
        ),
    )


@register.simple_tag
def expander(
    controls: str, href: str, label: str, opened: bool = False, source: str = ""
) -> SafeString:
    """The chevron that shows child rows in place.

    `controls` is the id of their `<tbody class="children" hidden>`, `href` the page with these rows
    open, for when there are no scripts. With `source` the rows are fetched from there once.
    """
    return format_html(
        '<a class="expander" role="button" href="{}" aria-expanded="{}" aria-controls="{}" '
        'aria-label="{}"{}>{}</a>',
        href,
        "true" if opened else "false",
        controls,
        label,
        format_html(
            ' hx-get="{}" hx-target="#{}" hx-swap="innerHTML" hx-trigger="click once"',
            source,
            controls,
        )
        if source and not opened
        else "",
        icon("right"),
    )


def _choice(
    label: str, href: str, count: int | None, current: bool, attributes: SafeString, state: str = ""
) -> SafeString:
    return format_html(
        '<a href="{}"{}{}>{}{}{}</a>',
        href,
        SafeString(' aria-current="true"') if current else "",
        attributes,
        _glyph_of(state),
        label,
        format_html(' <span class="count">{}</span>', f"{count:,}") if count is not None else "",
    )


def _glyph_of(state: str) -> SafeString:
    return glyph(look_of(state).glyph) if state else SafeString("")


def _request(context: Context) -> HttpRequest:
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        raise ValueError("a template that links to its own page needs `request` in its context")
    return request
