"""Seals and exports: their state, verifying them, and checking a file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from registry_browser.history import audit, seals
from registry_browser.history.export_check import check_export
from registry_browser.queries.history.events import every_row
from registry_browser.queries.history.seals import seal_state, seals_page
from registry_browser.tasks import start_verification
from registry_browser.web.access import auditor_required, auditors_only
from registry_browser.web.asked import asked_number, asked_text
from registry_browser.web.exporting import bounded, export, is_form
from registry_browser.web.history_asked import asked_history
from registry_browser.web.history_places import find_place
from registry_browser.web.htmx import page_or_region
from registry_browser.web.places import explain_absence

if TYPE_CHECKING:
    from django.http import HttpResponseBase

    from registry_browser.web.htmx import HtmxRequest


@require_safe
@explain_absence
def history_export(request: HtmxRequest, form: str, **address: str) -> HttpResponseBase:
    """Exactly what the filter of the history page finds."""
    if not request.user.is_auditor:
        return auditors_only(request)
    if not is_form(form):
        raise Http404
    place = find_place(request, **address)
    asked = asked_history(request, datetime.now(UTC))
    if asked.problems:
        return HttpResponse("\n".join(asked.problems), status=400, content_type="text/plain")
    wanted = asked.wanted if not place.tag else place.narrowed(asked.wanted)
    names = zip(("registry", "repository", "tag"), place.args, strict=False)
    filters: dict[str, Any] = {**wanted.as_dict(), **dict(names)}
    # Only the history of everything can be narrowed to a registry; any other has its own.
    if not place.args and (registry := asked_text(request, "registry")):
        filters["registry"] = registry
    return export(
        request,
        form,
        ledger="tags",
        filters=filters,
        rows=lambda up_to: every_row(place.scope, bounded(wanted, up_to), seals.TAGS.fields),
    )


@require_safe
@auditor_required
def seals_state(request: HtmxRequest) -> HttpResponse:
    """What the seals cover, the chain, and how it can be proved. Polled while one is verified."""
    return page_or_region(
        request,
        page="history/seals.html",
        region="history/_seal_state.html",
        context=_chain(asked_number(request, "before")),
    )


@require_POST
@auditor_required
def verify(request: HtmxRequest) -> HttpResponse:
    """Have a worker recompute every seal."""
    start_verification(actor=request.user.username, now=datetime.now(UTC))
    messages.success(request, "Every seal is being recomputed. The outcome appears on this page.")
    return redirect("seals")


@require_POST
@auditor_required
def check_file(request: HtmxRequest) -> HttpResponse:
    """Compare an exported file with the ledger, row by row."""
    uploaded = request.FILES.get("file")
    if uploaded is None or isinstance(uploaded, list):
        messages.error(request, "Choose an exported CSV or JSON lines file first.")
        return redirect("seals")
    found = check_export(uploaded)
    audit.record(
        "export:checked",
        actor=request.user.username,
        about=str(uploaded.name)[:200],
        detail={"holds": found.holds, "outcome": found.sentence},
        now=datetime.now(UTC),
    )
    return render(request, "history/seals.html", {**_chain(), "checked": found})


def _chain(before: int | None = None) -> dict[str, Any]:
    """What the page shows of the seals, those older than `before` where it is given."""
    now = datetime.now(UTC)
    listed, following = seals_page(before)
    return {"seals": seal_state(now), "listed": listed, "following": following, "now": now}
