"""Exclusive bytes: what a set of manifests holds and nothing else present in the registry does.

Bodies count too: registries store them as blobs. How a base layer with 100,000 references stays
cheap: each blob asks for one holder outside the set and stops at the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MAX_DEPTH = 16
"""Levels of indexes within indexes that are followed; as deep as a sync reads."""


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """Ids: `measured` whose bytes are asked for, `own` those that do not count as others."""

    measured: frozenset[int]
    own: frozenset[int]

    @classmethod
    def of(cls, manifests: Collection[int]) -> ManifestSet:
        return cls(frozenset(manifests), frozenset(manifests))


# Holders outside the set, and sizes, are looked up in select lists, one index lookup each. As joins
# the planner takes them for many, and reads every link or every blob of the registry.
_EXCLUSIVE = """
SELECT number, coalesce(sum(size) FILTER (WHERE NOT held_elsewhere), 0)
  FROM (
    SELECT held.number,
           (SELECT stored_bytes FROM registry_browser_blob WHERE id = held.blob_id) AS size,
           EXISTS (
             SELECT FROM registry_browser_manifestblob other
              WHERE other.blob_id = held.blob_id AND other.manifest_id <> ALL(held.own)
                AND EXISTS (SELECT FROM registry_browser_presence presence
                             WHERE presence.manifest_id = other.manifest_id
                               AND presence.gone_at IS NULL)
           ) AS held_elsewhere
      FROM (
        SELECT DISTINCT asked.number, asked.own::bigint[] AS own, link.blob_id
          FROM unnest(%(numbers)s::int[], %(measured)s::text[], %(own)s::text[])
               AS asked (number, measured, own)
          CROSS JOIN LATERAL unnest(asked.measured::bigint[]) AS member (manifest_id)
          JOIN registry_browser_manifestblob link ON link.manifest_id = member.manifest_id
      ) held
  ) answered
 GROUP BY number
"""

_REACH = """
WITH RECURSIVE reach (root, manifest_id, depth) AS (
    SELECT id, id, 0 FROM unnest(%(roots)s::bigint[]) AS root (id)
  UNION
    SELECT reach.root, target.id, reach.depth + 1
      FROM reach
      JOIN registry_browser_manifestchild child ON child.manifest_id = reach.manifest_id
      JOIN registry_browser_manifest parent ON parent.id = reach.manifest_id
      JOIN registry_browser_manifest target
        ON target.registry_id = parent.registry_id AND target.digest = child.digest
     WHERE reach.depth < %(depth)s
)
SELECT DISTINCT root, manifest_id FROM reach
"""


def exclusive_bytes(sets: Sequence[ManifestSet]) -> list[int]:
    """The exclusive bytes of each set, in the order given; one statement for all of them."""
    if not sets:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _EXCLUSIVE,
            {
                "numbers": list(range(len(sets))),
                "measured": [_array(one.measured) for one in sets],
                "own": [_array(one.own) for one in sets],
            },
        )
        found = {number: int(total) for number, total in cursor.fetchall()}
    return [found.get(number, 0) for number in range(len(sets))]


def reach(manifests: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Each manifest with all that it reaches over index → child, itself included; ids, one
    statement.
    """
    found: dict[int, set[int]] = {manifest: {manifest} for manifest in manifests}
    if found:
        with connection.cursor() as cursor:
            cursor.execute(_REACH, {"roots": list(found), "depth": MAX_DEPTH})
            for root, manifest in cursor.fetchall():
                found[root].add(manifest)
    return {root: frozenset(reached) for root, reached in found.items()}


def _array(ids: Collection[int]) -> str:
    return "{" + ",".join(map(str, sorted(ids))) + "}"
