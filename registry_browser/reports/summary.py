"""A place's space in one value: what the API and the command answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.reports.completeness import completeness
from registry_browser.reports.figures import space_figures
from registry_browser.reports.places import PlaceRow, places

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.models import Registry

LISTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePart:
    """What lies right below the place."""

    path: str
    is_namespace: bool
    repositories: int
    manifests: int
    dangling_manifests: int
    apparent_bytes: int
    stored_bytes: int
    exclusive_bytes: int
    reclaimable_bytes: int

    @classmethod
    def of(cls, row: PlaceRow) -> SpacePart:
        return cls(
            path=row.path,
            is_namespace=row.is_namespace,
            repositories=row.repositories,
            manifests=row.manifests,
            dangling_manifests=row.dangling,
            apparent_bytes=row.apparent_bytes,
            stored_bytes=row.stored_bytes,
            exclusive_bytes=row.exclusive_bytes,
            reclaimable_bytes=row.reclaimable_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSummary:
    """The figures of a set of repositories, how complete they are, and its parts, those with most
    exclusive bytes first.
    """

    registry: str
    prefix: str
    repositories: int
    tags: int
    manifests: int
    dangling_manifests: int
    apparent_bytes: int
    stored_bytes: int
    exclusive_bytes: int
    shared_bytes: int
    saved_bytes: int
    reclaimable_bytes: int
    complete: bool
    lists_untagged: bool
    untagged_known_since: datetime | None
    by_namespace: list[SpacePart]
    by_namespace_total: int


def space_summary(registry: Registry, prefix: str = "") -> SpaceSummary | None:
    """The summary of the repository at `prefix` and all below it; None where nothing is there."""
    figures = space_figures(registry, prefix)
    if figures is None:
        return None
    rows = places(registry, prefix, limit=LISTED)
    seen = completeness(registry, prefix)
    return SpaceSummary(
        registry=registry.name,
        prefix=prefix,
        repositories=figures.repositories,
        tags=figures.tags,
        manifests=figures.manifests,
        dangling_manifests=figures.dangling,
        apparent_bytes=figures.apparent_bytes,
        stored_bytes=figures.stored_bytes,
        exclusive_bytes=figures.exclusive_bytes,
        shared_bytes=figures.stored_bytes - (rows[0].siblings_exclusive if rows else 0),
        saved_bytes=figures.saved_bytes,
        reclaimable_bytes=figures.reclaimable_bytes,
        complete=seen.is_complete,
        lists_untagged=seen.lists_untagged,
        untagged_known_since=seen.known_since,
        by_namespace=[SpacePart.of(row) for row in rows],
        by_namespace_total=rows[0].siblings if rows else 0,
    )
