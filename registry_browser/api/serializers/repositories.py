"""Repositories and their tags."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from registry_browser.api.serializers.times import TimeField

# drf-spectacular reads annotations at run time.
from registry_browser.queries.tags import TagRow  # noqa: TC001


class RepositorySerializer(serializers.Serializer[Any]):
    """A repository with the figures of its last stored observation."""

    path = serializers.CharField()
    tags = serializers.IntegerField()
    manifests = serializers.IntegerField(help_text="Manifests present, live or not.")
    dangling = serializers.IntegerField(help_text="Manifests that no tag reaches.")
    apparent_bytes = serializers.IntegerField(
        help_text="The sum over all manifests, as if nothing were shared."
    )
    stored_bytes = serializers.IntegerField(help_text="Each blob and manifest body once.")
    exclusive_bytes = serializers.IntegerField(
        help_text="What no other repository of the registry holds."
    )
    reclaimable_bytes = serializers.IntegerField(
        help_text="What goes if everything dangling in it goes."
    )
    complete = serializers.BooleanField(help_text="Whether the last look at it saw everything.")
    incomplete_reason = serializers.CharField(help_text="Why not, in a sentence; or empty.")
    synced_at = TimeField(allow_null=True)
    gone_at = TimeField(
        allow_null=True, help_text="When the registry was seen not to have it any more."
    )


class TagSerializer(serializers.Serializer[Any]):
    """A tag and what it points to."""

    name = serializers.CharField()
    digest = serializers.CharField()
    media_type = serializers.CharField()
    artifact_type = serializers.CharField()
    kind = serializers.CharField()
    platforms = serializers.SerializerMethodField()
    size_bytes = serializers.IntegerField(
        help_text=(
            "What a plain pull transfers: of an index, its linux/amd64 image where there is one."
        )
    )
    image_created_at = TimeField(allow_null=True)
    first_seen_at = TimeField()
    changed_at = TimeField(help_text="When we saw it begin to point to this digest.")

    def get_platforms(self, row: TagRow) -> list[str]:
        """`linux/arm64` and the like: those of an index without its attestations, or the image's
        own.
        """
        if row.kind == "index":
            return [child.platform for child in row.platforms if child.platform]
        return [row.size_platform] if row.size_platform else []
