"""Layers of a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from registry_browser.api.parameters import PageParameters, ordering_field
from registry_browser.api.serializers.layers import LayerSerializer
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.models import Blob
from registry_browser.queries.layers import LayerRow, layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request

TAGS = ["layers"]
ORDERINGS = {
    "digest": ("digest",),
    "size": ("size", "+digest"),
    "saved_bytes": ("saved_bytes", "+digest"),
    "manifests": ("layer_manifests", "+digest"),
    "repositories": ("holders", "+digest"),
}


class LayerParameters(PageParameters):
    ordering = ordering_field(ORDERINGS, default="digest")


@extend_schema_view(
    get=extend_schema(
        operation_id="listLayers",
        summary="List layers",
        tags=TAGS,
        responses=page_of(LayerSerializer),
    )
)
class LayerList(ListView):
    """The layers that present manifests of the registry hold."""

    parameters = LayerParameters
    serializer = LayerSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = ORDERINGS
    default_ordering = "digest"

    def rows(self, **place: str) -> QuerySet[Any]:
        return Blob.objects.filter(registry=self.registry(place["name"]), layer_manifests__gt=0)

    def show(self, rows: list[Any]) -> Sequence[Any]:
        return [LayerRow.of(blob) for blob in rows]


class LayerDetail(ApiView):
    """One layer."""

    @extend_schema(
        operation_id="getLayer", summary="Read a layer", tags=TAGS, responses=LayerSerializer
    )
    def get(self, request: Request, name: str, digest: str) -> Response:
        """The layer and how far it is shared. A config is found here too."""
        row = layer(self.registry(name), digest)
        if row is None:
            raise NotFound(f"The registry {name} has no layer {digest} in the record.")
        return Response(LayerSerializer(row).data)
