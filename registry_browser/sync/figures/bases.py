"""Likely base images: where the layers of several images stop being the same.

Each layer's chain names it with all layers below it. Chains that several images have form trees,
and a base is where a tree branches: more images agree up to here than up to any layer above.
Counting reads every reference of the registry once, so it is done at the end of a run, not for a
page.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from registry_browser.models import Registry

# `images` has each present manifest once, however many repositories it is in. One example of each
# chain tells which chain is below.
_SHARED = """
CREATE TEMPORARY TABLE IF NOT EXISTS shared_chain (chain bigint, images int, example bigint,
  position int, below bigint) ON COMMIT DELETE ROWS;
DELETE FROM shared_chain;
INSERT INTO shared_chain
SELECT counted.chain, counted.images, counted.example, counted.position, below.chain
  FROM (SELECT link.chain, count(*) AS images, min(link.manifest_id) AS example,
               min(link.position) AS position
          FROM registry_browser_manifestblob link
          JOIN registry_browser_manifest manifest ON manifest.id = link.manifest_id
         WHERE link.role = 1 AND manifest.registry_id = %(registry)s
           AND EXISTS (SELECT FROM registry_browser_presence presence
                        WHERE presence.manifest_id = manifest.id AND presence.gone_at IS NULL)
         GROUP BY link.chain HAVING count(*) > 1) counted
  LEFT JOIN registry_browser_manifestblob below
    ON below.manifest_id = counted.example AND below.role = 1
   AND below.position = counted.position - 1;
ANALYZE shared_chain
"""

# Images that end at a chain do not stand on it; they are it. Their tag is that of the index where
# they are one platform of several.
_BASES = """
WITH branching AS (
    SELECT shared.*, shared.images - coalesce(whole.images, 0) AS standing
      FROM shared_chain shared
      LEFT JOIN (SELECT below, max(images) AS images FROM shared_chain GROUP BY below) above
        ON above.below = shared.chain
      LEFT JOIN LATERAL (
        SELECT count(*) AS images FROM registry_browser_manifest manifest
         WHERE manifest.chain = shared.chain AND manifest.registry_id = %(registry)s
           AND EXISTS (SELECT FROM registry_browser_presence presence
                        WHERE presence.manifest_id = manifest.id AND presence.gone_at IS NULL)
      ) whole ON true
     WHERE coalesce(above.images, 1) < shared.images)
INSERT INTO registry_browser_baseimage (
    registry_id, chain, top_layer, layers, stored_bytes, images, repositories, path, tag, digest,
    counted_at)
SELECT %(registry)s, branching.chain, top.digest, branching.position + 1, bytes.stored,
       branching.standing, places.repositories, coalesce(seen.path, ''), coalesce(seen.tag, ''),
       coalesce(seen.digest, ''), %(now)s
  FROM (SELECT * FROM branching WHERE standing > 0
         ORDER BY standing DESC, position DESC, chain LIMIT %(kept)s) branching
  JOIN registry_browser_manifestblob top_link
    ON top_link.manifest_id = branching.example AND top_link.role = 1
   AND top_link.position = branching.position
  JOIN registry_browser_blob top ON top.id = top_link.blob_id
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(stored_bytes), 0) AS stored
      FROM (SELECT DISTINCT blob.id, blob.stored_bytes
              FROM registry_browser_manifestblob link
              JOIN registry_browser_blob blob ON blob.id = link.blob_id
             WHERE link.manifest_id = branching.example AND link.role = 1
               AND link.position <= branching.position) layer) bytes
 CROSS JOIN LATERAL (
    SELECT count(DISTINCT presence.repository_id) AS repositories
      FROM registry_browser_manifestblob link
      JOIN registry_browser_manifest manifest
        ON manifest.id = link.manifest_id AND manifest.chain <> branching.chain
      JOIN registry_browser_presence presence
        ON presence.manifest_id = link.manifest_id AND presence.gone_at IS NULL
     WHERE link.blob_id = top_link.blob_id AND link.role = 1
       AND link.chain = branching.chain) places
  LEFT JOIN LATERAL (
    SELECT repository.path, manifest.digest, (
             SELECT tag.name FROM registry_browser_tag tag
              WHERE tag.repository_id = repository.id
                AND (tag.manifest_id = manifest.id OR tag.manifest_id IN (
                      SELECT child.manifest_id FROM registry_browser_manifestchild child
                       WHERE child.digest = manifest.digest))
              ORDER BY tag.first_seen_at, tag.sort_key DESC, tag.name DESC LIMIT 1) AS tag
      FROM registry_browser_manifest manifest
      JOIN registry_browser_presence presence
        ON presence.manifest_id = manifest.id AND presence.gone_at IS NULL
      JOIN registry_browser_repository repository ON repository.id = presence.repository_id
     WHERE manifest.chain = branching.chain AND manifest.registry_id = %(registry)s
     ORDER BY presence.first_seen_at, manifest.id, repository.path LIMIT 1) seen ON true
"""

KEPT = 500
"""Bases of a registry that are kept, those with the most images."""


def refresh_bases(registry: Registry, now: datetime) -> None:
    """Find the likely base images of the registry anew."""
    parameters: dict[str, Any] = {"registry": registry.pk, "now": now, "kept": KEPT}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SHARED, parameters)
        cursor.execute(
            "DELETE FROM registry_browser_baseimage WHERE registry_id = %(registry)s", parameters
        )
        cursor.execute(_BASES, parameters)
