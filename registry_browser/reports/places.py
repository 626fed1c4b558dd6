"""What lies below a place, with the bytes of each: the rows of the map and of its table.

Exclusive bytes of neighbours never overlap, so those of all children, and what two or more of them
share, add up to what the place stores. Everything is read from the rollups: rows of namespaces and
repositories within a range of paths, which their unique keys serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models.rows import fetch
from registry_browser.reports.scope import below

if TYPE_CHECKING:
    from registry_browser.models import Registry

ORDERINGS = {
    "name": "path",
    "-name": "path DESC",
    "-stored": "stored_bytes DESC, path",
    "-exclusive": "exclusive_bytes DESC, path",
    "-reclaimable": "reclaimable_bytes DESC, path",
    "-apparent": "apparent_bytes DESC, path",
    "-dangling": "dangling DESC, path",
}
PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """A namespace or repository. `parent` is the path right above it; the repository at the asked
    path itself is a row of its own (`is_own`). `siblings_…` are sums over all rows of that parent.
    """

    path: str
    name: str
    parent: str
    depth: int
    is_namespace: bool
    is_own: bool
    repositories: int
    manifests: int
    dangling: int
    apparent_bytes: int
    stored_bytes: int
    exclusive_bytes: int
    reclaimable_bytes: int
    siblings: int
    siblings_exclusive: int
    siblings_reclaimable: int
    siblings_dangling: int

    @property
    def shared_bytes(self) -> int:
        return self.stored_bytes - self.exclusive_bytes


@dataclass(frozen=True, slots=True)
class PlacePage:
    """One page of rows; total and bytes are sums over all pages."""

    rows: list[PlaceRow]
    page: int

    @property
    def total(self) -> int:
        return self.rows[0].siblings if self.rows else 0

    @property
    def exclusive_bytes(self) -> int:
        return self.rows[0].siblings_exclusive if self.rows else 0

    @property
    def reclaimable_bytes(self) -> int:
        return self.rows[0].siblings_reclaimable if self.rows else 0

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * PAGE + len(self.rows)

    @property
    def more(self) -> bool:
        return self.last < self.total


# Of ten thousand paths in a registry few lie within `depth`. So it is asked first, by one function,
# whether a path has a part too many; and what is computed of each that stays is computed once.
_PLACES = """
WITH listed AS (
    SELECT path, true AS is_namespace, false AS is_own, repository_count AS repositories,
           manifest_count AS manifests, dangling_count AS dangling, apparent_bytes, stored_bytes,
           exclusive_bytes, reclaimable_bytes
      FROM registry_browser_namespace
     WHERE registry_id = %(registry)s AND split_part(path, '/', %(too_many)s) = ''
       AND (%(prefix)s = '' OR (path > %(start)s AND path < %(end)s))
 UNION ALL
    SELECT path, false, path = %(prefix)s, 1, manifest_count, dangling_count, apparent_bytes,
           stored_bytes, exclusive_bytes, reclaimable_bytes
      FROM registry_browser_repository repository
     WHERE registry_id = %(registry)s AND gone_at IS NULL
       AND split_part(path, '/', %(too_many)s) = ''
       AND (%(prefix)s = '' OR path = %(prefix)s OR (path > %(start)s AND path < %(end)s))
       AND (path = %(prefix)s
            OR NOT EXISTS (SELECT FROM registry_browser_namespace space
                            WHERE space.registry_id = %(registry)s
                              AND space.path = repository.path))),
deep AS (
    SELECT *, CASE WHEN is_own THEN 1
                   ELSE length(substr(path, length(%(start)s) + 1))
                        - length(replace(substr(path, length(%(start)s) + 1), '/', '')) + 1
              END AS depth
      FROM listed),
placed AS MATERIALIZED (
    SELECT *, CASE WHEN depth = 1 THEN %(prefix)s ELSE left(path, length(path)
                - position('/' in reverse(path))) END AS parent
      FROM deep),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY parent ORDER BY {ordering}) AS place,
           count(*) OVER siblings AS siblings,
           sum(exclusive_bytes) OVER siblings AS siblings_exclusive,
           sum(reclaimable_bytes) OVER siblings AS siblings_reclaimable,
           sum(dangling) OVER siblings AS siblings_dangling
      FROM placed WINDOW siblings AS (PARTITION BY parent))
SELECT path, substr(path, length(path) - position('/' in reverse('/' || path)) + 2) AS name, parent,
       depth, is_namespace, is_own, repositories, manifests, dangling, apparent_bytes, stored_bytes,
       exclusive_bytes, reclaimable_bytes, siblings, siblings_exclusive::bigint,
       siblings_reclaimable::bigint, siblings_dangling::bigint
  FROM ranked
 WHERE place > %(offset)s AND place <= %(offset)s + CASE depth WHEN 1 THEN %(first)s
                                                   ELSE %(second)s END
 ORDER BY depth, parent, place
"""


def places(
    registry: Registry, prefix: str = "", *, ordering: str = "-exclusive", limit: int = PAGE
) -> list[PlaceRow]:
    """The first `limit` of what lies right below `prefix`."""
    return _read(registry, prefix, ordering, depth=1, first=limit)


def place_page(
    registry: Registry, prefix: str = "", *, ordering: str = "-exclusive", page: int = 1
) -> PlacePage:
    """One page of what lies right below `prefix`; one statement."""
    rows = _read(registry, prefix, ordering, depth=1, first=PAGE, offset=(page - 1) * PAGE)
    return PlacePage(rows, page)


def two_levels(registry: Registry, prefix: str = "", *, first: int, second: int) -> list[PlaceRow]:
    """The `first` largest right below `prefix` by exclusive bytes, and the `second` largest right
    below each namespace there.
    """
    return _read(registry, prefix, "-exclusive", depth=2, first=first, second=second)


def _read(
    registry: Registry,
    prefix: str,
    ordering: str,
    *,
    depth: int,
    first: int,
    second: int = 0,
    offset: int = 0,
) -> list[PlaceRow]:
    parts = len(prefix.split("/")) if prefix else 0
    return fetch(
        PlaceRow,
        _PLACES.format(ordering=ORDERINGS.get(ordering, ORDERINGS["-exclusive"])),
        {
            "registry": registry.pk,
            **below(prefix),
            "too_many": parts + depth + 1,
            "first": first,
            "second": second,
            "offset": offset,
        },
    )
