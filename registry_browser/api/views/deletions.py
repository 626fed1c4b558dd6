"""Deletion plans: make one, read it, approve it, have it run, cancel it, undo it; and locks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.response import Response

from registry_browser.api.errors import Conflict
from registry_browser.api.parameters import PageParameters
from registry_browser.api.serializers.deletions import (
    STATES,
    ApproveBody,
    LockBody,
    LockSerializer,
    PlanBody,
    PlanDetailSerializer,
    PlanSerializer,
    address_of,
)
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.deletion.requests import DeletionRefused, approve, cancel, discard
from registry_browser.deletion.store import plan_deletion
from registry_browser.models import DeletionPlan, Protection, Registry
from registry_browser.queries.deletions import LockRow, locks
from registry_browser.queries.tree import place
from registry_browser.tasks import remove_lock, set_lock, start_deletion, start_undo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

TAGS = ["deletions"]


class PlanParameters(PageParameters):
    registry = serializers.CharField(required=False, help_text="Only plans for this registry.")
    state = serializers.ChoiceField(STATES, required=False, help_text="Only plans in this state.")


@extend_schema_view(
    get=extend_schema(
        operation_id="listDeletions",
        summary="List deletion plans",
        tags=TAGS,
        responses=page_of(PlanSerializer),
    )
)
class PlanList(ListView):
    """All deletion plans, the newest first."""

    parameters = PlanParameters
    serializer = PlanSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("id",)}
    default_ordering = "-id"

    def rows(self, **place: str) -> QuerySet[Any]:
        plans = DeletionPlan.objects.visible_to(self.user)
        if registry := self.asked.get("registry"):
            plans = plans.filter(registry_name=registry)
        if state := self.asked.get("state"):
            plans = plans.filter(state=state)
        return plans

    @extend_schema(
        operation_id="planDeletion",
        summary="Plan a deletion",
        tags=TAGS,
        request=PlanBody,
        responses={201: PlanDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a plan from the record as it is now. Nothing is deleted by this. For admins."""
        body = PlanBody(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        registry = self.registry(said["registry"])
        if place(registry, said["prefix"]) is None:
            raise ValidationError(
                {"prefix": [f"No repository at or below {said['prefix']} was seen."]}
            )
        plan = plan_deletion(
            registry,
            actor=self.user.get_username(),
            now=timezone.now(),
            prefix=said["prefix"],
            digests=said["digests"],
            grace=said["grace"],
        )
        return Response(
            PlanDetailSerializer(plan, context={"request": request}).data,
            status.HTTP_201_CREATED,
            headers={"Location": address_of(plan, request)},
        )


class PlanView(ApiView):
    """What all addresses of one plan share."""

    def plan(self, number: int) -> DeletionPlan:
        plans = DeletionPlan.objects.visible_to(self.user).select_related("registry")
        plan = plans.filter(pk=number).first()
        if plan is None:
            raise NotFound(f"There is no plan {number}. GET deletions/ lists those there are.")
        return plan

    def shown(self, number: int, code: int = status.HTTP_200_OK) -> Response:
        context = {"request": self.request}
        return Response(PlanDetailSerializer(self.plan(number), context=context).data, code)


class PlanDetail(PlanView):
    """One plan."""

    @extend_schema(
        operation_id="getDeletion",
        summary="Read a deletion plan",
        tags=TAGS,
        responses=PlanDetailSerializer,
    )
    def get(self, request: Request, id: int) -> Response:
        """The plan with its items and what it keeps. While it runs, ask again: `phase` is empty
        when all is over.
        """
        return self.shown(id)

    @extend_schema(
        operation_id="discardDeletion",
        summary="Discard a deletion plan",
        tags=TAGS,
        responses={204: None},
    )
    def delete(self, request: Request, id: int) -> Response:
        """Give up a plan that has not run; it stays readable. For admins."""
        try:
            discard(self.plan(id), actor=self.user.get_username(), now=timezone.now())
        except DeletionRefused as refused:
            raise Conflict(str(refused)) from refused
        return Response(status=status.HTTP_204_NO_CONTENT)


class PlanApprove(PlanView):
    """The approval of a plan."""

    @extend_schema(
        operation_id="approveDeletion",
        summary="Approve a deletion plan",
        tags=TAGS,
        request=ApproveBody,
        responses=PlanDetailSerializer,
    )
    def post(self, request: Request, id: int) -> Response:
        """Approve the plan, with `words` where it asks for them; it does not run yet. For admins,
        and where the registry asks for two people, for another one than its maker.
        """
        body = ApproveBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            approve(
                self.plan(id),
                actor=self.user.get_username(),
                now=timezone.now(),
                words=body.validated_data["words"],
            )
        except DeletionRefused as refused:
            raise Conflict(str(refused)) from refused
        return self.shown(id)


class PlanRun(PlanView):
    """The run of a plan."""

    @extend_schema(
        operation_id="runDeletion",
        summary="Run a deletion plan",
        tags=TAGS,
        request=None,
        responses={202: PlanDetailSerializer},
    )
    def post(self, request: Request, id: int) -> Response:
        """Have a worker carry out an approved plan. For admins."""
        try:
            start_deletion(self.plan(id), actor=self.user.get_username(), now=timezone.now())
        except DeletionRefused as refused:
            raise Conflict(str(refused)) from refused
        return self.shown(id, status.HTTP_202_ACCEPTED)


class PlanCancel(PlanView):
    """The end of a run before its time."""

    @extend_schema(
        operation_id="cancelDeletion",
        summary="Cancel the run of a deletion plan",
        tags=TAGS,
        request=None,
        responses={202: PlanDetailSerializer},
    )
    def post(self, request: Request, id: int) -> Response:
        """Ask the run to stop after the call that is under way. For admins."""
        try:
            cancel(self.plan(id), actor=self.user.get_username(), now=timezone.now())
        except DeletionRefused as refused:
            raise Conflict(str(refused)) from refused
        return self.shown(id, status.HTTP_202_ACCEPTED)


class PlanUndo(PlanView):
    """The undo of a plan."""

    @extend_schema(
        operation_id="undoDeletion",
        summary="Undo what a plan deleted",
        tags=TAGS,
        request=None,
        responses={202: PlanDetailSerializer},
    )
    def post(self, request: Request, id: int) -> Response:
        """Have a worker push the kept bodies back. Works until the registry has collected its
        garbage. For admins.
        """
        try:
            start_undo(self.plan(id), actor=self.user.get_username(), now=timezone.now())
        except DeletionRefused as refused:
            raise Conflict(str(refused)) from refused
        return self.shown(id, status.HTTP_202_ACCEPTED)


class LockList(ApiView):
    """What is locked."""

    @extend_schema(
        operation_id="listLocks",
        summary="List locks",
        tags=TAGS,
        responses=LockSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """All locks. What they cover is in no deletion plan."""
        return Response(LockSerializer(locks(self.user), many=True).data)

    @extend_schema(
        operation_id="addLock",
        summary="Lock something",
        tags=TAGS,
        request=LockBody,
        responses={201: LockSerializer},
    )
    def post(self, request: Request) -> Response:
        """Lock a registry, a namespace, a repository, or one manifest there. For admins."""
        body = LockBody(data=request.data)
        body.is_valid(raise_exception=True)
        said = body.validated_data
        registry = self.registry(said.pop("registry"))
        try:
            lock = set_lock(registry, **said, actor=self.user.get_username(), now=timezone.now())
        except DeletionRefused as refused:
            raise Conflict(str(refused)) from refused
        row = LockRow(
            lock.pk,
            registry.name,
            lock.path,
            lock.digest,
            lock.reason,
            lock.actor,
            lock.created_at,
        )
        return Response(LockSerializer(row).data, status.HTTP_201_CREATED)


class LockDetail(ApiView):
    """One lock."""

    @extend_schema(
        operation_id="removeLock", summary="Take a lock away", tags=TAGS, responses={204: None}
    )
    def delete(self, request: Request, id: int) -> Response:
        """Take the lock away. For admins."""
        visible = Registry.objects.visible_to(self.user)
        lock = Protection.objects.filter(pk=id, registry__in=visible).first()
        if lock is None:
            raise NotFound(f"There is no lock {id}. GET locks/ lists those there are.")
        remove_lock(lock, actor=self.user.get_username(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)
