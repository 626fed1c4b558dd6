"""The ledgers as one sealed file: CSV or JSON lines, streamed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from registry_browser.api.views.base import ApiView
from registry_browser.api.views.history import (
    AuditFilters,
    HistoryFilters,
    WholeHistoryFilters,
    audit_wanted,
    auditors_only,
    history_wanted,
    whole_scope,
)
from registry_browser.history import seals
from registry_browser.history.downloads import FORMS, start_download
from registry_browser.queries.audit import every_audit_row
from registry_browser.queries.history.events import every_row
from registry_browser.queries.history.scope import Scope, repository_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request

_FILE = {(200, media.partition(";")[0]): OpenApiTypes.BINARY for media in FORMS.values()}


class FormParameter(serializers.Serializer[Any]):
    form = serializers.ChoiceField(
        list(FORMS), default="jsonl", help_text="CSV, safe in a spreadsheet, or JSON lines."
    )


class HistoryExportParameters(FormParameter, HistoryFilters):
    pass


class WholeHistoryExportParameters(FormParameter, WholeHistoryFilters):
    pass


class AuditExportParameters(FormParameter, AuditFilters):
    pass


class _Export(ApiView):
    """A file whose last line is its manifest: filters, rows, SHA-256 of all before, seal."""

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        # The address says in which form; problems are JSON, whatever form that is.
        return JSONRenderer(), JSONRenderer.media_type

    def file(
        self,
        ledger: str,
        filters: dict[str, Any],
        rows: Callable[[int], Iterable[tuple[Any, ...]]],
    ) -> StreamingHttpResponse:
        found = start_download(
            ledger,
            self.asked["form"],
            filters=filters,
            actor=self.user.username,
            now=timezone.now(),
        )
        return StreamingHttpResponse(found.lines(rows(found.ending.up_to)), headers=found.headers)

    def history(self, scope: Scope, **place: str) -> StreamingHttpResponse:
        wanted = history_wanted(self.asked)
        return self.file(
            "tags",
            {**wanted.as_dict(), **place},
            lambda up_to: every_row(scope, replace(wanted, up_to=up_to), seals.TAGS.fields),
        )


class HistoryExport(_Export):
    parameters = WholeHistoryExportParameters

    @extend_schema(
        operation_id="exportHistory",
        summary="Download what all tags did",
        tags=["history"],
        responses=_FILE,
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Changes of all tags, newest first, ending in a manifest with their seal; for auditors.
        `manage.py verify_history --export` checks the file.
        """
        auditors_only(self.user)
        names = {"registry": name} if (name := self.asked.get("registry")) else {}
        return self.history(whole_scope(self.asked), **names)


class RepositoryHistoryExport(_Export):
    parameters = HistoryExportParameters

    @extend_schema(
        operation_id="exportRepositoryHistory",
        summary="Download what the tags of a repository did",
        tags=["history"],
        responses=_FILE,
    )
    def get(self, request: Request, name: str, path: str) -> StreamingHttpResponse:
        """The same for one repository; for auditors."""
        auditors_only(self.user)
        scope = repository_scope(self.repository(name, path))
        return self.history(scope, registry=name, repository=path)


class AuditExport(_Export):
    parameters = AuditExportParameters

    @extend_schema(
        operation_id="exportAuditEvents",
        summary="Download what people did",
        tags=["history"],
        responses=_FILE,
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The audit trail, newest first, ending in a manifest with its seal; for auditors."""
        auditors_only(self.user)
        wanted = audit_wanted(self.asked)
        return self.file(
            "audit",
            wanted.as_dict(),
            lambda up_to: every_audit_row(replace(wanted, up_to=up_to), seals.AUDIT.fields),
        )
