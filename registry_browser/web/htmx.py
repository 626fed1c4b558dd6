"""One address, two answers: the whole page, or the region of it that htmx asks for."""

from pathlib import PurePosixPath
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from registry_browser.models import User


class HtmxRequest(HttpRequest):
    """What every view gets: signed in (LoginRequiredMiddleware), with htmx's headers read."""

    htmx: HtmxDetails
    user: User


def page_or_region(
    request: HttpRequest, *, page: str, region: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render the template `page`, or only its part `region` when htmx asks.

    A boosted link and a restored history entry want the whole page although htmx sends them. The
    root element of `browse/_tag_table.html` has the id `tag-table`; templates find it as `region`,
    "#tag-table", and learn from `only_region` whether parts outside it must be sent along.
    """
    only_region = asks_for_region(request)
    context = {"region": region_id(region), "only_region": only_region, **context}
    response = render(request, region if only_region else page, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def asks_for_region(request: HttpRequest) -> bool:
    htmx: HtmxDetails | None = getattr(request, "htmx", None)
    if htmx is None or not htmx:
        return False
    return not htmx.boosted and not htmx.history_restore_request


def leave_page(request: HttpRequest, address: str) -> HttpResponse:
    """Go to another page, also when htmx asked for a region of this one."""
    return HttpResponseClientRedirect(address) if asks_for_region(request) else redirect(address)


def region_id(template: str) -> str:
    """`browse/_tag_table.html` → `#tag-table`."""
    return "#" + PurePosixPath(template).stem.lstrip("_").replace("_", "-")
