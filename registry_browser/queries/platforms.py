"""What the entries of an index are: platforms, and metadata that travels beside them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.db import connection

from registry_browser.models import ManifestBody
from registry_browser.models.rows import fetch

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from registry_browser.models import Repository

ATTESTATION = "attestation"
_PREDICATE = "in-toto.io/predicate-type"
# Starts of in-toto predicate types, as BuildKit and cosign write them.
_PREDICATES = (
    ("https://slsa.dev/provenance", "provenance"),
    ("https://spdx.dev/", "SBOM"),
    ("https://cyclonedx.org/", "SBOM"),
    ("https://openvex.dev/", "VEX"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRow:
    """One entry of an index: what the index says about it, and what is known of the manifest
    itself.

    `size_bytes` is the compressed size of the image (None where the record lacks the manifest),
    `body_bytes` that of the manifest as the index states it. `attests` is the digest that an
    attestation speaks about, empty for a platform.
    """

    index: int
    position: int
    digest: str
    media_type: str
    artifact_type: str
    os: str
    architecture: str
    variant: str
    os_version: str
    attests: str
    body_bytes: int
    manifest: int | None
    kind: str
    size_bytes: int | None
    image_created_at: datetime | None
    exclusive_bytes: int | None = None

    @property
    def exclusive_part(self) -> int:
        """Of `size_bytes`: exclusive bytes hold the body too, which a size leaves out."""
        return min(self.exclusive_bytes or 0, self.size_bytes or 0)

    @property
    def shared_bytes(self) -> int:
        return (self.size_bytes or 0) - self.exclusive_part

    @property
    def is_attestation(self) -> bool:
        return bool(self.attests)

    @property
    def platform(self) -> str:
        """`linux/arm/v7`; for Windows with the version, which tells such children apart; empty
        where there is none.
        """
        named = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        if named in ("", "unknown/unknown", "unknown"):
            return ""
        return f"{named} {self.os_version}" if self.os == "windows" and self.os_version else named

    @property
    def platform_in_address(self) -> str:
        return quote(self.platform, safe="/")

    @property
    def is_default(self) -> bool:
        return self.os == "linux" and self.architecture == "amd64"


_CHILDREN = """
SELECT child.manifest_id AS index, child.position, child.digest, child.media_type,
       child.artifact_type, child.os, child.architecture, child.variant, child.os_version,
       child.attests, child.size AS body_bytes, target.id AS manifest,
       coalesce(target.kind, '') AS kind, target.pull_bytes AS size_bytes, target.image_created_at
  FROM registry_browser_manifestchild child
  JOIN registry_browser_manifest parent ON parent.id = child.manifest_id
  LEFT JOIN registry_browser_manifest target
    ON target.registry_id = parent.registry_id AND target.digest = child.digest
 WHERE child.manifest_id = ANY(%s::bigint[])
 ORDER BY child.manifest_id, child.position
"""


def children_of(indexes: Collection[int]) -> Mapping[int, list[ChildRow]]:
    """The entries of each index, in order; manifests without any are left out. One statement."""
    if not indexes:
        return {}
    rows = fetch(ChildRow, _CHILDREN, [list(indexes)])
    return {index: list(entries) for index, entries in groupby(rows, key=lambda row: row.index)}


def default_child(children: Sequence[ChildRow]) -> ChildRow | None:
    """What a plain pull of the index gets: linux/amd64, or else the first known entry that is no
    attestation.
    """
    known = [child for child in children if child.manifest is not None and not child.is_attestation]
    return next((child for child in known if child.is_default), known[0] if known else None)


def metadata_labels(children: Sequence[ChildRow]) -> list[tuple[str, int]]:
    """What the attestations among these entries hold, as ("provenance", 3); one statement."""
    attestations = [child for child in children if child.is_attestation]
    if not attestations:
        return []
    known = [child.manifest for child in attestations if child.manifest is not None]
    bodies = dict(ManifestBody.objects.filter(pk__in=known).values_list("pk", "body"))
    counted: Counter[str] = Counter()
    for child in attestations:
        body = bodies.get(child.manifest or 0)
        counted.update(_predicates(bytes(body)) if body is not None else [ATTESTATION])
    return sorted(counted.items())


def _predicates(body: bytes) -> list[str]:
    """The statements in one attestation manifest; BuildKit names each in an annotation of its
    layer.
    """
    try:
        layers = json.loads(body).get("layers", [])
        found = [layer.get("annotations", {}).get(_PREDICATE, "") for layer in layers]
    except (ValueError, AttributeError, TypeError):
        # Bytes from outside that parse to something else; it stays one attestation of an unknown
        # kind.
        found = []
    return [_named(predicate) for predicate in found] or [ATTESTATION]


def _named(predicate: object) -> str:
    text = predicate if isinstance(predicate, str) else ""
    return next((name for start, name in _PREDICATES if text.startswith(start)), ATTESTATION)


_PLATFORMS = """
WITH newest AS (
    SELECT DISTINCT manifest_id
      FROM (SELECT manifest_id FROM registry_browser_tag WHERE repository_id = %(repository)s
             ORDER BY changed_at DESC LIMIT 200) recent
)
SELECT DISTINCT os, architecture, variant FROM (
    SELECT child.os, child.architecture, child.variant
      FROM newest JOIN registry_browser_manifestchild child USING (manifest_id)
     WHERE child.attests = ''
  UNION ALL
    SELECT manifest.os, manifest.architecture, manifest.variant
      FROM newest JOIN registry_browser_manifest manifest ON manifest.id = newest.manifest_id
) seen
 WHERE os NOT IN ('', 'unknown')
 ORDER BY os, architecture, variant
"""


def platforms_in(repository: Repository) -> list[str]:
    """The platforms that a filter can offer: those of the 200 tags that changed last, as
    `linux/arm/v7`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PLATFORMS, {"repository": repository.pk})
        return ["/".join(part for part in row if part) for row in cursor.fetchall()]
