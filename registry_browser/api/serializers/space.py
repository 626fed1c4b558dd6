"""Space: what a place stores, shares and could win back."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class SpaceByNamespaceSerializer(serializers.Serializer[Any]):
    """What lies right below the place."""

    path = serializers.CharField()
    is_namespace = serializers.BooleanField(
        help_text="Whether there is something below it; otherwise it is a repository."
    )
    repositories = serializers.IntegerField()
    manifests = serializers.IntegerField()
    dangling_manifests = serializers.IntegerField()
    apparent_bytes = serializers.IntegerField()
    stored_bytes = serializers.IntegerField()
    exclusive_bytes = serializers.IntegerField(
        help_text="Held by nothing outside it. Those of all rows never overlap."
    )
    reclaimable_bytes = serializers.IntegerField(help_text="If only this were cleaned.")


class SpaceSerializer(serializers.Serializer[Any]):
    """The bytes of a set of repositories: each blob once."""

    registry = serializers.CharField()
    prefix = serializers.CharField(help_text="Empty for the whole registry.")
    repositories = serializers.IntegerField()
    tags = serializers.IntegerField()
    manifests = serializers.IntegerField()
    dangling_manifests = serializers.IntegerField(
        help_text="Present, and reached from no tag. What could not be parsed is not counted."
    )
    apparent_bytes = serializers.IntegerField(help_text="As if nothing were shared.")
    stored_bytes = serializers.IntegerField(help_text="Each distinct blob and body once.")
    exclusive_bytes = serializers.IntegerField(help_text="Held by nothing else in the registry.")
    shared_bytes = serializers.IntegerField(
        help_text="Held by two or more of `by_namespace`, or by others too: what their exclusive "
        "bytes leave of stored_bytes."
    )
    saved_bytes = serializers.IntegerField(help_text="What sharing saves: apparent less stored.")
    reclaimable_bytes = serializers.IntegerField(
        help_text="What comes back once every dangling manifest of the set is gone."
    )
    complete = serializers.BooleanField(help_text="Whether all tags of all repositories were seen.")
    lists_untagged = serializers.BooleanField(
        help_text="Whether the registry lists untagged manifests."
    )
    untagged_known_since = serializers.DateTimeField(
        allow_null=True, help_text="Where it does not: since when untagged ones are known."
    )
    by_namespace = SpaceByNamespaceSerializer(many=True)
    by_namespace_total = serializers.IntegerField(
        help_text="How many there are; the 1,000 with most exclusive bytes are listed."
    )
