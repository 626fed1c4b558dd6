"""Form fields and the filter bar above a list."""

from collections.abc import Iterable
from typing import Any

from django.forms import BoundField, CheckboxInput
from django.http import HttpRequest
from django.template import Context, Library
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.templatetags.controls import query
from registry_browser.templatetags.icons import icon

register = Library()


@register.simple_tag
def field(bound: BoundField, css: str = "") -> SafeString:
    """A field of a Django form: label, input, hint, errors, tied together for screen readers."""
    identity = bound.id_for_label
    hint = (
        format_html('<p class="hint" id="{}_helptext">{}</p>', identity, bound.help_text)
        if bound.help_text
        else ""
    )
    errors = (
        format_html(
            '<div class="error" id="{}_error">{}</div>',
            identity,
            format_html_join("", "<p>{}</p>", ((error,) for error in bound.errors)),
        )
        if bound.errors
        else ""
    )
    if isinstance(bound.field.widget, CheckboxInput):
        return format_html(
            '<div class="field"><label class="check">{}<span>{}</span></label>{}{}</div>',
            bound.as_widget(),
            bound.label,
            hint,
            errors,
        )
    return format_html(
        '<div class="field"><label for="{}">{}</label>{}{}{}</div>',
        identity,
        bound.label,
        bound.as_widget(attrs={"class": f"input {css}".strip()}),
        hint,
        errors,
    )


@register.simple_block_tag(takes_context=True)
def filters(context: Context, content: str, label: str = "Filter") -> SafeString:
    """The form above a list: a plain GET form that also filters while one types.

    It stands outside the page's `region`, which it changes 250 ms after the last key.
    """
    request = _request(context)
    region = context.get("region")
    live = (
        format_html(
            ' hx-get="{}" hx-target="{}" hx-swap="outerHTML" hx-push-url="true" '
            'hx-trigger="input delay:250ms, submit" hx-sync="this:replace"',
            request.path,
            region,
        )
        if region
        else ""
    )
    return format_html(
        '<form class="filters" id="filters" role="search" method="get" action="{}" '
        'aria-label="{}"{}>{}<button class="button plain">Filter</button></form>',
        request.path,
        label,
        live,
        SafeString(content),
    )


@register.simple_tag(takes_context=True)
def filter_field(
    context: Context, label: str, name: str = "q", placeholder: str = ""
) -> SafeString:
    """The text field of a filter bar; `/` goes there, a set one gets a clear cross."""
    value = _request(context).GET.get(name, "")
    return format_html(
        '<div class="boxed{}">{}<input type="search" name="{}" value="{}" placeholder="{}" '
        'aria-label="{}" autocomplete="off" spellcheck="false" data-filter>{}</div>',
        " set" if value else "",
        icon("search"),
        name,
        value,
        placeholder or label,
        label,
        _clear(context, name, label) if value else SafeString('<kbd class="scripted">/</kbd>'),
    )


@register.simple_tag(takes_context=True)
def pick(context: Context, label: str, name: str, options: Iterable[tuple[str, str]]) -> SafeString:
    """A select that reads as a phrase, "Platform any": options are (value, word), "" for any."""
    value = _request(context).GET.get(name, "")
    return format_html(
        '<label class="pick{}"><span>{}</span><select name="{}">{}</select>{}</label>',
        " set" if value else "",
        label,
        name,
        format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (each, SafeString(" selected") if each == value else "", word)
                for each, word in options
            ),
        ),
        icon("down"),
    )


@register.simple_tag(takes_context=True)
def found(context: Context, text: str) -> SafeString:
    """What the filter found, announced when it changes: "148 tags on 97 digests".

    It stands at the end of the filter bar, and once more in the region when htmx asks for that
    alone, to replace the first.
    """
    asked_by_htmx = bool(getattr(_request(context), "htmx", False))
    return format_html(
        '<output class="found" id="found"{}>{}</output>',
        SafeString(' hx-swap-oob="true"') if asked_by_htmx else "",
        text,
    )


@register.simple_tag(takes_context=True)
def kept(context: Context, *names: str) -> SafeString:
    """Parameters that the filter form keeps (the order, say), as hidden inputs in the region."""
    parameters = _request(context).GET
    return format_html_join(
        "",
        '<input type="hidden" form="filters" name="{}" value="{}">',
        ((name, parameters[name]) for name in names if parameters.get(name)),
    )


def _clear(context: Context, name: str, label: str) -> SafeString:
    changes: dict[str, Any] = {name: None, "page": None, "after": None}
    return format_html(
        '<a class="copy" href="{}">{}</a>',
        query(context, **changes),
        icon("close", f"Clear: {label}"),
    )


def _request(context: Context) -> HttpRequest:
    request: HttpRequest = context["request"]
    return request
