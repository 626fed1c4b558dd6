"""Deletion plans and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from registry_browser.api.parameters import Strict
from registry_browser.deletion.plan import read_grace
from registry_browser.models import DeletionItem, DeletionKept, DeletionPlan, Outcome, PlanState
from registry_browser.oci.digest import is_digest
from registry_browser.oci.reference import is_valid_path

if TYPE_CHECKING:
    from datetime import timedelta

    from rest_framework.request import Request

MOST_CHOSEN = 5_000
ROWS_SHOWN = 10_000
"""Items, and kept manifests, in one answer; `item_count` and `kept_count` tell of more."""


def address_of(plan: DeletionPlan, request: Request) -> str:
    """The absolute address of a plan."""
    return reverse("api:deletion", kwargs={"id": plan.pk}, request=request)


class PlanSerializer(serializers.ModelSerializer[DeletionPlan]):
    """A plan without its items."""

    url = serializers.SerializerMethodField()
    registry = serializers.CharField(source="registry_name")
    grace_seconds = serializers.SerializerMethodField(help_text="What is younger is kept.")
    reclaimable_bytes = serializers.IntegerField(
        help_text="What comes back when all of it is gone and the registry has collected garbage."
    )
    freed_bytes = serializers.IntegerField(help_text="The same for what was really deleted.")
    words = serializers.CharField(help_text="What must be sent to approve it, if not empty.")

    class Meta:
        model = DeletionPlan
        fields = (
            "id",
            "url",
            "registry",
            "prefix",
            "state",
            "phase",
            "creator",
            "created_at",
            "expires_at",
            "grace_seconds",
            "item_count",
            "kept_count",
            "reclaimable_bytes",
            "layer_bytes",
            "config_bytes",
            "body_bytes",
            "freed_bytes",
            "words",
            "needs_second_person",
            "approver",
            "approved_at",
            "started_at",
            "finished_at",
            "error",
            "cancel_requested",
            "undo_state",
            "undo_error",
            "walk",
            "notes",
        )
        read_only_fields = fields

    def get_url(self, plan: DeletionPlan) -> str:
        """The address of the plan."""
        return address_of(plan, self.context["request"])

    def get_grace_seconds(self, plan: DeletionPlan) -> float:
        return plan.grace.total_seconds()


class ItemSerializer(serializers.ModelSerializer[DeletionItem]):
    """One deletion."""

    repository = serializers.CharField(source="path")
    reason = serializers.ListField(child=serializers.CharField(), source="reasons")
    bytes = serializers.IntegerField(
        source="bytes_alone", help_text="What comes back if only this one goes; they do not add up."
    )
    outcome = serializers.ChoiceField(Outcome.choices)

    class Meta:
        model = DeletionItem
        fields = (
            "repository",
            "digest",
            "what",
            "reason",
            "because_of",
            "bytes",
            "outcome",
            "status",
            "detail",
            "undo",
            "undo_detail",
        )
        read_only_fields = fields


class KeptSerializer(serializers.ModelSerializer[DeletionKept]):
    """A manifest without a tag that stays."""

    repository = serializers.CharField(source="path")
    reason = serializers.SerializerMethodField()

    class Meta:
        model = DeletionKept
        fields = ("repository", "digest", "because", "reason", "holder")
        read_only_fields = fields

    def get_reason(self, kept: DeletionKept) -> list[str]:
        return [kept.reason]


class PlanDetailSerializer(PlanSerializer):
    """A plan with what goes and what stays: the first 10,000 of each."""

    items = serializers.SerializerMethodField()
    kept = serializers.SerializerMethodField()

    class Meta:
        model = DeletionPlan
        fields = (*PlanSerializer.Meta.fields, "items", "kept")
        read_only_fields = fields

    @extend_schema_field(ItemSerializer(many=True))
    def get_items(self, plan: DeletionPlan) -> Any:
        rows = DeletionItem.objects.filter(plan=plan).order_by("position")[:ROWS_SHOWN]
        return ItemSerializer(rows, many=True).data

    @extend_schema_field(KeptSerializer(many=True))
    def get_kept(self, plan: DeletionPlan) -> Any:
        rows = DeletionKept.objects.filter(plan=plan)[:ROWS_SHOWN]
        return KeptSerializer(rows, many=True).data


class PlanBody(Strict):
    """What to plan. Making a plan deletes nothing."""

    registry = serializers.CharField(help_text="Its name.")
    prefix = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="A repository or namespace."
    )
    digests = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        default=list,
        max_length=MOST_CHOSEN,
        help_text="Only these manifests, with the children and referrers that go with them.",
    )
    grace = serializers.CharField(
        required=False, default="24h", help_text="What is younger is kept: `30m`, `24h`, `7d`."
    )

    def validate_prefix(self, prefix: str) -> str:
        prefix = prefix.strip("/")
        if prefix and not is_valid_path(prefix):
            raise serializers.ValidationError(
                f"“{prefix}” is no repository or namespace; write it as team/app."
            )
        return prefix

    def validate_digests(self, digests: list[str]) -> list[str]:
        if wrong := next((digest for digest in digests if not is_digest(digest)), None):
            raise serializers.ValidationError(f"“{wrong[:80]}” is no digest.")
        return digests

    def validate_grace(self, grace: str) -> timedelta:
        try:
            return read_grace(grace)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class ApproveBody(Strict):
    """Above a threshold, the words that the plan asks for."""

    words = serializers.CharField(required=False, default="", allow_blank=True)


class LockSerializer(serializers.Serializer[Any]):
    """A lock: what it covers is in no plan, nor are its children and referrers."""

    id = serializers.IntegerField(source="pk")
    registry = serializers.CharField()
    path = serializers.CharField(help_text="With all below it; empty: the whole registry.")
    digest = serializers.CharField(help_text="Only this manifest; empty: all that is there.")
    reason = serializers.CharField()
    actor = serializers.CharField()
    created_at = serializers.DateTimeField()


class LockBody(Strict):
    """What to lock, and why."""

    registry = serializers.CharField()
    path = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)
    digest = serializers.CharField(required=False, default="", allow_blank=True, max_length=140)
    reason = serializers.CharField(max_length=300)


STATES = PlanState.choices
