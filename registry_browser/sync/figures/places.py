"""What a change means for every place: bytes follow it, or are counted anew after too large a one.

A place is a set of repositories: the registry, a namespace, or a repository alone. What one changed
blob means for it follows from the blob's holders inside and outside alone, so a small change is
followed: for each changed blob, what every place had of it is taken off before the change, and what
it has is added after. That costs as much as the changed blobs have holders. A first sync changes
everything: then the registry is marked as due: its bytes and those of its namespaces are counted
once, when the run ends.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

FOLLOWED = 100_000
"""Holders of changed blobs that are worth following; counting anew reads every holding."""

_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS namespace_shift (id bigint, stored bigint, exclusive bigint,
  reclaimable bigint) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS repository_shift (id bigint, stored bigint, exclusive bigint,
  reclaimable bigint) ON COMMIT DELETE ROWS
"""

_IS_WORTH_FOLLOWING = """
SELECT NOT registry.bytes_due
       AND (SELECT count(*) FROM blob_change) < %(followed)s
       AND (SELECT coalesce(sum(blob.holders), 0) FROM blob_change change
              JOIN registry_browser_blob blob ON blob.id = change.blob_id
             WHERE change.moved) < %(followed)s
  FROM registry_browser_registry registry
 WHERE registry.id = %(registry)s
"""

_HELD = """
CREATE TEMPORARY TABLE IF NOT EXISTS moved_holding (repository_id bigint, blob_id bigint,
  live boolean, holders int, stored_bytes bigint) ON COMMIT DELETE ROWS;
DELETE FROM moved_holding;
INSERT INTO moved_holding
SELECT holding.repository_id, holding.blob_id, holding.live, blob.holders, blob.stored_bytes
  FROM blob_change change
  JOIN registry_browser_blob blob ON blob.id = change.blob_id
  JOIN registry_browser_repositoryblob holding ON holding.blob_id = change.blob_id
 WHERE change.moved;
ANALYZE moved_holding
"""

_SHIFT_REPOSITORIES = """
INSERT INTO repository_shift
SELECT repository_id, %(sign)s * sum(stored_bytes),
       %(sign)s * coalesce(sum(stored_bytes) FILTER (WHERE holders = 1), 0),
       %(sign)s * coalesce(sum(stored_bytes) FILTER (WHERE holders = 1 AND NOT live), 0)
  FROM moved_holding GROUP BY repository_id
"""

# A repository is in the namespaces above it, and in the one of its own path where that is one.
_SHIFT_NAMESPACES = """
INSERT INTO namespace_shift
SELECT namespace_id, %(sign)s * sum(stored_bytes),
       %(sign)s * coalesce(sum(stored_bytes) FILTER (WHERE holders = inside), 0),
       %(sign)s * coalesce(sum(stored_bytes) FILTER (WHERE holders = inside AND NOT live), 0)
  FROM (SELECT space.id AS namespace_id, held.blob_id, held.holders, held.stored_bytes,
               count(*) AS inside, bool_or(held.live) AS live
          FROM moved_holding held
          JOIN registry_browser_repository repository ON repository.id = held.repository_id
         CROSS JOIN LATERAL string_to_array(repository.path, '/') parts
         CROSS JOIN LATERAL generate_series(1, cardinality(parts)) depth
          JOIN registry_browser_namespace space
            ON space.registry_id = repository.registry_id
           AND space.path = array_to_string(parts[1:depth], '/') COLLATE "C"
         GROUP BY space.id, held.blob_id, held.holders, held.stored_bytes) placed
 GROUP BY namespace_id
"""

# All holders of a blob are in the registry.
_SHIFT_REGISTRIES = """
UPDATE registry_browser_registry registry
   SET stored_bytes = registry.stored_bytes + %(sign)s * held.stored,
       reclaimable_bytes = registry.reclaimable_bytes + %(sign)s * held.reclaimable
  FROM (SELECT blob.registry_id, sum(blob.stored_bytes) AS stored,
               coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.live_holders = 0), 0)
                 AS reclaimable
          FROM blob_change change JOIN registry_browser_blob blob ON blob.id = change.blob_id
         WHERE change.moved AND blob.holders > 0
         GROUP BY blob.registry_id) held
 WHERE registry.id = held.registry_id
"""

_APPLY = """
UPDATE registry_browser_{place} place
   SET stored_bytes = place.stored_bytes + shift.stored,
       exclusive_bytes = place.exclusive_bytes + shift.exclusive,
       reclaimable_bytes = place.reclaimable_bytes + shift.reclaimable
  FROM (SELECT id, sum(stored) AS stored, sum(exclusive) AS exclusive,
               sum(reclaimable) AS reclaimable
          FROM {place}_shift GROUP BY id) shift
 WHERE place.id = shift.id AND (shift.stored, shift.exclusive, shift.reclaimable) <> (0, 0, 0)
"""

_MEMBERS = """
CREATE TEMPORARY TABLE IF NOT EXISTS namespace_member (path text COLLATE "C", repository_id bigint)
  ON COMMIT DELETE ROWS;
DELETE FROM namespace_member;
INSERT INTO namespace_member
SELECT array_to_string(parts[1:depth], '/'), repository.id
  FROM registry_browser_repository repository
 CROSS JOIN LATERAL string_to_array(repository.path, '/') parts
 CROSS JOIN LATERAL generate_series(1, cardinality(parts) - 1) depth
 WHERE repository.registry_id = %(registry)s AND repository.gone_at IS NULL;
INSERT INTO namespace_member
SELECT repository.path, repository.id
  FROM registry_browser_repository repository
 WHERE repository.registry_id = %(registry)s AND repository.gone_at IS NULL
   AND EXISTS (SELECT FROM namespace_member member WHERE member.path = repository.path);
ANALYZE namespace_member
"""

_DROP_EMPTY = """
DELETE FROM registry_browser_namespace space
 WHERE space.registry_id = %(registry)s
   AND NOT EXISTS (SELECT FROM namespace_member member WHERE member.path = space.path)
"""

_COUNTS = """
WITH counted AS (
    SELECT member.path, count(*) AS repositories,
           count(*) FILTER (WHERE NOT repository.complete) AS incomplete,
           sum(repository.tag_count) AS tags, sum(repository.manifest_count) AS manifests,
           sum(repository.dangling_count) AS dangling,
           sum(repository.apparent_bytes) AS apparent
      FROM namespace_member member
      JOIN registry_browser_repository repository ON repository.id = member.repository_id
     GROUP BY member.path),
kept AS (
    INSERT INTO registry_browser_namespace AS space (
        registry_id, path, repository_count, incomplete_count, tag_count, manifest_count,
        dangling_count, apparent_bytes, stored_bytes, exclusive_bytes, reclaimable_bytes)
    SELECT %(registry)s, path, repositories, incomplete, tags, manifests, dangling, apparent,
           0, 0, 0
      FROM counted
    ON CONFLICT (registry_id, path) DO UPDATE
       SET repository_count = excluded.repository_count,
           incomplete_count = excluded.incomplete_count,
           tag_count = excluded.tag_count, manifest_count = excluded.manifest_count,
           dangling_count = excluded.dangling_count, apparent_bytes = excluded.apparent_bytes
     WHERE (space.repository_count, space.incomplete_count, space.tag_count,
            space.manifest_count, space.dangling_count, space.apparent_bytes)
           <> (excluded.repository_count, excluded.incomplete_count, excluded.tag_count,
               excluded.manifest_count, excluded.dangling_count, excluded.apparent_bytes)
    RETURNING space.path, space.xmax = 0 AS is_new)
SELECT path FROM kept WHERE is_new
"""

_REGISTRY_BYTES = """
UPDATE registry_browser_registry registry
   SET stored_bytes = bytes.stored, reclaimable_bytes = bytes.reclaimable, bytes_due = false
  FROM (SELECT coalesce(sum(stored_bytes), 0) AS stored,
               coalesce(sum(stored_bytes) FILTER (WHERE live_holders = 0), 0) AS reclaimable
          FROM registry_browser_blob WHERE registry_id = %(registry)s AND holders > 0) bytes
 WHERE registry.id = %(registry)s
"""

_NAMESPACE_BYTES = """
WITH held AS (
    SELECT member.path, holding.blob_id, count(*) AS holders, bool_or(holding.live) AS live
      FROM namespace_member member
      JOIN registry_browser_repositoryblob holding ON holding.repository_id = member.repository_id
     WHERE %(all)s OR member.path = ANY(%(paths)s::text[])
     GROUP BY member.path, holding.blob_id),
summed AS (
    SELECT held.path, sum(blob.stored_bytes) AS stored,
           coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = held.holders), 0)
             AS exclusive,
           coalesce(sum(blob.stored_bytes) FILTER (WHERE blob.holders = held.holders
             AND NOT held.live), 0) AS reclaimable
      FROM held JOIN registry_browser_blob blob ON blob.id = held.blob_id GROUP BY held.path)
UPDATE registry_browser_namespace space
   SET stored_bytes = coalesce(summed.stored, 0), exclusive_bytes = coalesce(summed.exclusive, 0),
       reclaimable_bytes = coalesce(summed.reclaimable, 0)
  FROM (SELECT DISTINCT path FROM namespace_member
         WHERE %(all)s OR path = ANY(%(paths)s::text[])) member
  LEFT JOIN summed USING (path)
 WHERE space.registry_id = %(registry)s AND space.path = member.path
"""

_DUE = "UPDATE registry_browser_registry SET bytes_due = true WHERE id = %(registry)s"


@contextmanager
def following(cursor: Any, repositories: Sequence[int]) -> Iterator[bool]:
    """While holdings and holders of the blobs in `blob_change` change, have the bytes of all places
    follow. Where that is not worth it, this is False, and the bytes are due.
    """
    cursor.execute(
        "SELECT DISTINCT registry_id FROM registry_browser_repository WHERE id = ANY(%s)",
        [list(repositories)],
    )
    registries = [registry for (registry,) in cursor.fetchall()]
    is_followed = all(_is_worth_following(cursor, registry) for registry in registries)
    if is_followed:
        cursor.execute(_TEMPORARY)
        _shift(cursor, -1)
    else:
        for registry in registries:
            cursor.execute(_DUE, {"registry": registry})
    yield is_followed
    if is_followed:
        _shift(cursor, 1)
        for place in ("repository", "namespace"):
            cursor.execute(_APPLY.format(place=place))
            cursor.execute(f"DELETE FROM {place}_shift")


def _shift(cursor: Any, sign: int) -> None:
    cursor.execute(_HELD)
    for statement in (_SHIFT_REPOSITORIES, _SHIFT_NAMESPACES, _SHIFT_REGISTRIES):
        cursor.execute(statement, {"sign": sign})


def refresh_places(cursor: Any, registry: int, *, anew: bool) -> bool:
    """Bring counts of all namespaces up to date, and the bytes of those that are new; of all, and
    of the registry, where they are due or `anew` is asked for. Returns whether it was so.
    """
    parameters: dict[str, Any] = {"registry": registry}
    cursor.execute(
        "SELECT bytes_due FROM registry_browser_registry WHERE id = %(registry)s", parameters
    )
    (due,) = cursor.fetchone()
    cursor.execute(_MEMBERS, parameters)
    cursor.execute(_DROP_EMPTY, parameters)
    cursor.execute(_COUNTS, parameters)
    new = [path for (path,) in cursor.fetchall()]
    if new or due or anew:
        cursor.execute(_NAMESPACE_BYTES, {**parameters, "all": due or anew, "paths": new})
    if due or anew:
        cursor.execute(_REGISTRY_BYTES, parameters)
    return bool(due or anew)


def _is_worth_following(cursor: Any, registry: int) -> bool:
    cursor.execute(_IS_WORTH_FOLLOWING, {"registry": registry, "followed": FOLLOWED})
    (is_worth,) = cursor.fetchone()
    return bool(is_worth)
