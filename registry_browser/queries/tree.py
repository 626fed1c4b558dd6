"""The tree that slashes draw: what lies right below a path, and what a path is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import Namespace, Registry, Repository
from registry_browser.models.rows import fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

PAGE = 100

ORDERINGS = {
    "name": 'segment COLLATE "C"',
    "-name": 'segment COLLATE "C" DESC',
    "-stored": 'stored_bytes DESC, segment COLLATE "C"',
    "-exclusive": 'exclusive_bytes DESC, segment COLLATE "C"',
    "-reclaimable": 'reclaimable_bytes DESC, segment COLLATE "C"',
    "-tags": 'tag_count DESC, segment COLLATE "C"',
    "-repositories": 'below.repositories DESC, segment COLLATE "C"',
    "synced": 'below.synced_at NULLS FIRST, segment COLLATE "C"',
}


@dataclass(frozen=True, slots=True)
class Crumb:
    """One step of a breadcrumb: a path segment and the whole path up to it."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """What one path segment leads to: a repository, a namespace, or both.

    Figures are the namespace's where it is one (they include the repository of the same path),
    bytes those of the set. `synced_at` is that of the repository synced longest ago, None where one
    never was.
    """

    path: str
    name: str
    is_repository: bool
    is_namespace: bool
    repositories: int
    incomplete: int
    tags: int
    manifests: int
    dangling: int
    apparent_bytes: int
    stored_bytes: int
    exclusive_bytes: int
    reclaimable_bytes: int
    synced_at: datetime | None
    incomplete_reason: str
    out_of: int

    @property
    def complete(self) -> bool:
        return self.incomplete == 0

    @property
    def shared_bytes(self) -> int:
        return self.stored_bytes - self.exclusive_bytes


@dataclass(frozen=True, slots=True)
class PlacePage:
    """One page of what lies below a path; `total` counts all pages."""

    rows: list[PlaceRow]
    total: int
    page: int

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * PAGE + len(self.rows)

    @property
    def more(self) -> bool:
        return self.last < self.total


@dataclass(frozen=True, slots=True)
class Place:
    """What a path of a registry is: a repository, a namespace, or both; the root is neither."""

    registry: Registry
    path: str
    repository: Repository | None
    namespace: Namespace | None

    @property
    def lone_repository(self) -> Repository | None:
        """The repository of this path, where no others lie below it."""
        return self.repository if self.namespace is None else None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


_CHILDREN = """
WITH below AS (
    SELECT segment, %(prefix)s || segment AS path,
           count(*) AS repositories,
           count(*) FILTER (WHERE NOT complete) AS incomplete,
           bool_or(rest = segment) AS is_repository,
           bool_or(rest <> segment) AS is_namespace,
           min(synced_at) FILTER (WHERE synced_at IS NOT NULL) AS first_synced_at,
           bool_and(synced_at IS NOT NULL) AS all_synced
      FROM (SELECT split_part(rest, '/', 1) AS segment, *
              FROM (SELECT substr(path, length(%(prefix)s) + 1) AS rest, complete, synced_at
                      FROM registry_browser_repository
                     WHERE registry_id = %(registry)s AND gone_at IS NULL
                       AND (%(prefix)s = '' OR (path > %(prefix)s AND path < %(end)s))) listed) cut
     GROUP BY segment
), figured AS (
    SELECT below.*, CASE WHEN all_synced THEN first_synced_at END AS synced_at,
           coalesce(space.tag_count, repository.tag_count, 0) AS tag_count,
           coalesce(space.manifest_count, repository.manifest_count, 0) AS manifest_count,
           coalesce(space.dangling_count, repository.dangling_count, 0) AS dangling_count,
           coalesce(space.apparent_bytes, repository.apparent_bytes, 0) AS apparent_bytes,
           coalesce(space.stored_bytes, repository.stored_bytes, 0) AS stored_bytes,
           coalesce(space.exclusive_bytes, repository.exclusive_bytes, 0) AS exclusive_bytes,
           coalesce(space.reclaimable_bytes, repository.reclaimable_bytes, 0) AS reclaimable_bytes,
           coalesce(repository.incomplete_reason, '') AS incomplete_reason
      FROM below
      LEFT JOIN registry_browser_namespace space
        ON space.registry_id = %(registry)s AND space.path = below.path COLLATE "C"
       AND below.is_namespace
      LEFT JOIN registry_browser_repository repository
        ON repository.registry_id = %(registry)s AND repository.path = below.path COLLATE "C"
       AND below.is_repository
)
SELECT path, segment AS name, is_repository, is_namespace, repositories, incomplete,
       tag_count AS tags, manifest_count AS manifests, dangling_count AS dangling, apparent_bytes,
       stored_bytes, exclusive_bytes, reclaimable_bytes, synced_at, incomplete_reason,
       count(*) OVER () AS out_of
  FROM figured below
 ORDER BY {ordering}
 LIMIT %(limit)s OFFSET %(offset)s
"""


def children(
    registry: Registry, prefix: str = "", *, ordering: str = "name", page: int = 1
) -> PlacePage:
    """What lies right below `prefix` (the empty one is the registry itself), a page of PAGE rows;
    one statement.

    `ordering` is a key of ORDERINGS; an unknown one is read as by name. Repositories that are gone
    are left out.
    """
    rows = fetch(
        PlaceRow,
        _CHILDREN.format(ordering=ORDERINGS.get(ordering, ORDERINGS["name"])),
        {
            "registry": registry.pk,
            "prefix": f"{prefix}/" if prefix else "",
            # `0` follows `/` in ASCII, and paths are compared byte by byte.
            "end": f"{prefix}0",
            "limit": PAGE,
            "offset": (page - 1) * PAGE,
        },
    )
    return PlacePage(rows, total=rows[0].out_of if rows else 0, page=page)


def place(registry: Registry, path: str) -> Place | None:
    """What `path` is in the record, None where it is neither repository nor namespace."""
    if not path:
        return Place(registry, "", None, None)
    repository = Repository.objects.filter(registry=registry, path=path).first()
    namespace = Namespace.objects.filter(registry=registry, path=path).first()
    # The namespace's figures may lag behind a first sync; the repositories below it say that it is
    # one.
    if namespace is None and has_repositories_below(registry, path):
        namespace = Namespace(registry=registry, path=path)
    if repository is None and namespace is None:
        return None
    return Place(registry, path, repository, namespace)


def has_repositories_below(registry: Registry, path: str) -> bool:
    """Whether any present repository's path goes on behind `path` and a slash."""
    return Repository.objects.filter(
        registry=registry, path__gt=f"{path}/", path__lt=f"{path}0", gone_at=None
    ).exists()


def breadcrumbs(path: str) -> list[Crumb]:
    """The steps to `path`, outermost first; none for the empty path."""
    segments = path.split("/") if path else []
    return [Crumb(name, "/".join(segments[: depth + 1])) for depth, name in enumerate(segments)]


OPENED = 40
"""How many namespaces of a tree stand open at once; each is one statement."""


@dataclass(frozen=True, slots=True)
class BranchRow:
    """A row of a tree: `depth` steps down; `more` rows below it are left to its own page."""

    row: PlaceRow
    depth: int
    is_open: bool
    more: int = 0


def opened_tree(
    registry: Registry,
    prefix: str = "",
    *,
    opened: Collection[str] = (),
    ordering: str = "name",
    page: int = 1,
) -> tuple[list[BranchRow], PlacePage]:
    """What lies right below `prefix`, and below each namespace of it that is `opened`, in place.

    Returns the rows and the page of the first level, which is the one that is paged.
    """
    first = children(registry, prefix, ordering=ordering, page=page)
    still = set(sorted(opened)[:OPENED])
    return list(_branch(registry, first, 0, still, ordering)), first


def _branch(
    registry: Registry, listed: PlacePage, depth: int, opened: set[str], ordering: str
) -> Iterator[BranchRow]:
    for row in listed.rows:
        if not (row.is_namespace and row.path in opened):
            yield BranchRow(row, depth, is_open=False)
            continue
        below = children(registry, row.path, ordering=ordering)
        yield BranchRow(row, depth, is_open=True, more=below.total - len(below.rows))
        yield from _branch(registry, below, depth + 1, opened, ordering)
