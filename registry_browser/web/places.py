"""Where a page is: the registry and repository of an address, its breadcrumb, its stamp.

What an address names and the record does not hold raises NotHere, which `explain_absence` turns
into a page that says what is known and how to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse

from registry_browser.models import Registry, RegistryState, Repository
from registry_browser.queries.references import Explanation
from registry_browser.queries.tree import breadcrumbs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.http import HttpResponseBase

    from registry_browser.web.htmx import HtmxRequest

Crumbs = list[tuple[str, str | None]]


class NotHere(Exception):
    """The record does not hold what an address names. `back` are the nearest pages that it has,
    as (name, address).
    """

    def __init__(
        self, explanation: Explanation, crumbs: Crumbs, back: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(explanation.heading)
        self.explanation = explanation
        self.crumbs = crumbs
        self.back = back


def explain_absence(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer NotHere with its explanation and 404."""

    @wraps(view)
    def explaining(request: HtmxRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except NotHere as absent:
            context = {
                "explanation": absent.explanation,
                "crumbs": absent.crumbs,
                "back": absent.back,
            }
            return render(request, "browse/not_here.html", context, status=404)

    return explaining


def find_registry(request: HtmxRequest, name: str) -> Registry:
    """The registry of an address, as far as the person may see it."""
    found = Registry.objects.visible_to(request.user).filter(name=name).first()
    if found is not None:
        return found
    connected = list(Registry.objects.visible_to(request.user).values_list("name", flat=True)[:20])
    raise NotHere(
        Explanation(
            f"No registry is called {name}",
            [("Registry", name)],
            f"Connected: {', '.join(connected)}." if connected else "No registry is connected yet.",
            "An admin can add one under Registries.",
        ),
        [("Registries", reverse("registries")), (name, None)],
    )


def find_repository(request: HtmxRequest, registry: str, path: str) -> Repository:
    """The repository of an address."""
    found = find_registry(request, registry)
    repository = Repository.objects.filter(registry=found, path=path).first()
    if repository is None:
        raise no_such_place(found, path)
    repository.registry = found
    return repository


def no_such_place(registry: Registry, path: str) -> NotHere:
    """Nothing of the registry is at or below this path."""
    if registry.synced_at is None:
        sentence = f"{registry.name} was not synced yet."
    else:
        sentence = f"No repository at or below this path was seen in {registry.name}."
    return NotHere(
        Explanation(
            f"{path} is not in the record",
            [("Registry", registry.name), ("Repository", path)],
            sentence,
            "It may be newer than the last sync, or not readable with the stored credentials.",
        ),
        place_crumbs(registry, path),
        [(registry.name, reverse("place", args=[registry.name]))],
    )


def place_crumbs(registry: Registry, path: str = "", *inside: str) -> Crumbs:
    """From the registry down to `path`, then what is in it; each step but the last is a link."""
    if not path and not inside:
        return [("Registries", reverse("registries")), (registry.name, None)]
    crumbs: Crumbs = [(registry.name, reverse("place", args=[registry.name]))]
    crumbs += [
        (crumb.name, reverse("place", args=[registry.name, crumb.path]))
        for crumb in breadcrumbs(path)
    ]
    crumbs += [(name, None) for name in inside]
    return [*crumbs[:-1], (crumbs[-1][0], None)]


@dataclass(frozen=True, slots=True)
class Stamp:
    """How fresh a page is: a state, a sentence, its moment, and where to post for newer data."""

    state: str
    text: str
    when: datetime | None
    sync_url: str | None


def registry_stamp(request: HtmxRequest, registry: Registry) -> Stamp:
    """The stamp of pages about a registry or a namespace of it."""
    url = reverse("registry-sync", args=[registry.name]) if request.user.is_admin else None
    when = registry.synced_at
    if when is None:
        return Stamp("unchecked", "Not synced yet", None, url)
    if registry.state == RegistryState.UNREACHABLE:
        return Stamp("stale", "Last good data", when, url)
    if registry.complete:
        return Stamp("live", "Tags complete · synced", when, url)
    missing = registry.incomplete_count
    what = f"{missing:,} of {registry.repository_count:,} repositories" if missing else "Catalog"
    return Stamp("incomplete", f"{what} incomplete · synced", when, url)


def repository_stamp(request: HtmxRequest, repository: Repository) -> Stamp:
    """The stamp of pages about a repository or what is in it."""
    url = None
    if request.user.is_admin:
        url = reverse("registry-sync", args=[repository.registry.name])
        url += f"?path={repository.path}"
    if repository.gone_at is not None:
        return Stamp("gone", "Not listed any more · seen gone", repository.gone_at, url)
    if repository.tags_complete_at is None:
        return Stamp("unchecked", "Tags not read yet", None, url)
    if not repository.complete:
        return Stamp("incomplete", "Incomplete · last good data", repository.tags_complete_at, url)
    if repository.registry.state == RegistryState.UNREACHABLE:
        return Stamp("stale", "Last good data", repository.tags_complete_at, url)
    return Stamp("live", "Tags complete · synced", repository.synced_at, url)
