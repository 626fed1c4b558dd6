"""Deliveries: what registries told the dashboard."""

from __future__ import annotations

from rest_framework import serializers

from registry_browser.models import Delivery, ToldEvent


class ToldSerializer(serializers.ModelSerializer[ToldEvent]):
    """One change that a delivery told of."""

    event = serializers.SerializerMethodField()
    repository = serializers.CharField(source="path")

    class Meta:
        model = ToldEvent
        fields = (
            "event",
            "repository",
            "tag",
            "digest",
            "at",
            "received_at",
            "actor",
            "outcome",
        )
        read_only_fields = fields

    def get_event(self, told: ToldEvent) -> str:
        """`push` or `delete`."""
        return "delete" if told.deletes else "push"


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """A delivery, without its body. `run` is the sync that it became."""

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "state",
            "received_at",
            "summary",
            "detail",
            "events",
            "repeats",
            "run",
        )
        read_only_fields = fields


class WholeDeliverySerializer(DeliverySerializer):
    """A delivery as it came, with what it told, in its order."""

    told = ToldSerializer(many=True)
    body = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields: tuple[str, ...] = (*DeliverySerializer.Meta.fields, "headers", "body", "told")
        read_only_fields = fields

    def get_body(self, delivery: Delivery) -> str:
        """The raw body as text."""
        return bytes(delivery.body).decode(errors="replace")
