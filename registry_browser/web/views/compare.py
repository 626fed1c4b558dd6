"""Two images side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry_browser.queries.compare import compare as compared
from registry_browser.queries.compare_sides import NotComparable, other_tags

if TYPE_CHECKING:
    from django.http import HttpResponse

    from registry_browser.web.htmx import HtmxRequest


@require_safe
def compare(request: HtmxRequest) -> HttpResponse:
    """`?a=` and `?b=` are references as `queries.compare_sides` reads them."""
    first, second = _asked(request, "a"), _asked(request, "b")
    context: dict[str, Any] = {"first": first, "second": second, "crumbs": [("Compare", None)]}
    status = 200
    try:
        if first and second:
            context["found"] = compared(request.user, first, second)
        elif first:
            context["others"] = other_tags(request.user, first)
    except NotComparable as error:
        context["problem"], status = str(error), 404
    return render(request, "compare/compare.html", context, status=status)


def _asked(request: HtmxRequest, name: str) -> str:
    # A reference holds a path of 255, a tag of 128 and a digest, and more in words.
    text = request.GET.get(name, "").replace("\x00", "").strip()
    return text[:800]
