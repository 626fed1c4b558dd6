"""The figures of a selection: several places together, as one set.

Sums over places would count twice what two of them hold, and miss what only both together hold
alone. So sums are taken of the figures that each place has, and put right by what several of the
places hold: few blobs beside all that the set holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.models.rows import fetch
from registry_browser.reports.figures import SpaceFigures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.models import Registry

MOST = 50
"""Places that may be selected at once."""

# Of holdings only the primary key is read, and of blobs only those that several places hold. OFFSET
# keeps the planner from reading all holdings and blobs of all registries for the few that are
# meant. What the whole set alone holds is reclaimable if nothing live holds it anywhere.
# Bytes that are due to be counted (`sync.figures.places`) may be fewer yet than what is held twice.
_SELECTION = """
WITH asked AS (
    SELECT path COLLATE "C" AS path, number
      FROM unnest(%(paths)s::text[]) WITH ORDINALITY AS asked (path, number)),
place AS (
    SELECT found.*
      FROM asked CROSS JOIN LATERAL (
        SELECT repository_count, incomplete_count, tag_count, manifest_count, dangling_count,
               apparent_bytes, stored_bytes, exclusive_bytes, reclaimable_bytes
          FROM registry_browser_namespace
         WHERE registry_id = %(registry)s AND path = asked.path
     UNION ALL
        SELECT 1, CASE WHEN complete THEN 0 ELSE 1 END, tag_count, manifest_count, dangling_count,
               apparent_bytes, stored_bytes, exclusive_bytes, reclaimable_bytes
          FROM registry_browser_repository
         WHERE registry_id = %(registry)s AND path = asked.path AND gone_at IS NULL
           AND NOT EXISTS (SELECT FROM registry_browser_namespace
                            WHERE registry_id = %(registry)s AND path = asked.path)) found),
member AS MATERIALIZED (
    SELECT asked.number, found.id
      FROM asked CROSS JOIN LATERAL (
        SELECT id FROM registry_browser_repository
         WHERE registry_id = %(registry)s AND gone_at IS NULL AND path = asked.path
     UNION ALL
        SELECT id FROM registry_browser_repository
         WHERE registry_id = %(registry)s AND gone_at IS NULL
           AND path > (asked.path || '/') COLLATE "C" AND path < (asked.path || '0') COLLATE "C"
        ) found),
several AS (
    SELECT blob_id, sum(holders) AS holders, count(*) AS places
      FROM (SELECT holding.blob_id, member.number, count(*) AS holders
              FROM member CROSS JOIN LATERAL (
                SELECT blob_id FROM registry_browser_repositoryblob
                 WHERE repository_id = member.id OFFSET 0) holding
             GROUP BY holding.blob_id, member.number) held
     GROUP BY blob_id HAVING count(*) > 1),
correction AS (
    SELECT coalesce(sum((places - 1) * blob.stored_bytes), 0) AS twice,
           coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = several.holders), 0)
             AS together,
           coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = several.holders
             AND blob.live_holders = 0), 0) AS dangling_together
      FROM several CROSS JOIN LATERAL (
        SELECT stored_bytes, holders, live_holders FROM registry_browser_blob
         WHERE id = several.blob_id OFFSET 0) blob)
SELECT coalesce(sum(repository_count), 0)::int AS repositories,
       coalesce(sum(incomplete_count), 0)::int AS incomplete,
       coalesce(sum(tag_count), 0)::int AS tags,
       coalesce(sum(manifest_count), 0)::int AS manifests,
       coalesce(sum(dangling_count), 0)::int AS dangling,
       coalesce(sum(apparent_bytes), 0)::bigint AS apparent_bytes,
       greatest(coalesce(sum(stored_bytes), 0) - min(correction.twice), 0)::bigint AS stored_bytes,
       (coalesce(sum(exclusive_bytes), 0) + min(correction.together))::bigint AS exclusive_bytes,
       (coalesce(sum(reclaimable_bytes), 0) + min(correction.dangling_together))::bigint
         AS reclaimable_bytes
  FROM correction LEFT JOIN place ON true
"""


def selection_figures(registry: Registry, paths: Sequence[str]) -> SpaceFigures:
    """The figures of all repositories at and below any of `paths`, as those of each are kept; one
    statement.
    """
    places = _outermost(paths[:MOST])
    [row] = fetch(SpaceFigures, _SELECTION, {"registry": registry.pk, "paths": places})
    return row


def _outermost(paths: Sequence[str]) -> list[str]:
    """Each path once, without those below another one."""
    return [
        path
        for path in dict.fromkeys(paths)
        if not any(path.startswith(f"{other}/") for other in paths)
    ]
