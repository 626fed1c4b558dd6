"""The map of a place: what is exclusive to each part of it, and what parts share, as nested areas.

The areas add up to the bytes that the place stores, to the byte: exclusive bytes of neighbours
never overlap, and what is left over is shared. Leaves drawing to the faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from registry_browser.reports.figures import SpaceFigures, space_figures
from registry_browser.reports.places import PlaceRow, two_levels
from registry_browser.reports.repository_blobs import BlobRow, largest_blobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.models import Registry, Repository

CELLS = 60
FIRST = 30
SECOND = 10
"""Parts drawn at most: in all, at the first level, and within one of them."""
_WORTH_OPENING = 0.02
"""Share of the map from which a namespace is drawn with what is in it."""


class NodeKind(Enum):
    """What an area stands for."""

    PLACE = "place"
    BLOB = "blob"
    SHARED = "shared"
    MORE = "more"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """One area of `size` bytes, `reclaimable` of them; `inside` holds its parts, in the same way.

    `path` is the place it stands for, or the one whose parts share it (SHARED) or have no area of
    their own (MORE); `digest` names a blob. `is_own` marks the repository at the path of the map.
    """

    kind: NodeKind
    name: str
    path: str
    size: int
    reclaimable: int = 0
    digest: str = ""
    is_own: bool = False
    inside: Sequence[MapNode] = ()


def place_map(registry: Registry, prefix: str = "", *, with_shared: bool = True) -> MapNode:
    """The map of a registry or namespace; without what is shared it shows exclusive bytes."""
    rows = two_levels(registry, prefix, first=FIRST, second=SECOND)
    figures = space_figures(registry, prefix)
    stored = figures.stored_bytes if figures else 0
    top = [row for row in rows if row.depth == 1]
    beneath: dict[str, list[PlaceRow]] = {}
    for row in rows:
        if row.depth == 2:
            beneath.setdefault(row.parent, []).append(row)
    exclusive = top[0].siblings_exclusive if top else 0
    whole = stored if with_shared else exclusive
    return MapNode(
        kind=NodeKind.PLACE,
        name=prefix or registry.name,
        path=prefix,
        size=whole,
        reclaimable=figures.reclaimable_bytes if figures else 0,
        inside=_parts(prefix, top, beneath, whole),
    )


def repository_map(repository: Repository, *, with_shared: bool = True) -> MapNode:
    """The map of a repository: its largest layers that no other repository holds, the rest of them,
    and what it shares with others.
    """
    rows = largest_blobs(repository, limit=CELLS - 2)
    whole = repository.stored_bytes if with_shared else repository.exclusive_bytes
    nodes = [_blob_node(repository, row) for row in rows]
    rest = repository.exclusive_bytes - sum(row.stored_bytes for row in rows)
    reclaimable = sum(row.stored_bytes for row in rows if not row.live)
    if rest > 0:
        nodes.append(
            MapNode(
                kind=NodeKind.MORE,
                name="smaller ones",
                path=repository.path,
                size=rest,
                reclaimable=max(0, repository.reclaimable_bytes - reclaimable),
            )
        )
    shared = whole - repository.exclusive_bytes
    if shared > 0:
        nodes.append(
            MapNode(kind=NodeKind.SHARED, name="shared", path=repository.path, size=shared)
        )
    return MapNode(
        kind=NodeKind.PLACE,
        name=repository.path,
        path=repository.path,
        size=whole,
        reclaimable=repository.reclaimable_bytes,
        inside=nodes,
    )


def _parts(
    prefix: str, rows: Sequence[PlaceRow], beneath: dict[str, list[PlaceRow]], whole: int
) -> list[MapNode]:
    """The first level, the largest namespaces opened as long as there is room for their parts."""
    room = CELLS - len(rows) - 2
    nodes = []
    for row in rows:
        parts = beneath.get(row.path, ()) if not row.is_own else ()
        opened: Sequence[MapNode] = ()
        if len(parts) > 1 and len(parts) < room and row.exclusive_bytes >= whole * _WORTH_OPENING:
            opened = _level(row.path, parts, row.exclusive_bytes)
            room -= len(opened)
        nodes.append(_place_node(row, opened))
    return [*nodes, *_remainder(prefix, rows, whole)]


def _level(path: str, rows: Sequence[PlaceRow], whole: int) -> list[MapNode]:
    return [*(_place_node(row) for row in rows), *_remainder(path, rows, whole)]


def _place_node(row: PlaceRow, inside: Sequence[MapNode] = ()) -> MapNode:
    return MapNode(
        kind=NodeKind.PLACE,
        name=row.name,
        path=row.path,
        size=row.exclusive_bytes,
        reclaimable=row.reclaimable_bytes,
        is_own=row.is_own,
        inside=inside,
    )


def _remainder(path: str, rows: Sequence[PlaceRow], whole: int) -> list[MapNode]:
    """What the rows do not cover: their siblings that are not shown, and what they all share."""
    if not rows:
        return []
    nodes = []
    if (hidden := rows[0].siblings - len(rows)) > 0:
        nodes.append(
            MapNode(
                kind=NodeKind.MORE,
                name=f"{hidden:,} more",
                path=path,
                size=rows[0].siblings_exclusive - sum(row.exclusive_bytes for row in rows),
                reclaimable=rows[0].siblings_reclaimable
                - sum(row.reclaimable_bytes for row in rows),
            )
        )
    if (shared := whole - rows[0].siblings_exclusive) > 0:
        nodes.append(MapNode(kind=NodeKind.SHARED, name="shared", path=path, size=shared))
    return nodes


def _blob_node(repository: Repository, row: BlobRow) -> MapNode:
    return MapNode(
        kind=NodeKind.BLOB,
        name=row.digest.partition(":")[2][:12],
        path=repository.path,
        digest=row.digest,
        size=row.stored_bytes,
        reclaimable=0 if row.live else row.stored_bytes,
    )


def registries_map(rows: Sequence[tuple[str, SpaceFigures]]) -> MapNode:
    """The map of several registries; each stores for itself, so nothing is shared."""
    nodes = [
        MapNode(
            kind=NodeKind.PLACE,
            name=name,
            path=name,
            size=figures.stored_bytes,
            reclaimable=figures.reclaimable_bytes,
        )
        for name, figures in rows
    ]
    return MapNode(
        kind=NodeKind.PLACE,
        name="",
        path="",
        size=sum(node.size for node in nodes),
        reclaimable=sum(node.reclaimable for node in nodes),
        inside=nodes,
    )
