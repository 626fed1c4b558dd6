"""Layers: which are shared most, and who uses one.

`saved_bytes` is what sharing saves: the size, once for each manifest but the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.models import Blob, BlobRole, ImageConfig, ManifestBlob, Registry
from registry_browser.models.rows import fetch
from registry_browser.queries.history.lines import Step, align

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

PAGE = 50

ORDERINGS = {
    "-saved": ("-saved_bytes", "digest"),
    "-size": ("-size", "digest"),
    "-manifests": ("-layer_manifests", "-size", "digest"),
    "-repositories": ("-holders", "-size", "digest"),
}
"""What a list may be ordered by; all but the size concern sharing, and list shared layers alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer of a registry.

    `manifests` counts the present manifests that hold it, once for each repository they are in;
    `references` its places in them, since a digest may stand twice in one.
    """

    digest: str
    media_type: str
    size: int
    stored_bytes: int
    references: int
    manifests: int
    repositories: int
    saved_bytes: int

    @classmethod
    def of(cls, blob: Blob) -> LayerRow:
        return cls(
            digest=blob.digest,
            media_type=blob.media_type,
            size=blob.size,
            stored_bytes=blob.stored_bytes,
            references=blob.layer_places,
            manifests=blob.layer_manifests,
            repositories=blob.holders,
            saved_bytes=blob.saved_bytes,
        )


@dataclass(frozen=True, slots=True)
class LayerList:
    """One page of layers; `more` says whether there are others behind it."""

    rows: list[LayerRow]
    page: int
    size: int
    more: bool

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """One manifest in one repository that holds the layer, as its `position`-th (from 1)."""

    path: str
    digest: str
    platform: str
    kind: str
    position: int
    tags: list[str]
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class LayerPage:
    """One layer: its figures, the step that made it (where a config of one of its images says), and
    who uses it.
    """

    layer: LayerRow
    role: BlobRole
    step: Step | None
    users: list[UserRow]
    page: int
    more: bool

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1 if self.users else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * PAGE + len(self.users)


_USERS = """
SELECT repository.path, manifest.digest,
       concat_ws('/', nullif(manifest.os, ''), nullif(manifest.architecture, ''),
                 nullif(manifest.variant, '')) AS platform,
       manifest.kind, link.position + 1 AS position, presence.first_seen_at,
       ARRAY(SELECT tag.name FROM registry_browser_tag tag
              WHERE tag.manifest_id = manifest.id AND tag.repository_id = repository.id
              ORDER BY tag.sort_key DESC, tag.name DESC LIMIT 6) AS tags
  FROM registry_browser_manifestblob link
  JOIN registry_browser_manifest manifest ON manifest.id = link.manifest_id
  JOIN registry_browser_presence presence
    ON presence.manifest_id = manifest.id AND presence.gone_at IS NULL
  JOIN registry_browser_repository repository ON repository.id = presence.repository_id
 WHERE link.blob_id = %(blob)s
 ORDER BY link.manifest_id DESC, link.role, link.position, repository.path
 LIMIT %(limit)s OFFSET %(offset)s
"""


def layers(
    registry: Registry, *, ordering: str = "-saved", page: int = 1, size: int = PAGE
) -> LayerList:
    """One page of the layers that present manifests of the registry hold, those that save most
    first.
    """
    start = (page - 1) * size
    rows = [LayerRow.of(blob) for blob in _ordered(registry, ordering)[start : start + size + 1]]
    return LayerList(rows[:size], page, size, more=len(rows) > size)


def every_layer(registry: Registry, *, ordering: str = "-saved") -> Iterator[LayerRow]:
    """All layers of the same list, by a server-side cursor."""
    return map(LayerRow.of, _ordered(registry, ordering).iterator())


def _ordered(registry: Registry, ordering: str) -> QuerySet[Blob]:
    order = ORDERINGS.get(ordering, ORDERINGS["-saved"])
    least = 1 if ordering == "-size" else 2
    return Blob.objects.filter(registry=registry, layer_manifests__gte=least).order_by(*order)


def layer(registry: Registry, digest: str) -> LayerRow | None:
    """The figures of one blob of the registry, None where the record does not hold it."""
    blob = Blob.objects.filter(registry=registry, digest=digest).first()
    return None if blob is None else LayerRow.of(blob)


def layer_page(registry: Registry, digest: str, *, page: int = 1) -> LayerPage | None:
    """One layer (or config) with a page of the manifests that hold it, newest first; None where it
    is not in the record.
    """
    blob = Blob.objects.filter(registry=registry, digest=digest).first()
    if blob is None:
        return None
    users = fetch(
        UserRow, _USERS, {"blob": blob.pk, "limit": PAGE + 1, "offset": (page - 1) * PAGE}
    )
    row, role = LayerRow.of(blob), _role(blob)
    return LayerPage(row, role, _step(blob), users[:PAGE], page, more=len(users) > PAGE)


def _role(blob: Blob) -> BlobRole:
    """What it is where it is used; a blob that nothing refers to any more may have been a layer."""
    found = ManifestBlob.objects.filter(blob=blob).values_list("role", flat=True).first()
    return BlobRole(found) if found else BlobRole.LAYER


# The first image found that holds the layer and whose config is known; its history lines up with
# all its layers. LATERAL with LIMIT, so that the search ends with it however many images there are.
_STEP = """
SELECT link.position, config.blob_id,
       (SELECT count(*) FROM registry_browser_manifestblob layer
         WHERE layer.manifest_id = link.manifest_id AND layer.role = 1)
  FROM (SELECT manifest_id, position FROM registry_browser_manifestblob
         WHERE blob_id = %(blob)s AND role = 1 LIMIT 100) link
  CROSS JOIN LATERAL (
    SELECT known.blob_id
      FROM registry_browser_manifestblob used
      CROSS JOIN LATERAL (
        SELECT blob_id FROM registry_browser_imageconfig WHERE blob_id = used.blob_id LIMIT 1
      ) known
     WHERE used.manifest_id = link.manifest_id AND used.role = 2
     LIMIT 1
  ) config
 LIMIT 1
"""


def _step(blob: Blob) -> Step | None:
    with connection.cursor() as cursor:
        cursor.execute(_STEP, {"blob": blob.pk})
        row = cursor.fetchone()
    if row is None:
        return None
    position, config, count = row
    history = ImageConfig.objects.get(pk=config).history
    step: Step | None = align(history, count).layers[position]
    return step
