"""Search: results while one types, a page of them, and the way from a reference to its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry_browser.queries.references import Destination, resolve
from registry_browser.queries.search import search as find
from registry_browser.web.asked import MAX_TEXT, asked_text
from registry_browser.web.htmx import page_or_region

if TYPE_CHECKING:
    from django.http import HttpResponse

    from registry_browser.queries.search import Group
    from registry_browser.web.htmx import HtmxRequest

ICONS = {
    "registry": "registry",
    "place": "box",
    "tag": "tag",
    "manifest": "file",
    "layer": "layers",
}


@require_safe
def search(request: HtmxRequest) -> HttpResponse:
    """Everything that matches `q`; the palette gets its rows alone."""
    text = asked_text(request)
    return page_or_region(
        request,
        page="browse/search.html",
        region="parts/palette_results.html",
        context={"query": text, "groups": _rows(find(request.user, text)) if text else []},
    )


@require_safe
def go(request: HtmxRequest) -> HttpResponse:
    """Lead to the page that `ref` means; else say what was understood, and what is like it."""
    return _follow(request, asked_text(request, "ref"))


@require_safe
def follow(request: HtmxRequest, reference: str) -> HttpResponse:
    """The same for a reference in the path, to write and share."""
    return _follow(request, reference.replace("\x00", ""))


def _follow(request: HtmxRequest, text: str) -> HttpResponse:
    if not text:
        return render(request, "browse/search.html", {"query": "", "groups": []})
    found = resolve(request.user, text)
    if isinstance(found, Destination):
        return redirect(address(found))
    context = {
        "query": text,
        "explanation": found,
        "choices": [_linked(place) for place in found.choices],
        "nearby": [_linked(place) for place in found.nearby],
        "groups": _rows(find(request.user, text[:MAX_TEXT])),
    }
    return render(request, "browse/search.html", context, status=200 if found.choices else 404)


def address(place: Destination) -> str:
    """The address of a destination's page."""
    where = [place.registry, *([place.path] if place.path else [])]
    if place.kind == "tag":
        return reverse("tag", args=[*where, place.tag])
    if place.kind == "manifest":
        return reverse("manifest", args=[*where, place.digest])
    if place.kind == "layer":
        return reverse("layer", args=[place.registry, place.digest])
    return reverse("place", args=where)


def _linked(place: Destination) -> dict[str, Any]:
    name = f"{place.registry}/{place.path}" if place.path else place.registry
    return {"icon": ICONS[place.kind], "name": name, "url": address(place), "digest": place.digest}


def _rows(groups: list[Group]) -> list[dict[str, Any]]:
    """Groups in the shape that the palette's rows have."""
    return [
        {
            "heading": group.title,
            "more": group.more,
            "rows": [
                {
                    "icon": ICONS[match.destination.kind],
                    "name": "" if match.destination.digest else match.name,
                    "where": match.where,
                    "url": address(match.destination),
                    "digest": match.destination.digest,
                }
                for match in group.matches
            ],
        }
        for group in groups
    ]
