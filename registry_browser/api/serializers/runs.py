"""Runs: background work with its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from registry_browser.api.parameters import Strict
from registry_browser.models import SyncRun
from registry_browser.oci.reference import is_valid_path

if TYPE_CHECKING:
    from rest_framework.request import Request

KIND = "sync"


def address_of(run: SyncRun, request: Request) -> str:
    """The absolute address of a run."""
    return reverse("api:run", kwargs={"id": run.pk}, request=request)


class RunSerializer(serializers.ModelSerializer[SyncRun]):
    """A run. `errors` is filled by the view with one statement for a whole page."""

    url = serializers.SerializerMethodField()
    kind = serializers.ChoiceField([KIND], default=KIND)
    registry = serializers.CharField(source="registry.name")
    done = serializers.IntegerField(help_text="Repositories done.")
    total = serializers.IntegerField(
        allow_null=True, help_text="Repositories to do; null until they are listed."
    )
    errors = serializers.SerializerMethodField()  # type: ignore[assignment]  # a promised name
    question = serializers.CharField(
        help_text="What an admin must decide before the run's findings are believed."
    )
    whole = serializers.BooleanField(help_text="Whether all repositories are synced, or only some.")
    full_check = serializers.BooleanField(
        help_text="Whether each untagged manifest is asked for as well."
    )

    class Meta:
        model = SyncRun
        fields = (
            "id",
            "url",
            "kind",
            "registry",
            "state",
            "phase",
            "done",
            "total",
            "errors",
            "question",
            "trigger",
            "actor",
            "whole",
            "full_check",
            "cancel_requested",
            "created_at",
            "started_at",
            "finished_at",
            "tags_checked",
            "new_manifests",
            "changed_repositories",
            "incomplete_repositories",
            "requests",
            "bytes_received",
            "rate_limited_until",
        )
        read_only_fields = fields

    def get_url(self, run: SyncRun) -> str:
        """The address of the run."""
        return address_of(run, self.context["request"])

    def get_errors(self, run: SyncRun) -> list[str]:
        """What went wrong, the repository first: at most 10 in a list and 100 by the run's own
        address.
        """
        errors: dict[int, list[str]] = self.context["errors"]
        return [*([run.error] if run.error else []), *errors.get(run.pk, [])]

    def to_representation(self, instance: SyncRun) -> dict[str, Any]:
        return {**super().to_representation(instance), "kind": KIND}


class StartedRunSerializer(serializers.Serializer[Any]):
    """A run that was asked for: where to see how it goes."""

    id = serializers.IntegerField()
    state = serializers.CharField()
    url = serializers.URLField()


class SyncBody(Strict):
    """What to sync; all of the registry, if nothing is said."""

    repository = serializers.CharField(
        required=False, help_text="The path of the one repository to sync."
    )
    full_check = serializers.BooleanField(
        default=False, help_text="Ask for each untagged manifest as well, with one request each."
    )

    def validate_repository(self, path: str) -> str:
        if not is_valid_path(path):
            raise serializers.ValidationError(
                f"“{path}” is no repository path; write it as team/app."
            )
        return path
