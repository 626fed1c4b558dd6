"""Sharing: which repositories have bytes in common, what images stand on, what is stored twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.http import require_safe

from registry_browser.models import Registry
from registry_browser.reports.across import CopiedRow, copies
from registry_browser.reports.bases import BaseRow, bases, every_base
from registry_browser.reports.figures import NOTHING, space_figures
from registry_browser.reports.pairs import MATRIX, PairRow, pairs
from registry_browser.web.asked import asked_page
from registry_browser.web.csv import stream_csv
from registry_browser.web.htmx import page_or_region
from registry_browser.web.places import explain_absence, find_registry
from registry_browser.web.views.space import find_place, place_context

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from registry_browser.web.htmx import HtmxRequest

PAIR_COLUMNS = (
    "first",
    "second",
    "common_bytes",
    "common_blobs",
    "percent_of_smaller",
    "first_stored_bytes",
    "second_stored_bytes",
)
BASE_COLUMNS = (
    "first_seen_as",
    "digest",
    "layers",
    "stored_bytes",
    "images",
    "repositories",
    "top_layer",
    "counted_at",
)
COPY_COLUMNS = ("digest", "media_type", "size_bytes", "copied_bytes", "registries")
PAIRS_SHOWN = 50


@require_safe
@explain_absence
def sharing(request: HtmxRequest, registry: str, path: str = "") -> HttpResponse:
    """Repositories in common; for a whole registry, its base images and copies elsewhere too."""
    place = find_place(request, registry, path)
    context = {
        **place_context(request, place, "Sharing"),
        "figures": space_figures(place.registry, path) or NOTHING,
        "pairs": pairs(place.registry, path),
        "pairs_shown": PAIRS_SHOWN,
        "matrix_size": MATRIX,
    }
    if not path:
        registries = Registry.objects.visible_to(request.user).only("name")
        context["bases"] = bases(place.registry, page=asked_page(request))
        context["copies"] = copies(registries)
    return page_or_region(
        request, page="space/sharing.html", region="space/_bases.html", context=context
    )


@require_safe
@explain_absence
def pairs_csv(request: HtmxRequest, registry: str, path: str = "") -> StreamingHttpResponse:
    """Every pair that was compared."""
    place = find_place(request, registry, path)
    name = f"{(path or registry).replace('/', '-')}-pairs.csv"
    return stream_csv(name, PAIR_COLUMNS, map(_pair_cells, pairs(place.registry, path).rows))


@require_safe
@explain_absence
def bases_csv(request: HtmxRequest, registry: str) -> StreamingHttpResponse:
    """Every likely base image."""
    found = find_registry(request, registry)
    return stream_csv(f"{registry}-bases.csv", BASE_COLUMNS, map(_base_cells, every_base(found)))


@require_safe
def copies_csv(request: HtmxRequest) -> StreamingHttpResponse:
    """The layers that several registries store."""
    registries = Registry.objects.visible_to(request.user).only("name")
    return stream_csv("copies.csv", COPY_COLUMNS, map(_copy_cells, copies(registries).rows))


def _pair_cells(row: PairRow) -> tuple[object, ...]:
    return (
        row.first,
        row.second,
        row.common_bytes,
        row.common_blobs,
        row.percent,
        row.first_stored,
        row.second_stored,
    )


def _base_cells(row: BaseRow) -> tuple[object, ...]:
    return (
        row.reference,
        row.digest,
        row.layers,
        row.stored_bytes,
        row.images,
        row.repositories,
        row.top_layer,
        row.counted_at,
    )


def _copy_cells(row: CopiedRow) -> tuple[object, ...]:
    return row.digest, row.media_type, row.size, row.copied_bytes, " ".join(row.registries)
