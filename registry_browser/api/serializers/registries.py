"""Registries: what is known about one, what an admin may say about one, and what a check found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from registry_browser.api.parameters import Strict
from registry_browser.models import Registry, RegistryState
from registry_browser.sync.registries import RegistryDetails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry_browser.sync.registries import RegistryRefused

YEAR = 366 * 24 * 3600
# How an admin connects is nobody else's business.
FOR_ADMINS = ("username", "has_secret", "token_realm", "ca_certificate")
_SECONDS = {"sync_interval": "sync_interval_seconds", "check_interval": "check_interval_seconds"}


class SecondsField(serializers.IntegerField):
    """A timedelta as whole seconds."""

    def to_representation(self, value: Any) -> int:
        return int(value.total_seconds())

    def to_internal_value(self, data: Any) -> Any:
        return timedelta(seconds=super().to_internal_value(data))

    def run_validators(self, value: Any) -> None:
        super().run_validators(int(value.total_seconds()))


class RegistrySerializer(serializers.ModelSerializer[Registry]):
    """A registry with its figures as of its last run. How it is connected is null for those who are
    no admins.
    """

    repositories = serializers.IntegerField(source="repository_count")
    tags = serializers.IntegerField(source="tag_count")
    manifests = serializers.IntegerField(
        source="manifest_count", help_text="Manifests present, live or not."
    )
    dangling = serializers.IntegerField(
        source="dangling_count", help_text="Manifests that no tag reaches."
    )
    apparent_bytes = serializers.IntegerField(
        help_text="The sum over all manifests, as if nothing were shared."
    )
    stored_bytes = serializers.IntegerField(help_text="Each blob and manifest body once.")
    reclaimable_bytes = serializers.IntegerField(help_text="What goes if everything dangling goes.")
    complete = serializers.BooleanField(help_text="Whether the last run saw everything.")
    incomplete_repositories = serializers.IntegerField(source="incomplete_count")
    capabilities = serializers.DictField(help_text="What the registry was found to be able to do.")
    state = serializers.ChoiceField(RegistryState.choices)
    follow = serializers.ListField(
        child=serializers.CharField(),
        help_text="Repositories, or namespaces ending in a slash, read in place of a catalog.",
    )
    sync_interval_seconds = SecondsField(source="sync_interval", allow_null=True)
    check_interval_seconds = SecondsField(source="check_interval", allow_null=True)
    username = serializers.CharField(allow_null=True)
    has_secret = serializers.BooleanField(
        allow_null=True, help_text="Whether a password or token is stored."
    )
    token_realm = serializers.CharField(allow_null=True)
    ca_certificate = serializers.CharField(allow_null=True)

    class Meta:
        model = Registry
        fields = (
            "name",
            "url",
            "dialect",
            "capabilities",
            "repositories",
            "tags",
            "manifests",
            "dangling",
            "stored_bytes",
            "apparent_bytes",
            "reclaimable_bytes",
            "complete",
            "incomplete_repositories",
            "synced_at",
            "catalog_complete_at",
            "next_sync_at",
            "created_at",
            "state",
            "state_since",
            "state_reason",
            "follow",
            "sync_interval_seconds",
            "check_interval_seconds",
            "concurrency",
            "requests_per_second",
            "verify_tls",
            "vanish_share",
            "deletion_allowed",
            "deletion_needs_second_person",
            *FOR_ADMINS,
        )
        read_only_fields = fields

    def to_representation(self, instance: Registry) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if not self.context["request"].user.is_admin:
            shown.update(dict.fromkeys(FOR_ADMINS))
        return shown


class RegistryBody(Strict):
    """What an admin may say about a registry. `secret` is stored encrypted and never shown."""

    name = serializers.CharField(max_length=63)
    url = serializers.CharField(max_length=500, help_text="`https://host` or `http://host:5000`.")
    username = serializers.CharField(max_length=255, required=False, allow_blank=True)
    secret = serializers.CharField(
        max_length=20_000,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        write_only=True,
        help_text="A password or token. Left out of a PATCH, the stored one stays.",
    )
    dialect = serializers.CharField(max_length=32, required=False, help_text="`auto` finds out.")
    token_realm = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="A token server on another host than the registry, confirmed by you.",
    )
    ca_certificate = serializers.CharField(
        max_length=100_000,
        required=False,
        allow_blank=True,
        help_text="The authority to trust, in PEM form.",
    )
    verify_tls = serializers.BooleanField(required=False)
    concurrency = serializers.IntegerField(required=False, min_value=1, max_value=256)
    requests_per_second = serializers.FloatField(
        required=False, allow_null=True, min_value=0.1, max_value=10_000
    )
    sync_interval_seconds = SecondsField(
        source="sync_interval", required=False, allow_null=True, min_value=10, max_value=YEAR
    )
    check_interval_seconds = SecondsField(
        source="check_interval", required=False, allow_null=True, min_value=10, max_value=YEAR
    )
    follow = serializers.ListField(
        child=serializers.CharField(max_length=256), required=False, max_length=1000
    )
    vanish_share = serializers.FloatField(required=False, min_value=0, max_value=1)
    deletion_allowed = serializers.BooleanField(required=False)
    deletion_needs_second_person = serializers.BooleanField(
        required=False, help_text="Another admin than its maker approves each deletion plan."
    )

    def details(self, registry: Registry | None = None) -> RegistryDetails:
        """What was said, over what is stored in `registry`; call it once the body is valid."""
        said: Mapping[str, Any] = self.validated_data
        said = {**said, "follow": tuple(said["follow"])} if "follow" in said else said
        return (
            RegistryDetails(**said)
            if registry is None
            else replace(stored_details(registry), **said)
        )


def stored_details(registry: Registry) -> RegistryDetails:
    """A registry as an admin would say it again, with its secret left as it is."""
    return RegistryDetails(
        name=registry.name,
        url=registry.url,
        username=registry.username,
        secret=None,
        dialect=registry.dialect,
        token_realm=registry.token_realm,
        ca_certificate=registry.ca_certificate,
        verify_tls=registry.verify_tls,
        concurrency=registry.concurrency,
        requests_per_second=registry.requests_per_second,
        sync_interval=registry.sync_interval,
        check_interval=registry.check_interval,
        follow=tuple(registry.follow),
        vanish_share=registry.vanish_share,
        deletion_allowed=registry.deletion_allowed,
        deletion_needs_second_person=registry.deletion_needs_second_person,
    )


def refusal(refused: RegistryRefused) -> serializers.ValidationError:
    """A refusal of the record, at the field of the body that it is about."""
    return serializers.ValidationError(
        {_SECONDS.get(refused.field, refused.field): [refused.message]}
    )


class CheckSerializer(serializers.Serializer[Any]):
    """What a registry answered when it was asked just now. Nothing is stored."""

    ok = serializers.BooleanField()
    sentence = serializers.CharField(help_text="What was found, for a person.")
    cause = serializers.CharField(help_text="The fault as the network or the registry gave it.")
    next_step = serializers.CharField()
    dialect = serializers.CharField()
    capabilities = serializers.DictField()
    realm = serializers.CharField(
        help_text="A token server on another host, to confirm as `token_realm`; or empty."
    )
