"""The figures of one place: a registry, a namespace or a repository; of the set, each blob once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from registry_browser.models import Namespace, Repository

if TYPE_CHECKING:
    from registry_browser.models import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceFigures:
    """Counts, and bytes of the set. A registry is exclusive to itself: registries share nothing."""

    repositories: int
    incomplete: int
    tags: int
    manifests: int
    dangling: int
    apparent_bytes: int
    stored_bytes: int
    exclusive_bytes: int
    reclaimable_bytes: int

    @property
    def saved_bytes(self) -> int:
        """What sharing saves: bytes that would be stored more if nothing were shared."""
        return max(0, self.apparent_bytes - self.stored_bytes)

    def __add__(self, other: SpaceFigures) -> SpaceFigures:
        """Figures of two registries together; of nothing else do they add up."""
        names = [field.name for field in fields(self)]
        return SpaceFigures(**{name: getattr(self, name) + getattr(other, name) for name in names})


NOTHING = SpaceFigures(
    repositories=0,
    incomplete=0,
    tags=0,
    manifests=0,
    dangling=0,
    apparent_bytes=0,
    stored_bytes=0,
    exclusive_bytes=0,
    reclaimable_bytes=0,
)


def registry_figures(registry: Registry) -> SpaceFigures:
    """Those on the registry's own row, as its last run left them."""
    return SpaceFigures(
        repositories=registry.repository_count,
        incomplete=registry.incomplete_count,
        tags=registry.tag_count,
        manifests=registry.manifest_count,
        dangling=registry.dangling_count,
        apparent_bytes=registry.apparent_bytes,
        stored_bytes=registry.stored_bytes,
        exclusive_bytes=registry.stored_bytes,
        reclaimable_bytes=registry.reclaimable_bytes,
    )


def space_figures(registry: Registry, prefix: str = "") -> SpaceFigures | None:
    """The figures of the repository at `prefix` and all below it; None where nothing is there.

    At most two statements, by the unique keys of namespaces and repositories.
    """
    if not prefix:
        return registry_figures(registry)
    space = Namespace.objects.filter(registry=registry, path=prefix).first()
    if space is not None:
        return _of(space, space.repository_count, space.incomplete_count)
    repository = Repository.objects.filter(registry=registry, path=prefix).first()
    if repository is not None:
        return _of(repository, 1, 0 if repository.complete else 1)
    return None


def _of(row: Namespace | Repository, repositories: int, incomplete: int) -> SpaceFigures:
    return SpaceFigures(
        repositories=repositories,
        incomplete=incomplete,
        tags=row.tag_count,
        manifests=row.manifest_count,
        dangling=row.dangling_count,
        apparent_bytes=row.apparent_bytes,
        stored_bytes=row.stored_bytes,
        exclusive_bytes=row.exclusive_bytes,
        reclaimable_bytes=row.reclaimable_bytes,
    )


@dataclass(frozen=True, slots=True)
class Use:
    """What the stored bytes of a place are used for; the three add up to them.

    `in_use` are exclusive to one part of the place and needed, `shared` are held by several parts
    or by others too, `reclaimable` come back if all that dangles in the place goes.
    """

    in_use: int
    shared: int
    reclaimable: int


def use_of(figures: SpaceFigures, *, exclusive: int, reclaimable: int) -> Use:
    """The use of a place whose parts have these bytes, each part for itself, exclusively."""
    in_use = exclusive - reclaimable
    shared = figures.stored_bytes - figures.reclaimable_bytes - in_use
    return Use(in_use, shared, figures.reclaimable_bytes)
