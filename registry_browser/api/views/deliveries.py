"""Deliveries: what registries told the dashboard, for admins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.response import Response

from registry_browser.api.parameters import PageParameters
from registry_browser.api.serializers.deliveries import (
    DeliverySerializer,
    WholeDeliverySerializer,
)
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.models import DeliveryState
from registry_browser.queries.deliveries import deliveries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

TAGS = ["notifications"]


class DeliveryParameters(PageParameters):
    state = serializers.ChoiceField(
        DeliveryState.choices, required=False, help_text="Only deliveries in this state."
    )


class _ForAdmins(ApiView):
    """Raw bodies are what anybody with the secret sent: they are for who set it up."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not self.user.is_admin:
            raise PermissionDenied("Only an admin may read deliveries.")


@extend_schema_view(
    get=extend_schema(
        operation_id="listDeliveries",
        summary="List what a registry told",
        tags=TAGS,
        responses=page_of(DeliverySerializer),
    )
)
class DeliveryList(_ForAdmins, ListView):
    """The deliveries of one registry, the newest first; kept for 14 days. For admins."""

    parameters = DeliveryParameters
    serializer = DeliverySerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("id",)}
    default_ordering = "-id"

    def rows(self, **place: str) -> QuerySet[Any]:
        return deliveries(self.registry(place["name"]), state=self.asked.get("state", ""))


class DeliveryDetail(_ForAdmins):
    """One delivery."""

    @extend_schema(
        operation_id="getDelivery",
        summary="Read what a registry told",
        tags=TAGS,
        responses=WholeDeliverySerializer,
    )
    def get(self, request: Request, name: str, id: int) -> Response:
        """The delivery as it came, and what became of each change that it told of. For admins."""
        rows = deliveries(self.registry(name)).defer(None)
        delivery = rows.filter(pk=id).prefetch_related("told").first()
        if delivery is None:
            raise NotFound(f"There is no delivery {id} of {name}. They are kept for 14 days.")
        return Response(WholeDeliverySerializer(delivery).data)
