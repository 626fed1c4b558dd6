"""Events of tags, the audit trail, and seals."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from registry_browser.api.serializers.times import TimeField


class HistorySerializer(serializers.Serializer[Any]):
    """One change of one tag. Asked for a moment (`at`), it is the change by which the tag came to
    what it pointed to then.
    """

    registry = serializers.CharField(help_text="Its name then; it may be gone by now.")
    repository = serializers.CharField(source="path")
    tag = serializers.CharField()
    event = serializers.ChoiceField(
        ["created", "moved", "deleted", "restored"],
        source="kind",
        help_text="`created` without `not_before`: it was there at the first look.",
    )
    old_digest = serializers.CharField(help_text="Empty where the tag came into being.")
    new_digest = serializers.CharField(help_text="Empty where the tag was deleted.")
    not_before = TimeField(
        allow_null=True, help_text="Until then the old state was seen; null: not known."
    )
    seen_at = TimeField(help_text="By then the new state was seen.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        ["sync", "notification", "deletion", "import"]
    )
    actor = serializers.CharField(help_text="Who did it, where anyone says; or empty.")
    certainty = serializers.CharField(
        default="",
        help_text="Asked for a moment: `known`, or `between` where the tag changed around it.",
    )
    following_digest = serializers.CharField(
        default="", help_text="With `between`: what the tag may have pointed to already."
    )


class AuditSerializer(serializers.Serializer[Any]):
    """One thing that somebody did in the dashboard."""

    at = TimeField()
    actor = serializers.CharField()
    action = serializers.CharField(help_text="`subject:verb`")
    about = serializers.CharField()
    detail = serializers.JSONField()
    address = serializers.CharField(allow_null=True, help_text="IP address of the client.")


class SealSerializer(serializers.Serializer[Any]):
    """One link of the chain of seals over both ledgers."""

    number = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 in hex.")
    previous = serializers.CharField(help_text="The digest of the seal before; or empty.")
    sealed_at = TimeField()
    tags_first = serializers.IntegerField(help_text="Ids of events of tags that it covers.")
    tags_last = serializers.IntegerField()
    tags_count = serializers.IntegerField()
    audit_first = serializers.IntegerField(help_text="Ids of audit events that it covers.")
    audit_last = serializers.IntegerField()
    audit_count = serializers.IntegerField()
