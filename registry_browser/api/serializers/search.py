"""What a search finds."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

KINDS = ("registry", "place", "tag", "manifest", "layer")


class MatchSerializer(serializers.Serializer[Any]):
    """One match: what it is, what it is called, and its address in this API."""

    kind = serializers.ChoiceField(
        KINDS, help_text="A place is a repository, or a namespace above some."
    )
    name = serializers.CharField()
    registry = serializers.CharField()
    path = serializers.CharField(help_text="The repository or namespace; empty where it is none.")
    tag = serializers.CharField()
    digest = serializers.CharField()
    url = serializers.URLField(help_text="Where to read more.")


class SearchSerializer(serializers.Serializer[Any]):
    """The matches of a search, the best first. There is one page; a longer word finds fewer."""

    results = MatchSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="Always null.")
    more = serializers.BooleanField(help_text="Whether there are other matches than these.")
