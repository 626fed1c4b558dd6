"""All that is known of manifests, for programs: content, neighbours and bytes of a page of them at
once.

The pages read one manifest with its figures; the API gives the same fields for a list. Every part
is one statement for all of them, so that a page costs the same number however long it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from registry_browser.models import Blob, BlobRole, ImageConfig, ManifestBody, Presence, Tag
from registry_browser.queries.exclusive import ManifestSet, exclusive_bytes, reach
from registry_browser.queries.history.lines import align
from registry_browser.queries.image_layers import COUNT_TO
from registry_browser.queries.neighbours import parents_of, referrers_of
from registry_browser.queries.platforms import ChildRow, children_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from registry_browser.models import Manifest, Repository

MAX_NEIGHBOURS = 1000
"""How many parents or referrers of one manifest are named, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerOfManifestRow:
    """One layer in its place. `shared_with` counts the other manifests present in the registry that
    hold it, COUNT_TO at most.

    `size` is the compressed size in bytes; a foreign layer has one too, and the registry stores
    none of it. `created_by` is the step that made it, None where the history does not tell.
    """

    digest: str
    size: int
    media_type: str
    created_by: str | None
    shared_with: int
    foreign: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRow:
    """The config blob; `image` holds what it says where it was read as an image config."""

    digest: str
    size: int | None
    media_type: str | None
    image: ImageConfig | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestContentRow:
    """One manifest in one repository. `exclusive_bytes` are of the manifest with all that it
    reaches over index → child.
    """

    presence: Presence
    manifest: Manifest
    tags: list[str]
    parents: list[str]
    children: list[ChildRow]
    referrers: list[str]
    layers: list[LayerOfManifestRow]
    config: ConfigRow | None
    exclusive_bytes: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Link:
    role: int
    digest: str
    size: int
    stored_bytes: int
    media_type: str
    blob: int


_LINKS = """
SELECT link.manifest_id, link.role, blob.digest, blob.size, blob.stored_bytes, blob.media_type,
       blob.id
  FROM registry_browser_manifestblob link
  JOIN registry_browser_blob blob ON blob.id = link.blob_id
 WHERE link.manifest_id = ANY(%(manifests)s::bigint[]) AND link.role = ANY(%(roles)s::smallint[])
 ORDER BY link.manifest_id, link.role, link.position
"""

# Counting stops behind COUNT_TO: a base layer can have 100,000 holders. Each blob is counted once,
# however many manifests of the page hold it.
_HOLDERS = """
SELECT asked.blob_id, (
    SELECT count(*) FROM (
        SELECT DISTINCT link.manifest_id
          FROM (SELECT manifest_id FROM registry_browser_manifestblob
                 WHERE blob_id = asked.blob_id LIMIT %(at_most)s) link
         WHERE EXISTS (SELECT FROM registry_browser_presence presence
                        WHERE presence.manifest_id = link.manifest_id AND presence.gone_at IS NULL)
    ) holder)
  FROM unnest(%(blobs)s::bigint[]) AS asked (blob_id)
"""


def with_sizes(presences: QuerySet[Presence]) -> QuerySet[Presence]:
    """Presences with their manifests, and `config_bytes`: what showing one costs can be told before
    it is read.
    """
    config = Blob.objects.filter(
        registry=OuterRef("manifest__registry"), digest=OuterRef("manifest__config_digest")
    )
    return presences.select_related("manifest").annotate(
        config_bytes=Subquery(config.values("size")[:1])
    )


def manifest_contents(
    repository: Repository, presences: Sequence[Presence]
) -> list[ManifestContentRow]:
    """Rows for these presences, which have their manifests loaded, in their order; twelve
    statements at most."""
    manifests = [presence.manifest for presence in presences]
    ids = [manifest.pk for manifest in manifests]
    digests = [manifest.digest for manifest in manifests]
    links = _links(ids)
    holders = _holders({link.blob for found in links.values() for link in found})
    present = set(
        Presence.objects.filter(manifest__in=ids, gone_at=None).values_list(
            "manifest_id", flat=True
        )
    )
    images = ImageConfig.objects.defer("body").in_bulk(
        [link.blob for found in links.values() for link in found if link.role == BlobRole.CONFIG]
    )
    bodies = dict(ManifestBody.objects.filter(pk__in=ids).values_list("pk", "body"))
    tags = _tags(repository, ids)
    children = children_of(ids)
    parents = parents_of(repository, digests, named=MAX_NEIGHBOURS)
    referrers = referrers_of(repository, digests, named=MAX_NEIGHBOURS)
    reached = reach(ids)
    exclusive = exclusive_bytes([ManifestSet.of(reached[manifest]) for manifest in ids])
    return [
        ManifestContentRow(
            presence=presence,
            manifest=manifest,
            tags=tags.get(manifest.pk, []),
            parents=parents.get(manifest.digest, ([], 0))[0],
            children=children.get(manifest.pk, []),
            referrers=referrers.get(manifest.digest, []),
            layers=_layers(
                links.get(manifest.pk, []), images, holders, itself=manifest.pk in present
            ),
            config=_config(manifest, links.get(manifest.pk, []), images),
            # What is not there takes no room, whatever else its digest reaches.
            exclusive_bytes=0 if presence.gone_at else own,
            body=bytes(bodies.get(manifest.pk, b"")),
        )
        for presence, manifest, own in zip(presences, manifests, exclusive, strict=True)
    ]


def _links(manifests: Sequence[int]) -> dict[int, list[_Link]]:
    found: dict[int, list[_Link]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            _LINKS,
            {
                "manifests": list(manifests),
                "roles": [BlobRole.LAYER, BlobRole.CONFIG],
            },
        )
        for manifest, *link in cursor.fetchall():
            found.setdefault(manifest, []).append(_Link(*link))
    return found


def _holders(blobs: Collection[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, {"blobs": list(blobs), "at_most": COUNT_TO + 1})
        return dict(cursor.fetchall())


def _tags(repository: Repository, manifests: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    named = Tag.objects.filter(repository=repository, manifest__in=manifests).order_by(
        "-sort_key", "-name"
    )
    for manifest, name in named.values_list("manifest_id", "name"):
        found.setdefault(manifest, []).append(name)
    return found


def _layers(
    links: Sequence[_Link],
    images: Mapping[int, ImageConfig],
    holders: Mapping[int, int],
    *,
    itself: bool,
) -> list[LayerOfManifestRow]:
    """The layers in order; `itself` says whether the manifest is one of its layers' holders."""
    layers = [link for link in links if link.role == BlobRole.LAYER]
    image = _image(links, images)
    steps = align(image.history if image else [], len(layers)).layers
    return [
        LayerOfManifestRow(
            digest=link.digest,
            size=link.size,
            media_type=link.media_type,
            created_by=None if step is None else str(step),
            shared_with=max(holders.get(link.blob, 0) - itself, 0),
            foreign=link.size > 0 and link.stored_bytes == 0,
        )
        for link, step in zip(layers, steps, strict=True)
    ]


def _config(
    manifest: Manifest, links: Sequence[_Link], images: Mapping[int, ImageConfig]
) -> ConfigRow | None:
    if not manifest.config_digest:
        return None
    link = next((link for link in links if link.role == BlobRole.CONFIG), None)
    return ConfigRow(
        digest=manifest.config_digest,
        size=link.size if link else None,
        media_type=link.media_type if link else None,
        image=_image(links, images),
    )


def _image(links: Sequence[_Link], images: Mapping[int, ImageConfig]) -> ImageConfig | None:
    return next((images.get(link.blob) for link in links if link.role == BlobRole.CONFIG), None)
