"""The layers of one manifest, each with the step that made it and how many other images hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.models import BlobRole, ImageConfig, Manifest, ManifestBlob
from registry_browser.queries.history.lines import Step, align

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT_TO = 1000
"""Images that share a layer are counted up to this many; what goes beyond reads "1,000+"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLine:
    """One layer of the manifest, with the step that made it and those without a layer right before
    it.

    `shared_with` counts the other manifests present in the registry that hold it, COUNT_TO at most.
    Bytes are compressed; `cumulative_bytes` counts a digest that stands twice once.
    """

    position: int
    digest: str
    media_type: str
    size: int
    cumulative_bytes: int
    step: Step | None
    empty_before: list[Step]
    shared_with: int
    is_foreign: bool

    @property
    def created_by(self) -> str:
        return str(self.step) if self.step else ""

    @property
    def is_only_here(self) -> bool:
        return self.shared_with == 0

    @property
    def shared_words(self) -> str:
        """Who else holds it, in words: "1 image", "214 images", "1,000+ images"."""
        if self.shared_with >= COUNT_TO:
            return f"{COUNT_TO:,}+ images"
        return f"{self.shared_with:,} image{'' if self.shared_with == 1 else 's'}"


def layers_of(
    manifest: Manifest, config: ImageConfig | None
) -> tuple[list[LayerLine], list[Step], bool]:
    links = list(
        ManifestBlob.objects.filter(manifest=manifest, role=BlobRole.LAYER)
        .select_related("blob")
        .order_by("position")
    )
    shared = _shared_with(manifest, [link.blob_id for link in links])
    aligned = align(config.history if config else [], len(links))
    lines: list[LayerLine] = []
    cumulative, seen = 0, set()
    for number, link in enumerate(links):
        # A pull transfers a digest that stands twice once.
        cumulative += 0 if link.blob_id in seen else link.blob.size
        seen.add(link.blob_id)
        lines.append(
            LayerLine(
                position=number + 1,
                digest=link.blob.digest,
                media_type=link.blob.media_type,
                size=link.blob.size,
                cumulative_bytes=cumulative,
                step=aligned.layers[number],
                empty_before=aligned.empty[number],
                shared_with=shared.get(link.blob_id, 0),
                is_foreign=link.blob.stored_bytes == 0 < link.blob.size,
            )
        )
    return lines, aligned.empty[-1], aligned.fits


_SHARED_WITH = """
SELECT asked.blob_id, (
    SELECT count(*) FROM (
        SELECT DISTINCT link.manifest_id
          FROM (SELECT manifest_id FROM registry_browser_manifestblob
                 WHERE blob_id = asked.blob_id AND manifest_id <> %(manifest)s
                 LIMIT %(at_most)s) link
         WHERE EXISTS (SELECT FROM registry_browser_presence presence
                        WHERE presence.manifest_id = link.manifest_id AND presence.gone_at IS NULL)
    ) other)
  FROM unnest(%(blobs)s::bigint[]) AS asked (blob_id)
"""


def _shared_with(manifest: Manifest, blobs: Sequence[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            _SHARED_WITH,
            {"manifest": manifest.pk, "blobs": list(set(blobs)), "at_most": COUNT_TO},
        )
        return dict(cursor.fetchall())
