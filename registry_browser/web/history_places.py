"""Whose history an address asks for: everything, a registry, a namespace, a repository, a tag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.urls import reverse

from registry_browser.models import Registry, Repository, TagEvent
from registry_browser.queries.history.registries import registry_ids
from registry_browser.queries.history.scope import HistoryFilter, Scope, repository_scope
from registry_browser.queries.tree import has_repositories_below
from registry_browser.web.asked import asked_text
from registry_browser.web.places import Crumbs, find_registry, no_such_place, place_crumbs

if TYPE_CHECKING:
    from registry_browser.web.htmx import HtmxRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPlace:
    """A scope with its names. `registry` and `repository` are None where there is none, or none
    any more; `args` are those of its addresses.
    """

    scope: Scope
    title: str
    args: tuple[str, ...]
    crumbs: Crumbs
    registry: Registry | None = None
    repository: Repository | None = None
    tag: str = ""

    @property
    def is_open_to_all(self) -> bool:
        """Viewers read the history of repositories and tags; the rest is for auditors."""
        return self.repository is not None

    @property
    def has_many_paths(self) -> bool:
        return self.repository is None

    def url(self, name: str = "history", *more: str) -> str:
        return reverse(name, args=[*self.args, *more])

    def crumbs_to(self, word: str, kept: str) -> Crumbs:
        """The way to a page beneath the history of this place; `kept` is the filter it has."""
        address = f"{self.url()}?{kept}" if kept else self.url()
        return [*self.crumbs[:-1], (self.crumbs[-1][0], address), (word, None)]

    def narrowed(self, wanted: HistoryFilter) -> HistoryFilter:
        """The filter, for this place's tag where it is one's."""
        return replace(wanted, tag=self.tag) if self.tag else wanted


def find_place(
    request: HtmxRequest, registry: str = "", path: str = "", tag: str = ""
) -> HistoryPlace:
    """The place of an address. Raises NotHere for what neither record nor ledger knows."""
    if not registry:
        return _everything(request)
    known = Registry.objects.visible_to(request.user).filter(name=registry).first()
    if known is not None and path and "below" not in request.GET:
        repository = Repository.objects.filter(registry=known, path=path).first()
        if repository is not None:
            repository.registry = known
            return _in_repository(known, repository, tag)
    ids = registry_ids(registry)
    if known is None and not (ids and request.user.is_auditor):
        known = find_registry(request, registry)
    if not path:
        return HistoryPlace(
            scope=Scope(registries=ids),
            title=registry,
            args=(registry,),
            crumbs=_crumbs(registry, known),
            registry=known,
        )
    scope = Scope(registries=ids, path=path)
    is_known = known is not None and has_repositories_below(known, path)
    if known is not None and not is_known and not _in_ledger(scope):
        raise no_such_place(known, path)
    return HistoryPlace(
        scope=scope,
        title=f"{path.rpartition('/')[2]}/",
        args=(registry, path, *([tag] if tag else [])),
        crumbs=_crumbs(registry, known, path),
        registry=known,
        tag=tag,
    )


def _in_ledger(scope: Scope) -> bool:
    return TagEvent.objects.filter(scope.matching()).exists()


def _everything(request: HtmxRequest) -> HistoryPlace:
    name = asked_text(request, "registry")
    return HistoryPlace(
        scope=Scope(registries=registry_ids(name) if name else None),
        title="History",
        args=(),
        crumbs=[("History", None)],
    )


def _in_repository(registry: Registry, repository: Repository, tag: str) -> HistoryPlace:
    inside = (tag, "History") if tag else ("History",)
    crumbs = place_crumbs(registry, repository.path, *inside)
    return HistoryPlace(
        scope=repository_scope(repository),
        title=f"{repository.name}:{tag}" if tag else repository.name,
        args=(registry.name, repository.path, *([tag] if tag else [])),
        crumbs=crumbs,
        registry=registry,
        repository=repository,
        tag=tag,
    )


def _crumbs(name: str, registry: Registry | None, path: str = "") -> Crumbs:
    if registry is None:
        return [("History", reverse("history")), (name, None)]
    return place_crumbs(registry, path, "History")
