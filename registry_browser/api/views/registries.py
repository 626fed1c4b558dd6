"""Registries: list, add, change, remove, check, sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.reverse import reverse

from registry_browser.api.serializers.problems import page_of
from registry_browser.api.serializers.registries import (
    CheckSerializer,
    RegistryBody,
    RegistrySerializer,
    refusal,
)
from registry_browser.api.serializers.runs import StartedRunSerializer, SyncBody, address_of
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.models import Registry, SyncTrigger
from registry_browser.sync.check import check_registry
from registry_browser.sync.registries import (
    RegistryRefused,
    add_registry,
    change_registry,
)
from registry_browser.sync.removal import remove_registry
from registry_browser.tasks import start_sync

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

    from registry_browser.models import User

TAGS = ["registries"]


def shown_to(user: User) -> QuerySet[Registry]:
    """The registries as the serializer needs them: whether there is a secret, never the secret."""
    return Registry.objects.visible_to(user).defer("secret").annotate(has_secret=~Q(secret=""))


@extend_schema_view(
    get=extend_schema(
        operation_id="listRegistries",
        summary="List registries",
        tags=TAGS,
        responses=page_of(RegistrySerializer),
    )
)
class RegistryList(ListView):
    """The registries of the dashboard."""

    serializer = RegistrySerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"name": ("name",)}
    default_ordering = "name"

    def rows(self, **place: str) -> QuerySet[Any]:
        return shown_to(self.user)

    @extend_schema(
        operation_id="addRegistry",
        summary="Add a registry",
        tags=TAGS,
        request=RegistryBody,
        responses={201: RegistrySerializer},
    )
    def post(self, request: Request) -> Response:
        """Store a registry; its first sync is due at once. For admins."""
        body = RegistryBody(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            registry = add_registry(
                body.details(), actor=self.user.get_username(), now=timezone.now()
            )
        except RegistryRefused as refused:
            raise refusal(refused) from refused
        address = reverse("api:registry", kwargs={"name": registry.name}, request=request)
        return Response(
            _shown(registry.name, request), status.HTTP_201_CREATED, headers={"Location": address}
        )


class RegistryDetail(ApiView):
    """One registry."""

    @extend_schema(
        operation_id="getRegistry",
        summary="Read a registry",
        tags=TAGS,
        responses=RegistrySerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        """The registry with its figures as of its last run."""
        self.registry(name)  # Its 404 says more.
        return Response(_shown(name, request))

    @extend_schema(
        operation_id="changeRegistry",
        summary="Change a registry",
        tags=TAGS,
        request=RegistryBody,
        responses=RegistrySerializer,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change what the body names and leave the rest; the name itself stays. For admins."""
        registry = self.registry(name)
        body = RegistryBody(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        try:
            change_registry(
                registry, body.details(registry), actor=self.user.get_username(), now=timezone.now()
            )
        except RegistryRefused as refused:
            raise refusal(refused) from refused
        return Response(_shown(name, request))

    @extend_schema(
        operation_id="removeRegistry", summary="Remove a registry", tags=TAGS, responses={204: None}
    )
    def delete(self, request: Request, name: str) -> Response:
        """Remove the record of the registry. Its history stays, and the registry itself is not
        touched. For admins.
        """
        remove_registry(self.registry(name), actor=self.user.get_username(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class RegistryCheck(ApiView):
    """A look at a registry, before it is added or after."""

    @extend_schema(
        operation_id="checkRegistry",
        summary="Check a registry",
        tags=TAGS,
        request=RegistryBody,
        responses=CheckSerializer,
    )
    def post(self, request: Request) -> Response:
        """Ask the registry now and say what is wrong, if anything; nothing is stored. For admins.

        Give what a new registry needs; or the `name` alone of one that is stored, which is then
        asked as it is stored.
        """
        return Response(CheckSerializer(check_registry(self._asked_for(request.data))).data)

    def _asked_for(self, said: Any) -> Any:
        if isinstance(said, dict) and set(said) == {"name"} and isinstance(said["name"], str):
            stored = Registry.objects.visible_to(self.user).filter(name=said["name"]).first()
            if stored is None:
                raise ValidationError(
                    {
                        "name": [
                            f"There is no registry named {said['name']}. Give a `url` to check a "
                            "new one."
                        ]
                    }
                )
            return stored
        body = RegistryBody(data=said)
        body.is_valid(raise_exception=True)
        return body.details()


class RegistrySync(ApiView):
    """A sync of one registry."""

    @extend_schema(
        operation_id="syncRegistry",
        summary="Start a sync",
        tags=["runs"],
        request=SyncBody,
        responses={202: StartedRunSerializer},
    )
    def post(self, request: Request, name: str) -> Response:
        """Ask for a sync of the registry, or of one repository in it; it joins a run that is
        active. For admins.
        """
        registry = self.registry(name)
        body = SyncBody(data=request.data)
        body.is_valid(raise_exception=True)
        repository = body.validated_data.get("repository")
        run = start_sync(
            registry,
            trigger=SyncTrigger.API,
            now=timezone.now(),
            actor=self.user.get_username(),
            paths=[repository] if repository else [],
            full_check=body.validated_data["full_check"],
        )
        address = address_of(run, request)
        started = StartedRunSerializer({"id": run.pk, "state": run.state, "url": address})
        return Response(started.data, status.HTTP_202_ACCEPTED, headers={"Location": address})


def _shown(name: str, request: Request) -> dict[str, Any]:
    registry = shown_to(cast("User", request.user)).get(name=name)
    return RegistrySerializer(registry, context={"request": request}).data
