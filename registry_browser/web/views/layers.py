"""Layers: what sharing saves, and who uses one."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from django.urls import reverse
from django.views.decorators.http import require_safe

from registry_browser.queries import layers as layer_queries
from registry_browser.queries.references import Explanation
from registry_browser.web.asked import asked_order, asked_page
from registry_browser.web.csv import stream_csv
from registry_browser.web.htmx import page_or_region
from registry_browser.web.places import (
    NotHere,
    explain_absence,
    find_registry,
    place_crumbs,
    registry_stamp,
)

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from registry_browser.web.htmx import HtmxRequest

COLUMNS = tuple(field.name for field in fields(layer_queries.LayerRow))


@require_safe
@explain_absence
def layers(request: HtmxRequest, registry: str) -> HttpResponse:
    """The layers of a registry, those that save most first."""
    found = find_registry(request, registry)
    order = asked_order(request, layer_queries.ORDERINGS, "-saved")
    listing = layer_queries.layers(found, ordering=order, page=asked_page(request))
    return page_or_region(
        request,
        page="browse/layers.html",
        region="browse/_layer_list.html",
        context={
            "registry": found,
            "crumbs": place_crumbs(found, "", "Layers"),
            "stamp": registry_stamp(request, found),
            "listing": listing,
            "sort": order,
            "largest": max((row.saved_bytes for row in listing.rows), default=0),
            "first": (listing.page - 1) * layer_queries.PAGE + 1,
        },
    )


@require_safe
@explain_absence
def layers_csv(request: HtmxRequest, registry: str) -> StreamingHttpResponse:
    """All layers of the list, in its order."""
    found = find_registry(request, registry)
    order = asked_order(request, layer_queries.ORDERINGS, "-saved")
    rows = layer_queries.every_layer(found, ordering=order)
    return stream_csv(f"{registry}-layers.csv", COLUMNS, (astuple(row) for row in rows))


@require_safe
@explain_absence
def layer(request: HtmxRequest, registry: str, digest: str) -> HttpResponse:
    """One layer or config: its figures, what made it, who uses it."""
    found = find_registry(request, registry)
    page = layer_queries.layer_page(found, digest, page=asked_page(request))
    short = digest.partition(":")[2][:12]
    crumbs = place_crumbs(found, "", "Layers", short)
    crumbs[1] = ("Layers", reverse("layers", args=[registry]))
    if page is None:
        sentence = f"No manifest of {registry} that was read refers to a blob of this digest."
        understood = [("Registry", registry), ("Digest", digest)]
        explanation = Explanation(
            f"No layer {short} is in the record",
            understood,
            sentence,
            "Search all registries for it.",
        )
        raise NotHere(explanation, crumbs)
    return page_or_region(
        request,
        page="browse/layer.html",
        region="browse/_layer_users.html",
        context={
            "registry": found,
            "crumbs": crumbs,
            "stamp": registry_stamp(request, found),
            "shown": page,
            "first": (page.page - 1) * layer_queries.PAGE + 1,
        },
    )
