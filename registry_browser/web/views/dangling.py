"""What is untagged in a registry or below a path: what may go, and what only looks so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.http import require_safe

from registry_browser.reports import untagged
from registry_browser.reports.completeness import completeness
from registry_browser.reports.figures import NOTHING, space_figures
from registry_browser.web.asked import asked_order, asked_page
from registry_browser.web.csv import stream_csv
from registry_browser.web.htmx import page_or_region
from registry_browser.web.places import explain_absence
from registry_browser.web.views.space import find_place, place_context

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from registry_browser.reports.untagged import UntaggedRow
    from registry_browser.web.htmx import HtmxRequest

COLUMNS = (
    "repository",
    "digest",
    "state",
    "may_go",
    "since",
    "was_tagged",
    "first_seen_at",
    "kind",
    "media_type",
    "artifact_type",
    "platform",
    "parent",
    "subject",
    "attached_tags",
    "needed_in",
    "size_bytes",
    "alone_bytes",
    "set_bytes",
)


@require_safe
@explain_absence
def dangling(request: HtmxRequest, registry: str, path: str = "") -> HttpResponse:
    """The report, narrowed to what dangles unless another state is asked for."""
    place = find_place(request, registry, path)
    counts = untagged.state_counts(place.registry, path)
    state = _state(request)
    order = asked_order(request, untagged.ORDERINGS, "since")
    listing = untagged.untagged(
        place.registry,
        path,
        counts=counts,
        state=state,
        ordering=order,
        page=asked_page(request),
    )
    return page_or_region(
        request,
        page="space/dangling.html",
        region="space/_untagged_report.html",
        context={
            **place_context(request, place, "Untagged"),
            "figures": space_figures(place.registry, path) or NOTHING,
            "completeness": completeness(place.registry, path),
            "counts": counts,
            "states": _segments(counts, state),
            "state": state,
            "listing": listing,
            "sort": order,
        },
    )


@require_safe
@explain_absence
def dangling_csv(request: HtmxRequest, registry: str, path: str = "") -> StreamingHttpResponse:
    """All rows of the report, in its order and of the state that it shows."""
    place = find_place(request, registry, path)
    order = asked_order(request, untagged.ORDERINGS, "since")
    rows = untagged.every_untagged(place.registry, path, state=_state(request), ordering=order)
    name = f"{(path or registry).replace('/', '-')}-untagged.csv"
    return stream_csv(name, COLUMNS, map(_cells, rows))


def _state(request: HtmxRequest) -> str:
    """One of the states; "all" is none of them, and nothing asked for is what dangles."""
    asked = request.GET.get("state", "dangling")
    return asked if asked in untagged.STATES else ""


def _segments(counts: untagged.StateCounts, state: str) -> list[tuple[str, str, int]]:
    """The states to choose from; what is rare only where there is some."""
    found = [(each, each.title(), getattr(counts, each)) for each in untagged.STATES]
    return [row for row in found if row[2] or row[0] in (state, "dangling", "child", "referrer")]


def _cells(row: UntaggedRow) -> tuple[object, ...]:
    return (
        row.path,
        row.digest,
        row.state,
        row.may_go,
        row.since,
        row.was_tagged,
        row.first_seen_at,
        row.kind,
        row.media_type,
        row.artifact_type,
        row.platform,
        row.parent,
        row.subject,
        " ".join(row.attached),
        row.elsewhere,
        row.size_bytes,
        row.alone_bytes,
        row.set_bytes,
    )
