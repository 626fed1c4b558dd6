"""Layers and how they are shared."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class LayerSerializer(serializers.Serializer[Any]):
    """A layer of a registry."""

    digest = serializers.CharField()
    media_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Compressed bytes.")
    stored_bytes = serializers.IntegerField(
        help_text="The same, or 0 for a layer that is fetched from elsewhere."
    )
    references = serializers.IntegerField(
        help_text="Its places in manifests; it can stand twice in one."
    )
    manifests = serializers.IntegerField(help_text="Present manifests that hold it.")
    repositories = serializers.IntegerField(help_text="Repositories that hold it.")
    saved_bytes = serializers.IntegerField(
        help_text="What sharing saves: stored_bytes times (manifests less one)."
    )
