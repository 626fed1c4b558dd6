"""Immutable content into the record, in bulk: COPY into temporary tables, then one INSERT a table.

Everything is named by digest, so storing the same content again changes nothing: a batch that a
killed worker left half done, or that is delivered twice, ends in the same rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction

from registry_browser.models import BlobRole, Manifest
from registry_browser.models.chains import chains, top_chain
from registry_browser.oci.config import HistoryStep, ImageConfig
from registry_browser.oci.manifest import Child, Descriptor, Platform
from registry_browser.sync.observed import ObservedContent

Row = tuple[Any, ...]

_TEMPORARY = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_manifest (
    number int, digest text COLLATE "C", kind text, media_type text, artifact_type text,
      body_bytes int,
      content_bytes bigint,
    config_digest text, subject text, os text, architecture text, variant text, os_version text,
    image_created_at timestamptz, annotations jsonb, problem text, chain bigint, body bytea
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_blob (
    number int, digest text COLLATE "C", size bigint, stored_bytes bigint, media_type text
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_link (
    manifest int, role smallint, position int, blob int, chain bigint
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_child (
    manifest int, position int, digest text COLLATE "C", media_type text, size bigint,
      os text,
    architecture text, variant text, os_version text, artifact_type text, annotations jsonb,
      attests text
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_config (
    blob int, created_at timestamptz, author text, env jsonb, entrypoint jsonb,
      cmd jsonb, labels jsonb,
    ports jsonb, volumes jsonb, "user" text, working_dir text, stop_signal text, history jsonb,
      body bytea
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS added_manifest (id bigint, number int)
  ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS known_blob (id bigint, number int)
  ON COMMIT DELETE ROWS;
DELETE FROM incoming_manifest;
DELETE FROM incoming_blob;
DELETE FROM incoming_link;
DELETE FROM incoming_child;
DELETE FROM incoming_config;
DELETE FROM added_manifest;
DELETE FROM known_blob;
"""

_MANIFESTS = """
WITH added AS (
    INSERT INTO registry_browser_manifest (
        registry_id, digest, kind, media_type, artifact_type, body_bytes, content_bytes,
          pull_bytes, config_digest, subject,
        os, architecture, variant, os_version, image_created_at, annotations, problem, chain,
          stored_at)
    SELECT %(registry)s, digest, kind, media_type, artifact_type, body_bytes, content_bytes,
           content_bytes, config_digest, subject, os, architecture, variant, os_version,
             image_created_at, annotations,
           problem, chain, %(now)s
      FROM incoming_manifest ORDER BY digest
    ON CONFLICT (digest, registry_id) DO NOTHING
    RETURNING id, digest)
INSERT INTO added_manifest
SELECT added.id, incoming.number FROM added JOIN incoming_manifest incoming USING (digest)
"""

_BODIES = """
INSERT INTO registry_browser_manifestbody (manifest_id, body)
SELECT added.id, incoming.body
  FROM added_manifest added JOIN incoming_manifest incoming USING (number)
"""

_BLOBS = """
INSERT INTO registry_browser_blob (registry_id, digest, size, stored_bytes, media_type, holders,
  live_holders)
SELECT %(registry)s, digest, size, stored_bytes, media_type, 0, 0
  FROM incoming_blob ORDER BY digest
ON CONFLICT (digest, registry_id) DO UPDATE
      SET stored_bytes = excluded.stored_bytes, size = excluded.size
      WHERE registry_browser_blob.stored_bytes = 0 AND excluded.stored_bytes > 0
"""

_KNOWN_BLOBS = """
INSERT INTO known_blob
SELECT blob.id, incoming.number
  FROM incoming_blob incoming
  JOIN registry_browser_blob blob
    ON blob.registry_id = %(registry)s AND blob.digest = incoming.digest
"""

_LINKS = """
INSERT INTO registry_browser_manifestblob (manifest_id, role, position, blob_id, chain)
SELECT added.id, link.role, link.position, known.id, link.chain
  FROM incoming_link link
  JOIN added_manifest added ON added.number = link.manifest
  JOIN known_blob known ON known.number = link.blob
"""

_CHILDREN = """
INSERT INTO registry_browser_manifestchild (
    manifest_id, position, digest, media_type, size, os, architecture, variant, os_version,
      artifact_type, annotations,
    attests)
SELECT added.id, child.position, child.digest,
  child.media_type, child.size, child.os,
       child.architecture, child.variant, child.os_version, child.artifact_type, child.annotations,
         child.attests
  FROM incoming_child child JOIN added_manifest added ON added.number = child.manifest
"""

_CONFIGS = """
INSERT INTO registry_browser_imageconfig (
    blob_id, created_at, author, env, entrypoint, cmd, labels, ports, volumes, "user", working_dir,
      stop_signal, history,
    body)
SELECT DISTINCT ON (known.id) known.id, created_at, author, env, entrypoint, cmd, labels, ports,
  volumes, "user", working_dir,
       stop_signal, history, body
  FROM incoming_config config JOIN known_blob known ON known.number = config.blob
ON CONFLICT (blob_id) DO NOTHING
"""

# A config that could not be read at first sight, and can be now.
_COMPLETE = """
UPDATE registry_browser_manifest manifest
   SET os = incoming.os, architecture = incoming.architecture, variant = incoming.variant,
       os_version = incoming.os_version, image_created_at = incoming.image_created_at
  FROM incoming_manifest incoming
 WHERE manifest.registry_id = %(registry)s AND manifest.digest = incoming.digest
   AND manifest.os = '' AND manifest.architecture = '' AND manifest.image_created_at IS NULL
   AND (incoming.os <> '' OR incoming.architecture <> ''
        OR incoming.image_created_at IS NOT NULL)
"""

# What a pull of an index transfers: the default platform is linux/amd64, or else the first that is
# no attestation.
_PULL_BYTES = """
UPDATE registry_browser_manifest manifest SET pull_bytes = chosen.pull_bytes
  FROM (SELECT DISTINCT ON (child.manifest_id) child.manifest_id, target.pull_bytes
          FROM added_manifest added
          JOIN registry_browser_manifestchild child ON child.manifest_id = added.id
          JOIN registry_browser_manifest target
            ON target.registry_id = %(registry)s AND target.digest = child.digest
         WHERE child.attests = ''
         ORDER BY child.manifest_id, (child.os = 'linux' AND child.architecture = 'amd64') DESC,
           child.position) chosen
 WHERE manifest.id = chosen.manifest_id AND manifest.pull_bytes <> chosen.pull_bytes
"""


def known_manifests(registry_id: int, digests: Sequence[str]) -> set[str]:
    """Those of `digests` whose manifest the record holds for this registry."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest FROM registry_browser_manifest"
            " WHERE registry_id = %s AND digest = ANY(%s)",
            [registry_id, list(digests)],
        )
        return {digest for (digest,) in cursor.fetchall()}


def holds_manifests(registry_id: int) -> bool:
    """Whether the record holds any manifest of this registry."""
    return Manifest.objects.filter(registry=registry_id).exists()


def store_content(registry_id: int, contents: Sequence[ObservedContent], *, now: datetime) -> int:
    """Store manifests with their bodies, blobs, children and configs, in one transaction.

    What an index names should stand before it in `contents`, or be stored already, for its
    `pull_bytes` to be known. Returns how many manifests were new.
    """
    if not contents:
        return 0
    parameters: dict[str, Any] = {"registry": registry_id, "now": now}
    batch = _Batch(contents)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TEMPORARY)
        _copy(cursor, "incoming_manifest", batch.manifest_rows())
        _copy(cursor, "incoming_link", batch.link_rows())
        _copy(cursor, "incoming_blob", batch.blob_rows())
        _copy(cursor, "incoming_child", batch.child_rows())
        _copy(cursor, "incoming_config", batch.config_rows())
        cursor.execute(_MANIFESTS, parameters)
        added: int = cursor.rowcount
        for statement in (_BODIES, _BLOBS, _KNOWN_BLOBS, _LINKS, _CHILDREN, _CONFIGS):
            cursor.execute(statement, parameters)
        if added < len(batch.contents):
            cursor.execute(_COMPLETE, parameters)
        for _ in range(_index_depth(batch.contents)):
            cursor.execute(_PULL_BYTES, parameters)
    return added


class _Batch:
    """Contents as rows, each digest once. Manifests and blobs are numbered, so that the many links
    between them are a few digits each and not two digests.
    """

    def __init__(self, contents: Sequence[ObservedContent]) -> None:
        by_digest: dict[str, ObservedContent] = {}
        for content in contents:
            if content.digest not in by_digest or by_digest[content.digest].config is None:
                by_digest[content.digest] = content
        self.contents = list(by_digest.values())
        self._blobs: dict[str, tuple[int, Row]] = {}

    def manifest_rows(self) -> Iterator[Row]:
        for number, content in enumerate(self.contents):
            yield number, *_manifest_row(content)

    def link_rows(self) -> Iterator[Row]:
        """Every place where a manifest names a blob; notes the blobs on the way."""
        for number, content in enumerate(self.contents):
            manifest, size = content.manifest, len(content.body)
            body = self._number((content.digest, size, size, _short(content.media_type)))
            yield number, BlobRole.BODY.value, 0, body, None
            if manifest.config:
                config = self._number(_blob(manifest.config))
                yield number, BlobRole.CONFIG.value, 0, config, None
            named = chains(layer.digest for layer in manifest.layers)
            for position, (layer, chain) in enumerate(zip(manifest.layers, named, strict=True)):
                yield number, BlobRole.LAYER.value, position, self._number(_blob(layer)), chain

    def _number(self, blob: Row) -> int:
        digest, _, stored_bytes, _ = blob
        known = self._blobs.get(digest)
        number = len(self._blobs) if known is None else known[0]
        # A digest may come as a foreign layer in one manifest and as a stored one in another: then
        # the registry holds it.
        if known is None or stored_bytes > known[1][2]:
            self._blobs[digest] = number, blob
        return number

    def blob_rows(self) -> Iterator[Row]:
        """The blobs that links have named."""
        for number, blob in self._blobs.values():
            yield number, *blob

    def child_rows(self) -> Iterator[Row]:
        for number, content in enumerate(self.contents):
            yield from _child_rows(number, content)

    def config_rows(self) -> Iterator[Row]:
        for content in self.contents:
            if (reference := content.manifest.config) and content.config_body is not None:
                number, _ = self._blobs[reference.digest]
                yield number, *_config_row(content.config, content.config_body)


def _copy(cursor: Any, table: str, rows: Iterable[Row]) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _manifest_row(content: ObservedContent) -> Row:
    manifest, config = content.manifest, content.config
    platform = manifest.platform or Platform()
    if config is not None:
        platform = Platform(config.os, config.architecture, config.variant, config.os_version)
    return (
        content.digest,
        manifest.kind,
        _short(content.media_type),
        _short(manifest.artifact_type or ""),
        len(content.body),
        sum({blob.digest: blob.size for blob in manifest.blobs}.values()),
        manifest.config.digest if manifest.config else "",
        manifest.subject.digest if manifest.subject else "",
        *_platform(platform),
        config.created if config else None,
        _json(manifest.annotations),
        manifest.problem or "",
        top_chain(layer.digest for layer in manifest.layers),
        content.body,
    )


def _blob(blob: Descriptor) -> Row:
    return blob.digest, blob.size, 0 if blob.is_foreign else blob.size, _short(blob.media_type)


def _child_rows(number: int, content: ObservedContent) -> Iterator[Row]:
    for position, child in enumerate(content.manifest.children):
        yield (
            number,
            position,
            child.digest,
            _short(child.media_type),
            child.size,
            *_platform(_platform_of(child)),
            _short(child.artifact_type or ""),
            _json(child.annotations),
            _attests(child),
        )


def _platform_of(child: Child) -> Platform:
    """No platform rather than BuildKit's "unknown/unknown", which stands for "this is no image"."""
    return Platform() if child.platform is None or child.platform.is_unknown else child.platform


def _attests(child: Child) -> str:
    """What an attestation speaks about; its own digest where it does not say, so that it still
    counts as one.
    """
    return (child.attests or child.digest) if child.is_attestation else ""


def _config_row(config: ImageConfig | None, body: bytes) -> Row:
    """An image's config; of another readable config just its bytes."""
    empty_list, empty_object = "[]", "{}"
    if config is None:
        return (
            None, "", empty_list, empty_list, empty_list, empty_object,
            empty_list, empty_list, "", "", "", empty_list, body,
        )  # fmt: skip
    return (
        config.created,
        config.author,
        _json(config.env),
        _json(config.entrypoint),
        _json(config.cmd),
        _json(config.labels),
        _json(config.exposed_ports),
        _json(config.volumes),
        config.user,
        config.working_dir,
        config.stop_signal,
        _json([_step(step) for step in config.history]),
        body,
    )


def _step(step: HistoryStep) -> dict[str, object]:
    return {
        "created": step.created.isoformat() if step.created else None,
        "created_by": step.created_by,
        "comment": step.comment,
        "author": step.author,
        "empty_layer": step.empty_layer,
    }


def _platform(platform: Platform) -> tuple[str, str, str, str]:
    os, architecture = platform.os[:64], platform.architecture[:64]
    return os, architecture, platform.variant[:64], platform.os_version[:64]


def _short(text: str) -> str:
    """Media types are bounded by nothing in the specification; the column is."""
    return text[:255]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _index_depth(contents: Sequence[ObservedContent]) -> int:
    """How many rounds it takes until sizes have come up through nested indexes of this batch."""
    depth: dict[str, int] = {}
    for content in contents:
        if children := content.manifest.children:
            depth[content.digest] = 1 + max(depth.get(child.digest, 0) for child in children)
    return max(depth.values(), default=0)
