"""Immutable content into the record, in bulk: what is new is numbered first, and then copied
straight into its tables, in one transaction.

Everything is named by digest, so storing the same content again changes nothing: a batch that a
killed worker left half done, or that is delivered twice, ends in the same rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from registry_browser.models import BlobRole, Manifest, Registry
from registry_browser.models.chains import chains
from registry_browser.models.copying import copy_rows, copying
from registry_browser.sync.reading.observed import ObservedContent
from registry_browser.sync.storing import content_rows
from registry_browser.sync.storing.content_rows import Row

_IDS = """
SELECT nextval((SELECT pg_get_serial_sequence(%s, 'id'))::regclass) FROM generate_series(1, %s)
"""

_MANIFEST_IDS = (
    "SELECT digest, id FROM registry_browser_manifest WHERE registry_id = %s AND digest = ANY(%s)"
)

_KNOWN_BLOBS = """
SELECT digest, id, stored_bytes FROM registry_browser_blob
 WHERE registry_id = %s AND digest = ANY(%s)
"""

# A digest may come as a foreign layer in one manifest and as a stored one in another: then the
# registry holds it.
_FOREIGN_IS_STORED = "UPDATE registry_browser_blob SET size = %s, stored_bytes = %s WHERE id = %s"

_KNOWN_CONFIGS = "SELECT blob_id FROM registry_browser_imageconfig WHERE blob_id = ANY(%s)"

# A config that could not be read at first sight, and can be now.
_COMPLETE = """
UPDATE registry_browser_manifest SET os = %s, architecture = %s, variant = %s, os_version = %s,
       image_created_at = %s
 WHERE registry_id = %s AND digest = %s
   AND os = '' AND architecture = '' AND image_created_at IS NULL
"""

# What a pull of an index transfers: the default platform is linux/amd64, or else the first that is
# no attestation.
_PULL_BYTES = """
UPDATE registry_browser_manifest manifest SET pull_bytes = chosen.pull_bytes
  FROM (SELECT DISTINCT ON (child.manifest_id) child.manifest_id, target.pull_bytes
          FROM registry_browser_manifestchild child
          JOIN registry_browser_manifest target
            ON target.registry_id = %(registry)s AND target.digest = child.digest
         WHERE child.manifest_id IN (SELECT unnest(%(indexes)s::bigint[])
                                      UNION
                                     SELECT named.manifest_id
                                       FROM registry_browser_manifestchild named
                                      WHERE named.digest = ANY(%(digests)s))
           AND child.attests = ''
         ORDER BY child.manifest_id, (child.os = 'linux' AND child.architecture = 'amd64') DESC,
           child.position) chosen
 WHERE manifest.id = chosen.manifest_id AND manifest.registry_id = %(registry)s
   AND manifest.pull_bytes <> chosen.pull_bytes
RETURNING manifest.digest
"""


def known_manifests(registry_id: int, digests: Iterable[str]) -> dict[str, int]:
    """The ids of those manifests, by digest, that the record holds for this registry."""
    with connection.cursor() as cursor:
        cursor.execute(_MANIFEST_IDS, [registry_id, list(digests)])
        return dict(cursor.fetchall())


def holds_manifests(registry_id: int) -> bool:
    """Whether the record holds any manifest of this registry."""
    return Manifest.objects.filter(registry=registry_id).exists()


def store_content(registry_id: int, contents: Sequence[ObservedContent], *, now: datetime) -> int:
    """Store manifests with their bodies, blobs, children and configs.

    Returns how many manifests were new. Raises Registry.DoesNotExist where the registry was removed
    meanwhile.
    """
    if not contents:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        # We are the only one who numbers content of the registry, and nobody removes it meanwhile.
        # So the tables of content have no foreign keys, which would look twenty times a manifest at
        # what was written a moment ago.
        Registry.objects.hold(registry_id)
        return _Batch(cursor, registry_id, contents).store(now)


class _Batch:
    """Contents on their way into the tables, each digest once."""

    def __init__(self, cursor: Any, registry_id: int, contents: Sequence[ObservedContent]) -> None:
        self._cursor = cursor
        self._registry_id = registry_id
        by_digest: dict[str, ObservedContent] = {}
        for content in contents:
            if content.digest not in by_digest or by_digest[content.digest].config is None:
                by_digest[content.digest] = content
        self._contents = list(by_digest.values())

    def store(self, now: datetime) -> int:
        known = known_manifests(self._registry_id, [content.digest for content in self._contents])
        new = [content for content in self._contents if content.digest not in known]
        numbered = list(zip(self._ids("manifest", len(new)), new, strict=True))
        self._copy_manifests(numbered, now)
        blobs = self._store_blobs()
        self._copy_links(numbered, blobs)
        self._copy_configs(blobs)
        self._complete([content for content in self._contents if content.digest in known])
        self._bring_up_pull_bytes(numbered)
        return len(new)

    def _copy_manifests(
        self, numbered: Sequence[tuple[int, ObservedContent]], now: datetime
    ) -> None:
        copy_rows(
            f"manifest (id, registry_id, stored_at, {content_rows.MANIFEST})",
            (
                (number, self._registry_id, now, *content_rows.manifest_row(content))
                for number, content in numbered
            ),
        )
        copy_rows(
            "manifestbody (manifest_id, body)",
            ((number, content.body) for number, content in numbered),
        )
        copy_rows(
            f"manifestchild (manifest_id, {content_rows.CHILD})",
            (
                (number, *row)
                for number, content in numbered
                for row in content_rows.child_rows(content)
            ),
        )

    def _store_blobs(self) -> dict[str, int]:
        """All blobs that the contents name, bodies included. Returns their ids by digest."""
        named: dict[str, Row] = {}
        for content in self._contents:
            for row in _blob_rows(content):
                digest, _, stored_bytes, _ = row
                if digest not in named or stored_bytes > named[digest][2]:
                    named[digest] = row
        self._cursor.execute(_KNOWN_BLOBS, [self._registry_id, list(named)])
        known = {digest: (number, stored) for digest, number, stored in self._cursor.fetchall()}
        for digest, (number, stored_bytes) in known.items():
            if named[digest][2] and not stored_bytes:
                self._cursor.execute(_FOREIGN_IS_STORED, [*named[digest][1:3], number])
                # Figures follow who holds a blob, not how large it is.
                Registry.objects.filter(pk=self._registry_id).update(bytes_due=True)
        new = [row for digest, row in named.items() if digest not in known]
        numbered = list(zip(self._ids("blob", len(new)), new, strict=True))
        copy_rows(
            f"blob (id, registry_id, holders, live_holders, {content_rows.BLOB})",
            ((number, self._registry_id, 0, 0, *row) for number, row in numbered),
        )
        return {digest: number for digest, (number, _) in known.items()} | {
            row[0]: number for number, row in numbered
        }

    def _copy_links(
        self, numbered: Sequence[tuple[int, ObservedContent]], blobs: dict[str, int]
    ) -> None:
        # Rows of numbers alone, a dozen for each manifest: they need no escaping.
        lines = [line for each in numbered for line in _link_lines(*each, blobs)]
        columns = "manifest_id, role, position, blob_id, chain"
        with copying(f"manifestblob ({columns})") as copy:
            copy.write("".join(lines))

    def _copy_configs(self, blobs: dict[str, int]) -> None:
        configs = {
            blobs[reference.digest]: (content.config, body)
            for content in self._contents
            if (reference := content.manifest.config) and (body := content.config_body) is not None
        }
        self._cursor.execute(_KNOWN_CONFIGS, [list(configs)])
        for (number,) in self._cursor.fetchall():
            del configs[number]
        copy_rows(
            f"imageconfig (blob_id, {content_rows.CONFIG})",
            (
                (number, *content_rows.config_row(config, body))
                for number, (config, body) in configs.items()
            ),
        )

    def _complete(self, known: Sequence[ObservedContent]) -> None:
        for content in known:
            platform = content_rows.platform_row(content)
            if any(platform):
                self._cursor.execute(_COMPLETE, [*platform, self._registry_id, content.digest])

    def _bring_up_pull_bytes(self, new: Sequence[tuple[int, ObservedContent]]) -> None:
        """Tell indexes how large their children are, and indexes of those indexes. An index may be
        stored long after a child of it, or long before.
        """
        indexes = [number for number, content in new if content.manifest.children]
        digests = [content.digest for _, content in new]
        while indexes or digests:
            parameters = {"registry": self._registry_id, "indexes": indexes, "digests": digests}
            self._cursor.execute(_PULL_BYTES, parameters)
            indexes, digests = [], [digest for (digest,) in self._cursor.fetchall()]

    def _ids(self, table: str, count: int) -> list[int]:
        self._cursor.execute(_IDS, [f"registry_browser_{table}", count])
        return [number for (number,) in self._cursor.fetchall()]


def _blob_rows(content: ObservedContent) -> Iterator[Row]:
    yield content_rows.body_row(content)
    for blob in content.manifest.blobs:
        yield content_rows.blob_row(blob)


def _link_lines(number: int, content: ObservedContent, blobs: dict[str, int]) -> Iterator[str]:
    """Every place where a manifest names a blob."""
    manifest = content.manifest
    yield f"{number}\t{BlobRole.BODY}\t0\t{blobs[content.digest]}\t\\N\n"
    if manifest.config:
        yield f"{number}\t{BlobRole.CONFIG}\t0\t{blobs[manifest.config.digest]}\t\\N\n"
    named = chains(layer.digest for layer in manifest.layers)
    for position, (layer, chain) in enumerate(zip(manifest.layers, named, strict=True)):
        yield f"{number}\t{BlobRole.LAYER}\t{position}\t{blobs[layer.digest]}\t{chain}\n"
