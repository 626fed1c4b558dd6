"""Counts and bytes of repositories and registries, kept with the data they describe.

The ground is `RepositoryBlob`: how many present manifests of a repository refer to a blob, and how
many live ones. Each presence remembers as what it was counted there, so that only what changed is
counted again. From it come, as sums, all figures of DESIGN's section 1: a blob is exclusive to a
set when the set holds all its holders, and reclaimable when no holder is live. A change of one
repository can change figures of others (a layer stops being shared): a small change is followed in
`places`, to repositories, namespaces and the registry alike; after a large one, those that lost or
gained an exclusive blob are counted along.

Only one crawl a registry runs at a time (`CRAWL`), so the counts on blobs are never changed by
two at once.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from registry_browser.models import BlobRole, Counted, ManifestKind, PresenceState, Registry
from registry_browser.sync.figures.places import following, refresh_places

_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS presence_change (repository_id bigint, manifest_id bigint,
  counted smallint, held int, live int) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS holding_change (repository_id bigint, blob_id bigint,
  manifests int, live_manifests int, layer_manifests int, layer_places int, holder int,
  live_holder int, more_manifests int, more_places int) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS blob_change (blob_id bigint, holders int, live_holders int,
  layer_manifests int, layer_places int, moved boolean) ON COMMIT DELETE ROWS
"""

# What could not be parsed may need what it names: it is no reason to call a blob dangling. Its kind
# is looked up for what dangles alone; without OFFSET 0 Postgres writes `wanted` out four times, and
# an EXISTS it answers by reading all manifests, as many times.
_PRESENCE_CHANGES = """
INSERT INTO presence_change
SELECT repository_id, manifest_id, wanted,
       (wanted <> %(nothing)s)::int - (counted <> %(nothing)s)::int,
       (wanted = %(live)s)::int - (counted = %(live)s)::int
  FROM (SELECT presence.repository_id, presence.manifest_id, presence.counted,
               CASE WHEN presence.gone_at IS NOT NULL THEN %(nothing)s
                    WHEN presence.state <> %(dangling)s THEN %(live)s
                    WHEN (SELECT kind FROM registry_browser_manifest manifest
                           WHERE manifest.id = presence.manifest_id) = %(unparsed)s THEN %(live)s
                    ELSE %(held)s END AS wanted
          FROM registry_browser_presence presence
         WHERE presence.repository_id = ANY(%(repositories)s) OFFSET 0) presence
 WHERE wanted <> counted
"""

_COUNT_PRESENCES = """
UPDATE registry_browser_presence presence SET counted = change.counted
  FROM presence_change change
 WHERE presence.repository_id = change.repository_id AND presence.manifest_id = change.manifest_id
"""

_HOLDING_CHANGES = """
INSERT INTO holding_change
SELECT repository_id, blob_id, now.manifests, now.live_manifests, now.layer_manifests,
       now.layer_places, (now.manifests > 0)::int - (coalesce(was.manifests, 0) > 0)::int,
       (now.live_manifests > 0)::int - (coalesce(was.live_manifests, 0) > 0)::int,
       more.layer_manifests, more.layer_places
  FROM (SELECT repository_id, blob_id, sum(held) AS manifests, sum(live) AS live_manifests,
               coalesce(sum(held) FILTER (WHERE layers > 0), 0) AS layer_manifests,
               sum(held * layers) AS layer_places
          FROM (SELECT change.repository_id, link.blob_id, change.held, change.live,
                       count(*) FILTER (WHERE link.role = %(layer)s) AS layers
                  FROM presence_change change
                  JOIN registry_browser_manifestblob link USING (manifest_id)
                 GROUP BY change.repository_id, link.blob_id, manifest_id, change.held, change.live
               ) link
         GROUP BY repository_id, blob_id) more
  LEFT JOIN registry_browser_repositoryblob was USING (repository_id, blob_id)
 CROSS JOIN LATERAL (
       SELECT coalesce(was.manifests, 0) + more.manifests AS manifests,
              coalesce(was.live_manifests, 0) + more.live_manifests AS live_manifests,
              coalesce(was.layer_manifests, 0) + more.layer_manifests AS layer_manifests,
              coalesce(was.layer_places, 0) + more.layer_places AS layer_places) now
 WHERE (more.manifests, more.live_manifests, more.layer_manifests, more.layer_places)
       <> (0, 0, 0, 0)
"""

# A blob that one repository lost and another one gained has sums of zero, and moved all the same.
_BLOB_CHANGES = """
INSERT INTO blob_change
SELECT blob_id, sum(holder), sum(live_holder), sum(more_manifests), sum(more_places),
       bool_or(holder <> 0 OR live_holder <> 0)
  FROM holding_change GROUP BY blob_id
"""

# They were filled a moment ago: without this they are planned for as if they held thousands.
_ANALYZE_PRESENCES = "ANALYZE presence_change"
_ANALYZE = "ANALYZE holding_change; ANALYZE blob_change"

_DROP_HOLDINGS = """
DELETE FROM registry_browser_repositoryblob was USING holding_change change
 WHERE was.repository_id = change.repository_id AND was.blob_id = change.blob_id
   AND change.manifests = 0
"""

_KEEP_HOLDINGS = """
INSERT INTO registry_browser_repositoryblob (
    repository_id, blob_id, manifests, live_manifests, layer_manifests, layer_places)
SELECT repository_id, blob_id, manifests, live_manifests, layer_manifests, layer_places
  FROM holding_change WHERE manifests > 0
ON CONFLICT (repository_id, blob_id) DO UPDATE
   SET manifests = excluded.manifests, live_manifests = excluded.live_manifests,
       layer_manifests = excluded.layer_manifests, layer_places = excluded.layer_places
"""

# Repositories elsewhere whose exclusive or reclaimable bytes depend on a blob that changed hands:
# one holder became several, or several became one. What is new, or held no more, has none there.
_COUNT_HOLDERS = """
WITH counted AS (
    UPDATE registry_browser_blob blob
       SET holders = blob.holders + change.holders,
           live_holders = blob.live_holders + change.live_holders,
           layer_manifests = blob.layer_manifests + change.layer_manifests,
           layer_places = blob.layer_places + change.layer_places
      FROM blob_change change
     WHERE blob.id = change.blob_id
       AND (change.holders, change.live_holders, change.layer_manifests, change.layer_places)
           <> (0, 0, 0, 0)
    RETURNING blob.id, blob.holders AS now, blob.holders - change.holders AS was)
SELECT DISTINCT holding.repository_id
  FROM counted JOIN registry_browser_repositoryblob holding ON holding.blob_id = counted.id
 WHERE (counted.now = 1) <> (counted.was = 1) AND counted.now > 0 AND counted.was > 0
   AND holding.repository_id <> ALL(%(repositories)s)
"""

_REPOSITORY_BYTES = """
UPDATE registry_browser_repository repository
   SET stored_bytes = figure.stored, exclusive_bytes = figure.exclusive,
     reclaimable_bytes = figure.reclaimable
  FROM (SELECT wanted.id, coalesce(sum(blob.stored_bytes), 0) AS stored,
               coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = 1), 0) AS exclusive,
               coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = 1
                 AND NOT holding.live), 0) AS reclaimable
          FROM unnest(%(repositories)s::bigint[]) AS wanted (id)
          LEFT JOIN registry_browser_repositoryblob holding ON holding.repository_id = wanted.id
          LEFT JOIN registry_browser_blob blob ON blob.id = holding.blob_id
         GROUP BY wanted.id) figure
 WHERE repository.id = figure.id
   AND (repository.stored_bytes, repository.exclusive_bytes, repository.reclaimable_bytes)
       <> (figure.stored, figure.exclusive, figure.reclaimable)
"""

_REPOSITORY_COUNTS = """
UPDATE registry_browser_repository repository
   SET tag_count = tags.total, manifest_count = manifests.total, child_count = manifests.children,
       referrer_count = manifests.referrers, dangling_count = manifests.dangling,
       kept_count = manifests.kept, unparsed_count = manifests.unparsed,
       oldest_dangling_at = manifests.oldest_dangling_at,
       apparent_bytes = manifests.apparent
  FROM unnest(%(repositories)s::bigint[]) AS wanted (id)
  CROSS JOIN LATERAL (SELECT count(*) AS total FROM registry_browser_tag
    WHERE repository_id = wanted.id) tags
  CROSS JOIN LATERAL (
      SELECT count(*) AS total, count(*) FILTER (WHERE state = %(child)s) AS children,
             count(*) FILTER (WHERE state = %(referrer)s) AS referrers,
             count(*) FILTER (WHERE state = %(kept)s) AS kept,
             count(*) FILTER (WHERE state = %(dangling)s AND kind <> %(unparsed)s) AS dangling,
             count(*) FILTER (WHERE state = %(dangling)s AND kind = %(unparsed)s) AS unparsed,
             min(coalesce(untagged_since, first_seen_at))
               FILTER (WHERE state = %(dangling)s AND kind <> %(unparsed)s) AS oldest_dangling_at,
             coalesce(sum(content_bytes + body_bytes), 0) AS apparent
        FROM registry_browser_presence presence JOIN registry_browser_manifest manifest
          ON manifest.id = presence.manifest_id
       WHERE presence.repository_id = wanted.id AND presence.gone_at IS NULL) manifests
 WHERE repository.id = wanted.id
"""

_REGISTRY = """
UPDATE registry_browser_registry registry
   SET repository_count = places.repositories, incomplete_count = places.incomplete,
       tag_count = places.tags, dangling_count = places.dangling,
       apparent_bytes = places.apparent, manifest_count = places.manifests
  FROM (SELECT count(*) AS repositories, count(*) FILTER (WHERE NOT complete) AS incomplete,
               coalesce(sum(tag_count), 0) AS tags, coalesce(sum(manifest_count), 0) AS manifests,
               coalesce(sum(dangling_count), 0) AS dangling, coalesce(sum(apparent_bytes), 0)
                 AS apparent
          FROM registry_browser_repository WHERE registry_id = %(registry)s
            AND gone_at IS NULL) places
 WHERE registry.id = %(registry)s
"""


def refresh_repositories(repositories: Sequence[int]) -> None:
    """Bring counts and bytes of `repositories` up to date, the bytes of those that share blobs with
    them, and the bytes of every namespace and registry that this concerns.

    What the bytes cost follows from how many manifests came, went or changed their state, not from
    how many there are.
    """
    wanted = list(repositories)
    parameters: dict[str, Any] = {
        "repositories": wanted,
        "nothing": Counted.NOTHING.value,
        "held": Counted.HELD.value,
        "live": Counted.LIVE.value,
        "child": PresenceState.CHILD.value,
        "referrer": PresenceState.REFERRER.value,
        "dangling": PresenceState.DANGLING.value,
        "kept": PresenceState.KEPT.value,
        "unparsed": ManifestKind.UNPARSED.value,
        "layer": BlobRole.LAYER.value,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)
        cursor.execute(_PRESENCE_CHANGES, parameters)
        if cursor.rowcount:
            _refresh_bytes(cursor, parameters)
        cursor.execute(_REPOSITORY_COUNTS, parameters)


def _refresh_bytes(cursor: Any, parameters: dict[str, Any]) -> None:
    wanted: list[int] = parameters["repositories"]
    for statement in (_ANALYZE_PRESENCES, _HOLDING_CHANGES, _BLOB_CHANGES, _ANALYZE):
        cursor.execute(statement, parameters)
    with following(cursor, wanted) as is_followed:
        for statement in (_COUNT_PRESENCES, _DROP_HOLDINGS, _KEEP_HOLDINGS):
            cursor.execute(statement, parameters)
        cursor.execute(_COUNT_HOLDERS, parameters)
        touched = [repository for (repository,) in cursor.fetchall()]
    if not is_followed:
        cursor.execute(_REPOSITORY_BYTES, {"repositories": wanted + touched})
    for table in ("presence_change", "holding_change", "blob_change"):
        cursor.execute(f"DELETE FROM {table}")


def refresh_registry(registry: Registry, *, anew: bool = False) -> None:
    """Bring the registry's own figures up to date, and those of its namespaces.

    Bytes have followed each change already, unless so much changed at once that they are due to be
    counted; `anew` counts them all in any case.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_REGISTRY, {"registry": registry.pk})
        if refresh_places(cursor, registry.pk, anew=anew):
            everywhere = list(registry.repositories.values_list("pk", flat=True))
            cursor.execute(_REPOSITORY_BYTES, {"repositories": everywhere})
    registry.refresh_from_db()
