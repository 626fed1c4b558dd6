"""Manifests, with everything that the record knows of one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from registry_browser.api.serializers.times import TimeField
from registry_browser.models import PresenceState

# drf-spectacular reads annotations at run time.
from registry_browser.queries.manifest_contents import ManifestContentRow  # noqa: TC001

GONE = "gone"
STATES = (*(state.name.lower() for state in PresenceState), GONE)


class ChildSerializer(serializers.Serializer[Any]):
    """An entry of an index."""

    digest = serializers.CharField()
    platform = serializers.CharField(help_text="`linux/arm64`; empty for what is not made for one.")
    media_type = serializers.CharField()
    size = serializers.IntegerField(source="body_bytes", help_text="Bytes of the manifest itself.")
    attests = serializers.CharField(
        help_text="The digest that this attestation is about; or empty."
    )
    known = serializers.SerializerMethodField()

    def get_known(self, row: Any) -> bool:
        """Whether the record has the manifest; an index can name what is not there."""
        return row.manifest is not None


class LayerOfManifestSerializer(serializers.Serializer[Any]):
    """A layer in its place, from the base up."""

    digest = serializers.CharField()
    size = serializers.IntegerField(help_text="Compressed bytes.")
    media_type = serializers.CharField()
    created_by = serializers.CharField(
        allow_null=True, help_text="The step that made it; null where nobody tells."
    )
    shared_with = serializers.IntegerField(
        help_text="How many other manifests in the registry hold it, 1,000 at most."
    )
    foreign = serializers.BooleanField(
        help_text="Whether it is fetched from elsewhere, and not stored here."
    )


class ImageConfigSerializer(serializers.Serializer[Any]):
    """What the config of an image says."""

    created_at = TimeField(allow_null=True)
    author = serializers.CharField()
    env = serializers.ListField(child=serializers.CharField())
    entrypoint = serializers.ListField(child=serializers.CharField())
    cmd = serializers.ListField(child=serializers.CharField())
    labels = serializers.DictField(child=serializers.CharField())
    ports = serializers.ListField(child=serializers.CharField())
    volumes = serializers.ListField(child=serializers.CharField())
    user = serializers.CharField()
    working_dir = serializers.CharField()
    stop_signal = serializers.CharField()


class ConfigSerializer(serializers.Serializer[Any]):
    """The config blob of a manifest."""

    digest = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)
    media_type = serializers.CharField(allow_null=True)
    image = ImageConfigSerializer(
        allow_null=True, help_text="Null where it is no image config, or could not be read."
    )


class ManifestSerializer(serializers.Serializer[Any]):
    """A manifest in a repository."""

    digest = serializers.CharField(source="manifest.digest")
    media_type = serializers.CharField(source="manifest.media_type")
    artifact_type = serializers.CharField(source="manifest.artifact_type")
    kind = serializers.CharField(source="manifest.kind")
    problem = serializers.CharField(
        source="manifest.problem", help_text="Why it could not be parsed; or empty."
    )
    platform = serializers.CharField(source="manifest.platform")
    body_bytes = serializers.IntegerField(
        source="manifest.body_bytes", help_text="Of the manifest itself."
    )
    pull_bytes = serializers.IntegerField(
        source="manifest.pull_bytes", help_text="What a plain pull transfers."
    )
    state = serializers.SerializerMethodField()
    tags = serializers.ListField(
        child=serializers.CharField(), help_text="The tags that point to it."
    )
    parents = serializers.ListField(
        child=serializers.CharField(),
        help_text="Digests of the indexes here that name it, 1,000 at most.",
    )
    children = ChildSerializer(many=True)
    referrers = serializers.ListField(
        child=serializers.CharField(),
        help_text="Digests of the manifests here whose subject it is, 1,000 at most.",
    )
    subject = serializers.CharField(
        source="manifest.subject", help_text="The digest it refers to; or empty."
    )
    layers = LayerOfManifestSerializer(many=True)
    config = ConfigSerializer(allow_null=True)
    annotations = serializers.DictField(
        source="manifest.annotations", child=serializers.CharField()
    )
    exclusive_bytes = serializers.IntegerField(
        help_text=(
            "What nothing else in the registry holds, of it and of what it reaches as an index."
        )
    )
    image_created_at = TimeField(source="manifest.image_created_at", allow_null=True)
    first_seen_at = TimeField(source="presence.first_seen_at")
    last_seen_at = TimeField(source="presence.last_seen_at")
    pushed_at = TimeField(source="presence.pushed_at", allow_null=True)
    untagged_since = TimeField(source="presence.untagged_since", allow_null=True)
    gone_at = TimeField(source="presence.gone_at", allow_null=True)
    raw = serializers.SerializerMethodField()

    def get_state(self, row: ManifestContentRow) -> str:
        """tagged, child, referrer, dangling or gone."""
        return GONE if row.presence.gone_at else PresenceState(row.presence.state).name.lower()

    def get_raw(self, row: ManifestContentRow) -> str:
        """The body as the registry served it: encoded as UTF-8 it has the digest again, if UTF-8 it
        was.
        """
        return row.body.decode("utf-8", errors="replace")
