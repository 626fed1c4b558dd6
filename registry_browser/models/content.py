"""What digests name: manifests, blobs, and how they hold one another. Immutable once stored, and
stored once a registry.

Where a manifest *is* (its presences) and what points to it (tags) is in `presence.py`. Rows of the
link tables are narrow and many: bigint keys and no surrogate key where Django lets us.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.functions import Greatest

from registry_browser.models.registry import Registry

if TYPE_CHECKING:
    _Text = models.CharField[str, str]
else:
    _Text = models.CharField


class DigestField(_Text):
    """A digest as text, `sha256:…`; compared byte by byte."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 140, "db_collation": "C", **options})


class ManifestKind(models.TextChoices):
    IMAGE = "image", "Image"
    INDEX = "index", "Index"
    ARTIFACT = "artifact", "Artifact"
    SCHEMA1 = "schema1", "Schema 1 image"
    UNPARSED = "unparsed", "Unparsed"


class Manifest(models.Model):
    """A JSON document named by its digest.

    `content_bytes` are its own blobs, each once (compressed bytes); `pull_bytes` what a pull
    transfers: those of the image itself, or of the default platform (linux/amd64 where there is
    one) of an index. `chain` is that of its topmost layer, None where it has none.
    `problem` says why it is unparsed.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.CASCADE, related_name="manifests", db_constraint=False
    )
    digest = DigestField()
    kind = models.CharField(max_length=8, choices=ManifestKind.choices)
    media_type = models.CharField(max_length=255)
    artifact_type = models.CharField(max_length=255, blank=True)
    body_bytes = models.IntegerField()
    content_bytes = models.BigIntegerField()
    pull_bytes = models.BigIntegerField()
    config_digest = DigestField(blank=True)
    subject = DigestField(blank=True)
    os = models.CharField(max_length=64, blank=True)
    architecture = models.CharField(max_length=64, blank=True)
    variant = models.CharField(max_length=64, blank=True)
    os_version = models.CharField(max_length=64, blank=True)
    image_created_at = models.DateTimeField(null=True)
    annotations = models.JSONField(default=dict)
    problem = models.TextField(blank=True)
    stored_at = models.DateTimeField()
    chain = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            # The digest leads: it alone finds the row, also across registries.
            models.UniqueConstraint(fields=["digest", "registry"], name="manifest_digest")
        ]
        indexes = [
            # Referrers of a subject; most manifests have none. With the key, a repository's are
            # counted without reading those of all its registry.
            models.Index(
                fields=["subject", "registry"],
                include=["id"],
                name="manifest_subject",
                condition=~models.Q(subject=""),
            ),
            # Images whose layers are exactly those below some layer: what others are based on.
            models.Index(fields=["chain"], name="manifest_chain"),
        ]

    def __str__(self) -> str:
        return self.digest

    @property
    def platform(self) -> str:
        """`linux/arm/v7`, or the empty string where it has none."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class ManifestBody(models.Model):
    """The exact bytes, for display and for undo; apart, so that lists of manifests stay narrow."""

    manifest = models.OneToOneField(
        Manifest,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="stored_body",
        db_constraint=False,
    )
    body = models.BinaryField()


class Blob(models.Model):
    """Bytes named by a digest: a layer, a config, or the body of a manifest (registries store those
    as blobs too).

    `stored_bytes` is `size`, or 0 for a foreign layer, which the registry does not hold. `holders`
    counts the repositories where a present manifest refers to it, `live_holders` those where a live
    one does. `layer_manifests` counts the manifests that have it as a layer, once for each
    repository they are in, and `layer_places` its places in them, since a digest may stand twice in
    one. All are kept by `sync.figures.counts` and make space and sharing sums over this table.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.CASCADE, related_name="blobs", db_constraint=False
    )
    digest = DigestField()
    size = models.BigIntegerField()
    stored_bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=255)
    holders = models.IntegerField(default=0)
    live_holders = models.IntegerField(default=0)
    layer_manifests = models.IntegerField(default=0, db_default=0)
    layer_places = models.IntegerField(default=0, db_default=0)
    saved_bytes = models.GeneratedField(
        expression=models.F("stored_bytes")
        * Greatest(models.F("layer_manifests") - 1, models.Value(0)),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "registry"], name="blob_digest")]
        indexes = [
            # Lists of layers, biggest first; the others hold shared layers alone, which are few.
            models.Index(
                "registry",
                models.F("size").desc(),
                name="layer_by_size",
                condition=models.Q(layer_manifests__gt=0),
            ),
            models.Index(
                "registry",
                models.F("saved_bytes").desc(),
                name="layer_by_saved",
                condition=models.Q(layer_manifests__gt=1),
            ),
        ]

    def __str__(self) -> str:
        return self.digest


class BlobRole(models.IntegerChoices):
    LAYER = 1
    CONFIG = 2
    BODY = 3


class ManifestBlob(models.Model):
    """Manifest → blob. Layers are numbered from 0; a digest that stands in two places has two rows.
    The `chain` of a layer names it with all layers below it (`models.chains`); configs and bodies
    have none.
    """

    pk = models.CompositePrimaryKey("manifest_id", "role", "position")
    manifest = models.ForeignKey(
        Manifest,
        on_delete=models.CASCADE,
        related_name="blob_links",
        db_index=False,
        db_constraint=False,
    )
    blob = models.ForeignKey(
        Blob, on_delete=models.CASCADE, related_name="manifest_links", db_constraint=False
    )
    role = models.SmallIntegerField(choices=BlobRole.choices)
    position = models.IntegerField()
    chain = models.BigIntegerField(null=True)


class ManifestChild(models.Model):
    """Index → child digest. The child may be unknown: an index can name what the registry does not
    have.
    """

    pk = models.CompositePrimaryKey("manifest_id", "position")
    manifest = models.ForeignKey(
        Manifest,
        on_delete=models.CASCADE,
        related_name="children",
        db_index=False,
        db_constraint=False,
    )
    position = models.IntegerField()
    digest = DigestField(db_index=True)
    media_type = models.CharField(max_length=255)
    size = models.BigIntegerField()
    os = models.CharField(max_length=64, blank=True)
    architecture = models.CharField(max_length=64, blank=True)
    variant = models.CharField(max_length=64, blank=True)
    os_version = models.CharField(max_length=64, blank=True)
    artifact_type = models.CharField(max_length=255, blank=True)
    annotations = models.JSONField(default=dict)
    attests = DigestField(blank=True)

    @property
    def is_attestation(self) -> bool:
        return bool(self.attests)

    @property
    def platform(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class ImageConfig(models.Model):
    """A config blob, parsed once. `history` holds one object a step; `body` the exact bytes."""

    blob = models.OneToOneField(
        Blob,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="image_config",
        db_constraint=False,
    )
    created_at = models.DateTimeField(null=True)
    author = models.TextField(blank=True)
    env = models.JSONField(default=list)
    entrypoint = models.JSONField(default=list)
    cmd = models.JSONField(default=list)
    labels = models.JSONField(default=dict)
    ports = models.JSONField(default=list)
    volumes = models.JSONField(default=list)
    user = models.TextField(blank=True)
    working_dir = models.TextField(blank=True)
    stop_signal = models.TextField(blank=True)
    history = models.JSONField(default=list)
    body = models.BinaryField()
