"""Layers that exist under several registries: each stores its own copy.

A registry's biggest layers are looked up in the others. Layers below those are too many to look up
and too small to matter; the report says how many were looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models.rows import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry_browser.models import Registry

LOOKED_AT = 2_000
SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedRow:
    """One layer that several registries store."""

    digest: str
    media_type: str
    size: int
    registries: list[str]

    @property
    def copied_bytes(self) -> int:
        """What is stored more than once."""
        return self.size * (len(self.registries) - 1)


@dataclass(frozen=True, slots=True)
class Copies:
    """The biggest of them, and the sum of what the layers looked at store more than once."""

    rows: list[CopiedRow]
    layers: int
    copied_bytes: int


# `layer_by_size` gives the biggest layers of each registry; `blob_digest` finds them elsewhere, one
# by one: OFFSET keeps the planner from reading all blobs instead.
_COPIES = """
WITH looked_at AS MATERIALIZED (
    SELECT big.digest
      FROM unnest(%(registries)s::bigint[]) AS asked (id)
     CROSS JOIN LATERAL (
        SELECT digest FROM registry_browser_blob
         WHERE registry_id = asked.id AND layer_manifests > 0 AND stored_bytes > 0
         ORDER BY size DESC LIMIT %(looked_at)s) big),
copied AS (
    SELECT blob.digest, min(blob.media_type) AS media_type, max(blob.size) AS size,
           array_agg(registry.name ORDER BY registry.name) AS registries
      FROM (SELECT DISTINCT digest FROM looked_at) looked
     CROSS JOIN LATERAL (
        SELECT digest, registry_id, media_type, size FROM registry_browser_blob
         WHERE digest = looked.digest AND registry_id = ANY(%(registries)s::bigint[])
           AND holders > 0 AND stored_bytes > 0
        OFFSET 0) blob
      JOIN registry_browser_registry registry ON registry.id = blob.registry_id
     GROUP BY blob.digest HAVING count(*) > 1)
SELECT digest, media_type, size, registries,
       count(*) OVER () AS layers,
       (sum(size * (cardinality(registries) - 1)) OVER ())::bigint AS all_copied
  FROM copied
 ORDER BY size * (cardinality(registries) - 1) DESC, digest
 LIMIT %(shown)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copied:
    digest: str
    media_type: str
    size: int
    registries: list[str]
    layers: int
    all_copied: int


def copies(registries: Iterable[Registry], *, shown: int = SHOWN) -> Copies:
    """Layers that at least two of `registries` store; one statement."""
    ids = [registry.pk for registry in registries]
    if len(ids) < 2:
        return Copies([], 0, 0)
    found = fetch(_Copied, _COPIES, {"registries": ids, "looked_at": LOOKED_AT, "shown": shown})
    rows = [
        CopiedRow(
            digest=each.digest,
            media_type=each.media_type,
            size=each.size,
            registries=each.registries,
        )
        for each in found
    ]
    return Copies(rows, found[0].layers, found[0].all_copied) if found else Copies([], 0, 0)
