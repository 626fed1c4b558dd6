"""What tags were seen to do, the audit trail, and the seals over both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from registry_browser.api.pagination import cursor_for, next_address, read_cursor
from registry_browser.api.parameters import PageParameters, Parameters
from registry_browser.api.serializers.history import (
    AuditSerializer,
    HistorySerializer,
    SealSerializer,
)
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.views.base import ListView
from registry_browser.models import EventSource, Seal, TagEventKind
from registry_browser.queries.audit import AuditFilter
from registry_browser.queries.history.arrivals import arrivals
from registry_browser.queries.history.events import event_rows, matching
from registry_browser.queries.history.moments import stood_at
from registry_browser.queries.history.registries import registry_ids
from registry_browser.queries.history.scope import HistoryFilter, Scope, repository_scope
from registry_browser.queries.history.times import read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from registry_browser.models import User


class MomentField(serializers.CharField):
    """A moment in ISO 8601; a day alone is its first moment, or its last with `end_of_day`."""

    def __init__(self, *, end_of_day: bool = False, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.end_of_day = end_of_day

    def to_internal_value(self, data: Any) -> Any:
        try:
            return read_moment(super().to_internal_value(data), end_of_day=self.end_of_day)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class HistoryFilters(Parameters):
    tag = serializers.CharField(required=False, help_text="A tag; `*` and `?` match any.")
    digest = serializers.CharField(
        required=False, help_text="What came or went: a digest, or six digits or more of its start."
    )
    actor = serializers.CharField(required=False, help_text="Who did it.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        EventSource.values, required=False, help_text="How it is known."
    )
    event = serializers.ChoiceField(TagEventKind.values, required=False, help_text="What happened.")
    since = MomentField(help_text="Seen at or after this moment.")
    until = MomentField(end_of_day=True, help_text="Seen by this moment.")


class WholeHistoryFilters(HistoryFilters):
    registry = serializers.CharField(required=False, help_text="Of this name; it may be gone.")
    prefix = serializers.CharField(
        required=False, help_text="The repository at this path, and those below it."
    )


class HistoryParameters(HistoryFilters, PageParameters):
    at = MomentField(help_text="Tags as they stood at this moment, by repository and tag.")


class WholeHistoryParameters(WholeHistoryFilters, HistoryParameters):
    pass


def history_wanted(asked: Mapping[str, Any]) -> HistoryFilter:
    """The filter that these parameters mean."""
    return HistoryFilter(
        tag=asked.get("tag", ""),
        digest=asked.get("digest", ""),
        path=asked.get("prefix", ""),
        actor=asked.get("actor", ""),
        source=asked.get("source", ""),
        kind=asked.get("event", ""),
        since=asked.get("since"),
        until=asked.get("until"),
    )


def whole_scope(asked: Mapping[str, Any]) -> Scope:
    """Everything, or one registry, which may be gone."""
    name = asked.get("registry")
    return Scope(registries=registry_ids(name) if name else None)


class _History(ListView):
    serializer = HistorySerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"seen_at": ("seen_at", "id")}
    default_ordering = "-seen_at"

    def scope(self, **place: str) -> Scope:
        raise NotImplementedError

    def rows(self, **place: str) -> QuerySet[Any]:
        return matching(self.scope(**place), history_wanted(self.asked))

    def show(self, rows: list[Any]) -> Sequence[Any]:
        return event_rows(rows)

    def get(self, request: Request, **place: str) -> Response:
        """Events, newest first; with `at`, tags as they stood."""
        if (moment := self.asked.get("at")) is None:
            return super().get(request, **place)
        return self._stood(request, moment, self.scope(**place))

    def _stood(self, request: Request, moment: datetime, scope: Scope) -> Response:
        where = f"{request.path}:at"
        cursor = self.asked.get("cursor")
        after = "" if cursor is None else str(read_cursor(cursor, place=where)[0])
        page = stood_at(
            scope,
            moment,
            wanted=history_wanted(self.asked),
            after=after,
            size=self.asked["page_size"],
        )
        following = (
            next_address(request, cursor_for([page.after], place=where)) if page.after else None
        )
        answer = page_of(self.serializer)({"results": arrivals(page.rows), "next": following})
        return Response(answer.data)


@extend_schema_view(
    get=extend_schema(
        operation_id="listRepositoryHistory",
        summary="List what the tags of a repository did",
        tags=["history"],
        responses=page_of(HistorySerializer),
    )
)
class RepositoryHistory(_History):
    """Changes of the tags of one repository, newest first."""

    parameters = HistoryParameters

    def scope(self, **place: str) -> Scope:
        return repository_scope(self.repository(place["name"], place["path"]))


@extend_schema_view(
    get=extend_schema(
        operation_id="listHistory",
        summary="List what all tags did",
        tags=["history"],
        responses=page_of(HistorySerializer),
    )
)
class History(_History):
    """Changes of all tags, newest first, of registries that were removed too; for auditors."""

    parameters = WholeHistoryParameters

    def scope(self, **place: str) -> Scope:
        auditors_only(self.user)
        return whole_scope(self.asked)


def auditors_only(user: User) -> None:
    """Raises PermissionDenied."""
    if not user.is_auditor:
        raise PermissionDenied("Only an auditor or an admin may read this.")


class AuditFilters(Parameters):
    actor = serializers.CharField(required=False, help_text="Who did it.")
    action = serializers.CharField(
        required=False, help_text="An action (`sync:requested`), or a subject (`sync`)."
    )
    about = serializers.CharField(required=False, help_text="Text in what it was done to.")
    since = MomentField(help_text="At or after this moment.")
    until = MomentField(end_of_day=True, help_text="By this moment.")


class AuditParameters(AuditFilters, PageParameters):
    pass


def audit_wanted(asked: Mapping[str, Any]) -> AuditFilter:
    """The filter that these parameters mean."""
    names = ("actor", "action", "about", "since", "until")
    return AuditFilter(**{name: asked[name] for name in names if name in asked})


@extend_schema_view(
    get=extend_schema(
        operation_id="listAuditEvents",
        summary="List what people did",
        tags=["history"],
        responses=page_of(AuditSerializer),
    )
)
class AuditTrail(ListView):
    """The audit trail of the dashboard, newest first; for auditors."""

    parameters = AuditParameters
    serializer = AuditSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"at": ("at", "id")}
    default_ordering = "-at"

    def rows(self, **place: str) -> QuerySet[Any]:
        auditors_only(self.user)
        return audit_wanted(self.asked).matching()


@extend_schema_view(
    get=extend_schema(
        operation_id="listSeals",
        summary="List the seals",
        tags=["history"],
        responses=page_of(SealSerializer),
    )
)
class Seals(ListView):
    """The chain of seals over both ledgers, newest first; for auditors."""

    serializer = SealSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"number": ("number",)}
    default_ordering = "-number"

    def rows(self, **place: str) -> QuerySet[Any]:
        auditors_only(self.user)
        return Seal.objects.all()
