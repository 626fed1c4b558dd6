"""Space of a registry, or of what is below a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from registry_browser.api.parameters import Parameters
from registry_browser.api.serializers.space import SpaceSerializer
from registry_browser.api.views.base import ApiView
from registry_browser.reports.summary import space_summary

if TYPE_CHECKING:
    from rest_framework.request import Request


class SpaceParameters(Parameters):
    prefix = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=255,
        help_text="A repository or namespace, without a slash at its end.",
    )


class Space(ApiView):
    """What is stored, shared and reclaimable."""

    parameters = SpaceParameters

    @extend_schema(
        operation_id="getSpace",
        summary="Read the space report",
        tags=["space"],
        responses=SpaceSerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        """The figures of the repository at `prefix` and all below it, as one set."""
        prefix = self.asked["prefix"].strip("/")
        summary = space_summary(self.registry(name), prefix)
        if summary is None:
            raise NotFound(f"The registry {name} has nothing at or below {prefix} in the record.")
        return Response(SpaceSerializer(summary).data)
