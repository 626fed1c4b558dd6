"""Runs: how background work goes, and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from registry_browser.api.errors import Conflict
from registry_browser.api.parameters import PageParameters
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.serializers.runs import RunSerializer
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.models import Registry, RunState, SyncRun
from registry_browser.queries.run_errors import run_errors
from registry_browser.sync.requests import cancel_sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from registry_browser.models import User

TAGS = ["runs"]
ERRORS_IN_A_LIST = 10
ERRORS_OF_ONE = 100


class RunParameters(PageParameters):
    registry = serializers.CharField(required=False, help_text="Only runs of this registry.")
    state = serializers.ChoiceField(
        RunState.choices, required=False, help_text="Only runs in this state."
    )


def visible_runs(user: User) -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(registry__in=Registry.objects.visible_to(user)).select_related(
        "registry"
    )


@extend_schema_view(
    get=extend_schema(
        operation_id="listRuns", summary="List runs", tags=TAGS, responses=page_of(RunSerializer)
    )
)
class RunList(ListView):
    """All runs, the newest first."""

    parameters = RunParameters
    serializer = RunSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("id",)}
    default_ordering = "-id"

    def rows(self, **place: str) -> QuerySet[Any]:
        runs = visible_runs(self.user)
        if registry := self.asked.get("registry"):
            runs = runs.filter(registry__name=registry)
        if state := self.asked.get("state"):
            runs = runs.filter(state=state)
        return runs

    def context(self, rows: list[Any]) -> dict[str, Any]:
        errors = run_errors([run.pk for run in rows], each=ERRORS_IN_A_LIST)
        return {**super().context(rows), "errors": errors}


class RunDetail(ApiView):
    """One run."""

    @extend_schema(operation_id="getRun", summary="Read a run", tags=TAGS, responses=RunSerializer)
    def get(self, request: Request, id: int) -> Response:
        """The run with its progress now. Ask again until its state is done, incomplete, failed or
        cancelled.
        """
        return Response(_shown(_run(self.user, id), request))


class RunCancel(ApiView):
    """The end of a run before its time."""

    @extend_schema(
        operation_id="cancelRun",
        summary="Cancel a run",
        tags=TAGS,
        request=None,
        responses={202: RunSerializer},
    )
    def post(self, request: Request, id: int) -> Response:
        """Ask the run to stop. What it has stored stays. For admins."""
        run = _run(self.user, id)
        if not run.is_active:
            raise Conflict(f"Run {run.pk} has ended already: it is {run.state}.")
        cancel_sync(run, actor=self.user.get_username(), now=timezone.now())
        return Response(_shown(_run(self.user, id), request), status.HTTP_202_ACCEPTED)


def _run(user: User, number: int) -> SyncRun:
    run = visible_runs(user).filter(pk=number).first()
    if run is None:
        raise NotFound(f"There is no run {number}. GET runs/ lists those there are.")
    return run


def _shown(run: SyncRun, request: Request) -> dict[str, Any]:
    errors = run_errors([run.pk], each=ERRORS_OF_ONE)
    return RunSerializer(run, context={"request": request, "errors": errors}).data
