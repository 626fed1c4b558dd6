"""The first page."""

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry_browser.queries.overview import overview_page
from registry_browser.web.forms import RegistryForm
from registry_browser.web.htmx import HtmxRequest, page_or_region


@require_safe
def overview(request: HtmxRequest) -> HttpResponse:
    """What all registries hold; before there is one, how to connect it."""
    now = datetime.now(UTC)
    found = overview_page(request.user, now)
    if not found.registries:
        return render(request, "overview/first_run.html", {"form": RegistryForm()})
    return page_or_region(
        request,
        page="overview/overview.html",
        region="overview/_overview.html",
        context={"overview": found, "now": now},
    )
