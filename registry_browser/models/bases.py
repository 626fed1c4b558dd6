"""What images stand on, counted at the end of a run by `sync.figures.bases`."""

from __future__ import annotations

from django.db import models

from registry_browser.models.content import DigestField
from registry_browser.models.registry import Registry


class BaseImage(models.Model):
    """Layers that several images have in common from the lowest one on, as far as they agree.

    `images` counts the present manifests that go on above them, `repositories` where those are.
    `stored_bytes` are those of the common layers, each once. `path`, `tag` and `digest` name the
    image first seen that has these layers and no others, or the index that it is a platform of;
    empty where nobody saw one.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.CASCADE, related_name="base_images", db_index=False
    )
    chain = models.BigIntegerField()
    top_layer = DigestField()
    layers = models.IntegerField()
    stored_bytes = models.BigIntegerField()
    images = models.IntegerField()
    repositories = models.IntegerField()
    path = models.CharField(max_length=255, blank=True)
    tag = models.CharField(max_length=128, blank=True)
    digest = DigestField(blank=True)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registry", "chain"], name="base_image")]
        indexes = [models.Index(fields=["registry", "-images"], name="base_image_order")]
