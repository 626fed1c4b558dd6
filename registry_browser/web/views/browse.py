"""A registry and its namespaces: the tree that the slashes of its repositories draw."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.views.decorators.http import require_safe

from registry_browser.models import RegistryState
from registry_browser.queries import repositories, tree
from registry_browser.queries.runs import runs_page
from registry_browser.web.asked import asked_order, asked_page, asked_text
from registry_browser.web.htmx import page_or_region
from registry_browser.web.places import (
    explain_absence,
    find_registry,
    no_such_place,
    place_crumbs,
    registry_stamp,
)
from registry_browser.web.views.repository import tags

if TYPE_CHECKING:
    from django.http import HttpResponse

    from registry_browser.models import Registry
    from registry_browser.web.htmx import HtmxRequest

TRIES = 5


@require_safe
@explain_absence
def place(request: HtmxRequest, registry: str, path: str = "") -> HttpResponse:
    """A path is the registry itself, a repository, a namespace, or the last two at once: then the
    repository, and what is below it with `?below`.
    """
    found = tree.place(find_registry(request, registry), path)
    if found is None:
        raise no_such_place(find_registry(request, registry), path)
    if found.repository is not None and "below" not in request.GET:
        return tags(request, found)
    return page_or_region(
        request,
        page="browse/namespace.html" if path else "browse/registry.html",
        region="browse/_children.html",
        context={
            "place": found,
            "registry": found.registry,
            "crumbs": place_crumbs(found.registry, path),
            "stamp": registry_stamp(request, found.registry),
            **_below(request, found.registry, path),
            **_tries(request, found.registry),
        },
    )


def _below(request: HtmxRequest, registry: Registry, path: str) -> dict[str, Any]:
    """The tree, or the flat list of those repositories that a filter finds."""
    text = asked_text(request)
    if text:
        after = asked_text(request, "after") or None
        listed = repositories.repositories(registry, prefix=path, search=text, after=after)
        return {"text": text, "listed": listed}
    order = asked_order(request, tree.ORDERINGS, "name")
    opened = request.GET.getlist("open")
    branches, listing = tree.opened_tree(
        registry, path, opened=opened, ordering=order, page=asked_page(request)
    )
    largest = max((branch.row.stored_bytes for branch in branches), default=0)
    return {"branches": branches, "listing": listing, "sort": order, "largest": largest}


def _tries(request: HtmxRequest, registry: Registry) -> dict[str, Any]:
    """What was tried lately, where the registry does not answer."""
    if registry.state != RegistryState.UNREACHABLE:
        return {}
    page = runs_page(request.user, datetime.now(UTC), registry=registry.name)
    return {"tries": page.rows[:TRIES]}
