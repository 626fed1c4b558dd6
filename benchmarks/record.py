"""A generated record as large as DESIGN section 9 asks for, made in the database in a few minutes.

100,000 manifests with 1,000,000 layer references in 10,000 repositories, one of which has 20,000
tags, and a ledger of 1,000,000 events. Content is made by arithmetic: images of a repository share
three layers, repositories share forty bases of five, and each image has layers of its own. States
and figures are then computed by the sync's own code, as after a first sync.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from registry_browser.history.seals import seal_all
from registry_browser.models import Registry, Repository, RunState, SyncRun, SyncTrigger
from registry_browser.models.tagsort import sort_key
from registry_browser.sync.figures import counts, liveness
from registry_browser.sync.figures.bases import refresh_bases

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
BIG = "ml/ranking/nightly"
"""The repository with 20,000 tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large: `bases` repositories of base images, `plain` ones of eight manifests each, and one
    of `tags` images. Each tag has moved `moves` times.
    """

    bases: int = 40
    plain: int = 10_000
    tags: int = 20_000
    moves: int = 16


_REPOSITORIES = """
INSERT INTO registry_browser_repository (
    id, registry_id, path, first_seen_at, synced_at, tags_complete_at, listed_by, lists_untagged,
    untagged_known_since, complete, incomplete_reason, problems, tag_count, manifest_count,
    dangling_count, apparent_bytes, stored_bytes, exclusive_bytes, reclaimable_bytes, changed_at)
SELECT %(first_repository)s + n, %(registry)s,
       CASE WHEN n < %(bases)s THEN format('platform/base-%%s', n)
            WHEN n = %(bases)s THEN %(big)s
            ELSE format('team-%%s/project-%%s/app-%%s', n %% 60, n %% 900, n) END,
       %(now)s - interval '90 days', %(now)s, %(now)s, 'tags/list', false,
       %(now)s - interval '90 days', n %% 1000 <> 7, CASE WHEN n %% 1000 = 7
         THEN '403: the token lacks pull' ELSE '' END, '[]', 0, 0, 0, 0, 0, 0, 0, %(now)s
  FROM generate_series(0, %(repositories)s - 1) n
"""

# Kinds of a plain repository's eight: 0-2 tagged images, 3-4 children of the index 6, 5 a dangling
# image, 7 a signature of 0.
_PLAN = """
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
SELECT %(first_manifest)s + row_number() OVER (ORDER BY repository, slot) AS id, repository, slot,
       kind, 'sha256:' || encode(sha256(format('%%s manifest %%s %%s', %(seed)s, repository, slot)
         ::bytea), 'hex') COLLATE "C" AS digest
  FROM (SELECT n AS repository, 0 AS slot, 'base' AS kind
          FROM generate_series(0, %(bases)s - 1) n
         UNION ALL
        SELECT %(bases)s, slot, 'big' FROM generate_series(0, %(tags)s - 1) slot
         UNION ALL
        SELECT n, slot, (ARRAY['image', 'image', 'image', 'child', 'child', 'dangling', 'index',
                               'signature'])[slot + 1]
          FROM generate_series(%(bases)s + 1, %(repositories)s - 1) n, generate_series(0, 7) slot
       ) made;
CREATE TEMPORARY TABLE layer ON COMMIT DROP AS
SELECT plan.id AS manifest, position,
       CASE WHEN kind = 'signature' THEN format('signed %%s %%s', plan.id, %(seed)s)
            WHEN position < 5 THEN format('base %%s %%s', repository %% %(bases)s, position)
            WHEN position < 8 THEN format('app %%s %%s %%s', repository, position, %(seed)s)
            WHEN kind = 'big' AND position < 11 THEN format('big %%s %%s', slot / 10, position)
            ELSE format('own %%s %%s %%s', plan.id, position, %(seed)s) END AS name,
       CASE WHEN position < 5 AND kind <> 'signature'
              THEN (repository %% %(bases)s) * 100 + position
            WHEN position < 8 THEN 1000000000 + repository::bigint * 100 + position
            ELSE 1000000000000 + plan.id * 100 + position END AS chain
  FROM plan
 CROSS JOIN LATERAL generate_series(0, CASE kind WHEN 'base' THEN 4 WHEN 'index' THEN -1
   WHEN 'signature' THEN 0 WHEN 'big' THEN 13 ELSE 11 END) position;
ANALYZE plan;
ANALYZE layer
"""

_MANIFESTS = """
INSERT INTO registry_browser_manifest (
    id, registry_id, digest, kind, media_type, artifact_type, body_bytes, content_bytes, pull_bytes,
    config_digest, subject, os, architecture, variant, os_version, image_created_at, annotations,
    problem, stored_at, chain)
SELECT plan.id, %(registry)s, plan.digest,
       CASE plan.kind WHEN 'index' THEN 'index' WHEN 'signature' THEN 'artifact' ELSE 'image' END,
       CASE plan.kind WHEN 'index' THEN 'application/vnd.oci.image.index.v1+json'
            ELSE 'application/vnd.oci.image.manifest.v1+json' END,
       CASE plan.kind WHEN 'signature' THEN 'application/vnd.dev.cosign.artifact.sig.v1+json'
            ELSE '' END, 2400, 0, 0, '',
       CASE plan.kind WHEN 'signature' THEN signed.digest ELSE '' END,
       'linux', CASE WHEN plan.slot = 4 THEN 'arm64' ELSE 'amd64' END, '', '',
       %(now)s - plan.slot * interval '1 hour', '{}', '', %(now)s, top.chain
  FROM plan
  LEFT JOIN plan signed ON signed.id = plan.id - 7
  LEFT JOIN (SELECT DISTINCT ON (manifest) manifest, chain FROM layer
              ORDER BY manifest, position DESC) top ON top.manifest = plan.id
"""

_BLOBS = """
CREATE TEMPORARY TABLE link ON COMMIT DROP AS
SELECT manifest, 1 AS role, position, chain, 'sha256:' || encode(sha256(name::bytea), 'hex')
         COLLATE "C" AS digest, 100000 + abs(hashtext(name)) %% 60000000 AS size,
       'application/vnd.oci.image.layer.v1.tar+gzip' AS media_type
  FROM layer
 UNION ALL
SELECT id, 2, 0, NULL, 'sha256:' || encode(sha256(format('config %%s %%s', id, %(seed)s)::bytea),
         'hex'), 3000, 'application/vnd.oci.image.config.v1+json'
  FROM plan WHERE kind NOT IN ('index', 'signature')
 UNION ALL
SELECT id, 3, 0, NULL, digest, 2400, 'application/vnd.oci.image.manifest.v1+json' FROM plan;
INSERT INTO registry_browser_blob (registry_id, digest, size, stored_bytes, media_type, holders,
  live_holders)
SELECT DISTINCT ON (digest) %(registry)s, digest, size, size, media_type, 0, 0
  FROM link ORDER BY digest;
ANALYZE link;
ANALYZE registry_browser_blob;
INSERT INTO registry_browser_manifestblob (manifest_id, blob_id, role, position, chain)
SELECT link.manifest, blob.id, link.role, link.position, link.chain
  FROM link JOIN registry_browser_blob blob
    ON blob.digest = link.digest AND blob.registry_id = %(registry)s;
UPDATE registry_browser_manifest manifest
   SET content_bytes = held.bytes, pull_bytes = held.bytes,
       config_digest = coalesce(held.config, '')
  FROM (SELECT manifest, sum(size) FILTER (WHERE role < 3) AS bytes,
               max(digest) FILTER (WHERE role = 2) AS config FROM link GROUP BY manifest) held
 WHERE manifest.id = held.manifest AND held.bytes IS NOT NULL
"""

_AROUND = """
INSERT INTO registry_browser_manifestchild (manifest_id, position, digest, media_type, size, os,
  architecture, variant, os_version, artifact_type, annotations, attests)
SELECT plan.id, child.slot - 3, child.digest, 'application/vnd.oci.image.manifest.v1+json', 2400,
       'linux', CASE WHEN child.slot = 4 THEN 'arm64' ELSE 'amd64' END, '', '', '', '{}', ''
  FROM plan JOIN plan child ON child.repository = plan.repository AND child.kind = 'child'
 WHERE plan.kind = 'index';
INSERT INTO registry_browser_manifestbody (manifest_id, body)
SELECT id, convert_to('{"schemaVersion": 2, "layers": []}', 'UTF8') FROM plan;
INSERT INTO registry_browser_imageconfig (blob_id, created_at, author, env, entrypoint, cmd, labels,
  ports, volumes, "user", working_dir, stop_signal, history, body)
SELECT blob.id, %(now)s, '', '["PATH=/usr/bin"]', '["/app"]', '[]', '{"team": "platform"}', '[]',
       '[]', '', '/', '', '[]', convert_to('{}', 'UTF8')
  FROM link JOIN registry_browser_blob blob
    ON blob.digest = link.digest AND blob.registry_id = %(registry)s
 WHERE link.role = 2;
INSERT INTO registry_browser_presence (repository_id, manifest_id, state, known_by, first_seen_at,
  last_seen_at, untagged_since)
SELECT %(first_repository)s + repository, id, 4, 'tag', %(now)s - (id %% 80) * interval '1 day',
       %(now)s, CASE WHEN kind = 'dangling' THEN %(now)s - (id %% 60) * interval '1 day' END
  FROM plan
"""

_TAGGED = """
SELECT %(first_repository)s + repository, id, digest,
       CASE kind WHEN 'base' THEN '1.0' WHEN 'big' THEN format('2026.%%s.%%s', slot / 100, slot)
            WHEN 'index' THEN 'latest' ELSE format('1.%%s', slot) END
  FROM plan WHERE kind IN ('base', 'big', 'image', 'index')
"""

# Each tag was created, and moved until it came to what it points to now.
_EVENTS = """
INSERT INTO registry_browser_tagevent (registry_id, repository_id, registry_name, path, tag, kind,
  old_digest, new_digest, not_before, seen_at, source, actor)
SELECT repository.registry_id, repository.id, registry.name, repository.path, tag.name,
       CASE move WHEN 0 THEN 'created' ELSE 'moved' END,
       CASE move WHEN 0 THEN '' ELSE past.before END,
       CASE move WHEN %(moves)s THEN manifest.digest ELSE past.after END,
       past.seen_at - interval '15 minutes', past.seen_at,
       CASE past.teller WHEN 0 THEN 'notification' ELSE 'sync' END,
       CASE past.teller WHEN 0 THEN format('ci-%%s', repository.id %% 40) ELSE '' END
  FROM registry_browser_tag tag
  JOIN registry_browser_repository repository ON repository.id = tag.repository_id
  JOIN registry_browser_registry registry ON registry.id = repository.registry_id
  JOIN registry_browser_manifest manifest ON manifest.id = tag.manifest_id
 CROSS JOIN generate_series(0, %(moves)s) move
 CROSS JOIN LATERAL (
       SELECT 'sha256:' || encode(sha256(format('%%s %%s', tag.id, move - 1)::bytea), 'hex')
                AS before,
              'sha256:' || encode(sha256(format('%%s %%s', tag.id, move)::bytea), 'hex') AS after,
              tag.changed_at - (%(moves)s - move) * interval '17 hours' AS seen_at,
              (tag.id + move) %% 3 AS teller) past
 WHERE repository.registry_id = %(registry)s
 ORDER BY past.seen_at, tag.id;
INSERT INTO registry_browser_tagspan (repository_id, tag, digest, since_not_before, since_seen_at,
  until_not_before, until_seen_at)
SELECT repository_id, tag, new_digest, not_before, seen_at,
       lead(not_before) OVER life, lead(seen_at) OVER life
  FROM registry_browser_tagevent WHERE registry_id = %(registry)s
WINDOW life AS (PARTITION BY repository_id, tag ORDER BY id)
"""


def generate(name: str, size: Size | None = None) -> Registry:
    """A registry called `name` with all its content. Base layers are the same under every name."""
    size = size or Size()
    registry = Registry.objects.create(
        name=name,
        url=f"https://{name}.example",
        dialect="distribution",
        created_at=NOW - timedelta(days=90),
        state="healthy",
        state_since=NOW - timedelta(days=90),
        synced_at=NOW,
        catalog_complete_at=NOW,
        complete=True,
        sync_interval=timedelta(minutes=15),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "registry": registry.pk,
            "seed": name,
            "now": NOW,
            "big": BIG,
            "bases": size.bases,
            "tags": size.tags,
            "moves": size.moves,
            "repositories": size.bases + 1 + size.plain,
            "first_repository": _next_id(cursor, "repository"),
            "first_manifest": _next_id(cursor, "manifest"),
        }
        for statement in (_REPOSITORIES, _PLAN, _MANIFESTS, _BLOBS, _AROUND):
            cursor.execute(statement, parameters)
        _store_tags(cursor, parameters)
        cursor.execute(_EVENTS, parameters)
        for table in ("repository", "manifest"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('registry_browser_{table}', 'id'),"
                f" (SELECT max(id) FROM registry_browser_{table}))"
            )
    _settle()
    _refresh(registry)
    _remember_runs(registry)
    _settle()
    return registry


def _next_id(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT nextval(pg_get_serial_sequence('registry_browser_{table}', 'id'))")
    (following,) = cursor.fetchone()
    return int(following)


def _store_tags(cursor: Any, parameters: dict[str, Any]) -> None:
    cursor.execute(_TAGGED, parameters)
    tagged = cursor.fetchall()
    with cursor.copy(
        "COPY registry_browser_tag (repository_id, manifest_id, name, sort_key, first_seen_at,"
        " changed_at) FROM STDIN"
    ) as copy:
        for row in _tag_rows(tagged):
            copy.write_row(row)


def _tag_rows(tagged: list[tuple[int, int, str, str]]) -> Iterator[tuple[Any, ...]]:
    for number, (repository, manifest, _, name) in enumerate(tagged):
        # Repositories change in turns, not one after the other.
        moment = NOW - timedelta(minutes=number * 7_919 % 100_000)
        yield repository, manifest, name, sort_key(name), moment, moment


def _refresh(registry: Registry) -> None:
    """States, figures and seals by the code that a sync and the schedule use."""
    repositories = list(Repository.objects.filter(registry=registry).values_list("pk", flat=True))
    liveness.refresh_states(registry.pk, dict.fromkeys(repositories, NOW))
    counts.refresh_repositories(repositories)
    _settle()
    counts.refresh_registry(registry)
    refresh_bases(registry, NOW)
    while seal_all(NOW):
        pass


def _remember_runs(registry: Registry) -> None:
    """Ninety days of runs, four a day, growing."""
    SyncRun.objects.bulk_create(
        SyncRun(
            registry=registry,
            trigger=SyncTrigger.SCHEDULE,
            state=RunState.DONE,
            created_at=moment,
            started_at=moment,
            finished_at=moment + timedelta(minutes=2),
            done=registry.repository_count,
            total=registry.repository_count,
            tag_count=registry.tag_count,
            manifest_count=registry.manifest_count,
            apparent_bytes=registry.apparent_bytes,
            stored_bytes=registry.stored_bytes * (1000 - number) // 1000,
            reclaimable_bytes=registry.reclaimable_bytes,
        )
        for number in reversed(range(360))
        for moment in [NOW - timedelta(hours=6 * number + 1)]
    )


def _settle() -> None:
    """What autovacuum would have done by the time people come to look."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
