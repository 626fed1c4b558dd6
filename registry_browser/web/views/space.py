"""Space: what a registry, a namespace or a repository stores, shares and could win back."""

from __future__ import annotations

from dataclasses import astuple, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry_browser.models import Registry
from registry_browser.oci.reference import is_valid_path
from registry_browser.queries import layers, tree
from registry_browser.queries.trends import DAYS, place_trend, stored_trends
from registry_browser.reports.across import copies
from registry_browser.reports.completeness import completeness
from registry_browser.reports.deletion_marks import deletion_marks
from registry_browser.reports.figures import (
    NOTHING,
    SpaceFigures,
    registry_figures,
    space_figures,
    use_of,
)
from registry_browser.reports.payoff import payoff
from registry_browser.reports.places import ORDERINGS, PlaceRow, place_page
from registry_browser.reports.selection import MOST, selection_figures
from registry_browser.reports.space_map import place_map, registries_map, repository_map
from registry_browser.web.asked import asked_order, asked_page
from registry_browser.web.csv import stream_csv
from registry_browser.web.htmx import page_or_region
from registry_browser.web.places import (
    explain_absence,
    find_registry,
    no_such_place,
    place_crumbs,
    registry_stamp,
    repository_stamp,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpResponse, StreamingHttpResponse

    from registry_browser.queries.tree import Place
    from registry_browser.reports.space_map import MapNode
    from registry_browser.web.htmx import HtmxRequest

MOST_SHARED = 6
COLUMNS = (
    "path",
    "kind",
    "repositories",
    "manifests",
    "dangling_manifests",
    "apparent_bytes",
    "stored_bytes",
    "exclusive_bytes",
    "shared_bytes",
    "reclaimable_bytes",
)


@require_safe
@explain_absence
def space(request: HtmxRequest, registry: str, path: str = "") -> HttpResponse:
    """The report of one place: its figures, its map or table, and where deleting would pay."""
    place = find_place(request, registry, path)
    figures = space_figures(place.registry, path)
    return page_or_region(
        request,
        page="space/space.html",
        region="space/_parts.html",
        context={
            **place_context(request, place),
            "figures": figures or NOTHING,
            "is_counted": figures is not None,
            "completeness": completeness(place.registry, path),
            **_parts(request, place, figures or NOTHING),
            **_around(place),
        },
    )


@require_safe
@explain_absence
def space_csv(request: HtmxRequest, registry: str, path: str = "") -> StreamingHttpResponse:
    """What is right below a place, all of it, in the order of the table."""
    place = find_place(request, registry, path)
    order = asked_order(request, ORDERINGS, "-exclusive")
    name = f"{(path or registry).replace('/', '-')}-space.csv"
    return stream_csv(name, COLUMNS, map(_cells, _every_place(place, order)))


@require_safe
def everywhere(request: HtmxRequest) -> HttpResponse:
    """All registries together. Each stores for itself, so their figures really add up. Where there
    is but one, its own report says more.
    """
    registries = list(Registry.objects.visible_to(request.user).defer("secret", "ca_certificate"))
    if len(registries) == 1:
        return redirect("space", registries[0].name)
    rows = [(each.name, registry_figures(each)) for each in registries]
    total = sum((figures for _, figures in rows), NOTHING)
    return page_or_region(
        request,
        page="space/everywhere.html",
        region="space/_registries.html",
        context={
            "rows": sorted(rows, key=lambda row: (-row[1].reclaimable_bytes, row[0])),
            "figures": total,
            "largest": max((figures.stored_bytes for _, figures in rows), default=0),
            "map": registries_map(rows),
            "copies": copies(registries, shown=MOST_SHARED),
            "view": _view(request),
        },
    )


@require_safe
def everywhere_csv(request: HtmxRequest) -> StreamingHttpResponse:
    """The figures of each registry, by name."""
    registries = Registry.objects.visible_to(request.user).defer("secret", "ca_certificate")
    rows = ((each.name, *astuple(registry_figures(each))) for each in registries)
    names = [field.name for field in fields(SpaceFigures)]
    return stream_csv("space.csv", ["registry", *names], rows)


def find_place(request: HtmxRequest, registry: str, path: str) -> Place:
    """What an address names. Raises NotHere."""
    found = find_registry(request, registry)
    place = tree.place(found, path)
    if place is None:
        raise no_such_place(found, path)
    if place.repository is not None:
        place.repository.registry = found
    return place


def place_context(request: HtmxRequest, place: Place, *inside: str) -> dict[str, Any]:
    """The frame of a page about the space of a place; `inside` ends its breadcrumb."""
    crumbs = place_crumbs(place.registry, place.path, "Space", *inside)
    if inside:
        at = -1 - len(inside)
        args = [place.registry.name, place.path] if place.path else [place.registry.name]
        crumbs[at] = ("Space", reverse("space", args=args))
    stamp = (
        repository_stamp(request, place.lone_repository)
        if place.lone_repository is not None
        else registry_stamp(request, place.registry)
    )
    return {
        "place": place,
        "registry": place.registry,
        "is_repository": place.lone_repository is not None,
        "crumbs": crumbs,
        "stamp": stamp,
    }


def _view(request: HtmxRequest) -> str:
    return "table" if request.GET.get("view") == "table" else "map"


def _parts(request: HtmxRequest, place: Place, figures: SpaceFigures) -> dict[str, Any]:
    """The map, or the table of the same figures; and the use of the stored bytes."""
    view, with_shared = _view(request), request.GET.get("by") != "exclusive"
    order = asked_order(request, ORDERINGS, "-exclusive")
    listing = place_page(place.registry, place.path, ordering=order, page=asked_page(request))
    selected = [path for path in request.GET.getlist("select") if is_valid_path(path)][:MOST]
    # A repository has no places in it: its map is of layers, and the table lists those.
    drawn = _map(place, with_shared) if view == "map" or place.lone_repository else None
    has_namespaces = any(row.is_namespace for row in listing.rows)
    return {
        "view": view,
        "by": "stored" if with_shared else "exclusive",
        # What is right below, in one word and in its plural.
        "part": "namespace" if has_namespaces else "repository",
        "parts": "namespaces" if has_namespaces else "repositories",
        "query": "" if with_shared else "?by=exclusive",
        "map": drawn,
        "listing": listing,
        "largest": max((row.stored_bytes for row in listing.rows), default=0),
        "sort": order,
        "shared_bytes": figures.stored_bytes - listing.exclusive_bytes,
        "use": use_of(
            figures, exclusive=listing.exclusive_bytes, reclaimable=listing.reclaimable_bytes
        ),
        "selected": selected,
        "selection": selection_figures(place.registry, selected) if selected else None,
    }


def _map(place: Place, with_shared: bool) -> MapNode:
    if place.lone_repository is not None:
        return repository_map(place.lone_repository, with_shared=with_shared)
    return place_map(place.registry, place.path, with_shared=with_shared)


def _around(place: Place) -> dict[str, Any]:
    """What stands beside the map: its trend, what would pay, and the layers of a registry."""
    context = _trend(place, datetime.now(UTC))
    if place.namespace is None and place.path:
        return context
    context |= {"payoff": payoff(place.registry, place.path)}
    if place.path:
        return context
    return context | {"layers": layers.layers(place.registry, size=MOST_SHARED).rows}


def _trend(place: Place, now: datetime) -> dict[str, Any]:
    """Stored bytes over time, with the deletions in it."""
    if place.path:
        trend = place_trend(place.registry.pk, place.path, now)
    else:
        trend = stored_trends([place.registry.pk], now).get(place.registry.pk)
    if trend is None:
        return {}
    marks = deletion_marks(place.registry, now - timedelta(days=DAYS), place.path)
    return {
        "trend": trend,
        "marks": [
            ((mark.finished_at.date() - trend.start).days, f"deletion {mark.plan}")
            for mark in marks
            if mark.finished_at.date() >= trend.start
        ],
    }


def _every_place(place: Place, order: str) -> Iterator[PlaceRow]:
    number = 1
    while True:
        listing = place_page(place.registry, place.path, ordering=order, page=number)
        yield from listing.rows
        if not listing.more:
            return
        number += 1


def _cells(row: PlaceRow) -> tuple[object, ...]:
    return (
        row.path,
        "namespace" if row.is_namespace else "repository",
        row.repositories,
        row.manifests,
        row.dangling,
        row.apparent_bytes,
        row.stored_bytes,
        row.exclusive_bytes,
        row.shared_bytes,
        row.reclaimable_bytes,
    )
