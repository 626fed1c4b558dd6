"""Runs: their list, one with its live progress, and what a person decides about it."""

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from registry_browser.models import Registry, SyncRun
from registry_browser.queries.runs import STATE_FILTERS, run_page, runs_page
from registry_browser.sync.requests import cancel_sync
from registry_browser.web.access import admin_required
from registry_browser.web.asked import asked_number, asked_page, asked_text
from registry_browser.web.htmx import HtmxRequest, page_or_region
from registry_browser.web.starting import start


@require_safe
def runs(request: HtmxRequest) -> HttpResponse:
    now = datetime.now(UTC)
    state = request.GET.get("state", "")
    state = state if state in STATE_FILTERS else "all"
    registry = asked_text(request, "registry")
    before = asked_number(request, "before")
    found = runs_page(request.user, now, registry=registry, state=state, before=before)
    names = Registry.objects.visible_to(request.user).values_list("name", flat=True)
    return page_or_region(
        request,
        page="runs/runs.html",
        region="runs/_runs.html",
        context={
            "runs": found,
            "state": state,
            "registry": registry,
            "registries": [("", "any"), *((name, name) for name in names)],
            "now": now,
        },
    )


@require_safe
def run(request: HtmxRequest, pk: int) -> HttpResponse:
    """Polled while it runs: the same address, of which htmx gets the region."""
    now = datetime.now(UTC)
    number = asked_page(request)
    found = run_page(request.user, pk, now, segment=request.GET.get("show", ""), number=number)
    if found is None:
        raise Http404
    return page_or_region(
        request,
        page="runs/run.html",
        region="runs/_run.html",
        context={
            "page_of": found,
            "crumbs": [("Runs", reverse("runs")), (f"Sync {pk}", None)],
            "now": now,
        },
    )


@require_POST
@admin_required
def cancel(request: HtmxRequest, pk: int) -> HttpResponse:
    run = _find(request, pk)
    cancel_sync(run, actor=request.user.username, now=datetime.now(UTC))
    messages.success(request, "The run stops after what it is reading now. What was stored stays.")
    return redirect("run", pk)


@require_POST
@admin_required
def believe(request: HtmxRequest, pk: int) -> HttpResponse:
    """A person says that what is missing is really gone: look once more, and believe it."""
    return start(request, _find(request, pk).registry, believe_absences=True)


def _find(request: HtmxRequest, pk: int) -> SyncRun:
    visible = Registry.objects.visible_to(request.user)
    return get_object_or_404(
        SyncRun.objects.select_related("registry"), pk=pk, registry__in=visible
    )
