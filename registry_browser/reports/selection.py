"""The figures of a selection: several places together, as one set.

Sums over places would count twice what two of them hold, and miss what only both together hold
alone. So the set's holdings are read: each blob with how many of its holders are in the set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.reports.figures import SpaceFigures
from registry_browser.reports.rows import fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.models import Registry

MOST = 50
"""Places that may be selected at once."""

# By the range of `repository_path` of each place, and the primary key of holdings. OFFSET keeps the
# planner from reading all blobs of all registries for the few that are held.
_SELECTION = """
WITH member AS MATERIALIZED (
    SELECT DISTINCT found.*
      FROM unnest(%(paths)s::text[]) AS asked (path)
     CROSS JOIN LATERAL (
        SELECT id, complete, tag_count, manifest_count, dangling_count, apparent_bytes
          FROM registry_browser_repository
         WHERE registry_id = %(registry)s AND gone_at IS NULL AND path = asked.path COLLATE "C"
     UNION ALL
        SELECT id, complete, tag_count, manifest_count, dangling_count, apparent_bytes
          FROM registry_browser_repository
         WHERE registry_id = %(registry)s AND gone_at IS NULL
           AND path > (asked.path || '/') COLLATE "C" AND path < (asked.path || '0') COLLATE "C"
         ) found),
held AS (
    SELECT holding.blob_id, count(*) AS holders, bool_or(holding.live) AS live
      FROM member JOIN registry_browser_repositoryblob holding ON holding.repository_id = member.id
     GROUP BY holding.blob_id)
SELECT places.*, bytes.*
  FROM (SELECT count(*)::int AS repositories,
               count(*) FILTER (WHERE NOT complete)::int AS incomplete,
               coalesce(sum(tag_count), 0)::int AS tags,
               coalesce(sum(manifest_count), 0)::int AS manifests,
               coalesce(sum(dangling_count), 0)::int AS dangling,
               coalesce(sum(apparent_bytes), 0)::bigint AS apparent_bytes
          FROM member) places
 CROSS JOIN (
    SELECT coalesce(sum(blob.stored_bytes), 0)::bigint AS stored_bytes,
           coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = held.holders), 0)::bigint
             AS exclusive_bytes,
           coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = held.holders
             AND NOT held.live), 0)::bigint AS reclaimable_bytes
      FROM held
     CROSS JOIN LATERAL (SELECT stored_bytes, holders FROM registry_browser_blob
                          WHERE id = held.blob_id OFFSET 0) blob) bytes
"""


def selection_figures(registry: Registry, paths: Sequence[str]) -> SpaceFigures:
    """The figures of all repositories at and below any of `paths`; one statement."""
    [row] = fetch(SpaceFigures, _SELECTION, {"registry": registry.pk, "paths": list(paths)[:MOST]})
    return row
