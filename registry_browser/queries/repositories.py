"""The repositories of a registry as a list: filtered, and paged behind a row, not by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import Registry, Repository

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.models.presence import RepositoryQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRow:
    """One repository with the figures of its last stored observation; bytes labelled as in DESIGN
    section 1.
    """

    path: str
    tags: int
    manifests: int
    dangling: int
    apparent_bytes: int
    stored_bytes: int
    exclusive_bytes: int
    reclaimable_bytes: int
    complete: bool
    incomplete_reason: str
    synced_at: datetime | None
    gone_at: datetime | None

    @classmethod
    def of(cls, repository: Repository) -> RepositoryRow:
        return cls(
            path=repository.path,
            tags=repository.tag_count,
            manifests=repository.manifest_count,
            dangling=repository.dangling_count,
            apparent_bytes=repository.apparent_bytes,
            stored_bytes=repository.stored_bytes,
            exclusive_bytes=repository.exclusive_bytes,
            reclaimable_bytes=repository.reclaimable_bytes,
            complete=repository.complete,
            incomplete_reason=repository.incomplete_reason,
            synced_at=repository.synced_at,
            gone_at=repository.gone_at,
        )


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """Some rows, and the path of the last one where there are more behind it."""

    rows: list[RepositoryRow]
    after: str | None


def matching(registry: Registry, *, prefix: str = "", search: str = "") -> RepositoryQuerySet:
    """The present repositories below `prefix` whose path contains `search`, in any case."""
    found = Repository.objects.below(prefix).filter(registry=registry, gone_at=None)
    return found.filter(path__icontains=search) if search else found


def repositories(
    registry: Registry,
    *,
    prefix: str = "",
    search: str = "",
    after: str | None = None,
    limit: int = 50,
) -> RepositoryPage:
    """At most `limit` repositories by path, behind the path `after`. One statement."""
    found = matching(registry, prefix=prefix, search=search)
    if after is not None:
        found = found.filter(path__gt=after)
    listed = list(found.order_by("path")[: limit + 1])
    rows = [RepositoryRow.of(repository) for repository in listed[:limit]]
    return RepositoryPage(rows, after=rows[-1].path if len(listed) > limit else None)
