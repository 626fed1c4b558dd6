"""The shapes that all addresses share: the problem detail, and the page of a list."""

from __future__ import annotations

from functools import cache
from typing import Any

from rest_framework import serializers


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem detail (RFC 9457)."""

    type = serializers.CharField(
        help_text="Names the kind of problem, and leads to its paragraph in the docs."
    )
    title = serializers.CharField(help_text="The kind of problem in words.")
    status = serializers.IntegerField(help_text="The HTTP status again.")
    detail = serializers.CharField(help_text="What is wrong this time, and what to do.")
    instance = serializers.CharField(help_text="The address that was asked.")
    errors = serializers.DictField(  # type: ignore[assignment]  # the name RFC 9457 uses
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Sentences by parameter or field, where the request itself is at fault.",
    )


@cache
def page_of(row: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The shape of one page of a list of `row`."""
    name = row.__name__.removesuffix("Serializer")
    fields = {
        "__doc__": f"A page of {name} rows.",
        "results": row(many=True),
        "next": serializers.URLField(
            allow_null=True, help_text="The address of the next page, or null on the last one."
        ),
    }
    return type(f"{name}PageSerializer", (serializers.Serializer,), fields)
