"""Manifests of a repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from registry_browser.api.parameters import MAX_PAGE_SIZE, PageParameters
from registry_browser.api.serializers.manifests import GONE, STATES, ManifestSerializer
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.models import Presence, PresenceState
from registry_browser.queries.manifest_contents import manifest_contents, with_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request

TAGS = ["manifests"]
# A manifest may have 4 MiB and its config 8; a page of them ends early rather than growing without
# bound.
PAGE_BYTES = 8 * 1024 * 1024


class ManifestParameters(PageParameters):
    page_size = serializers.IntegerField(
        default=50,
        min_value=1,
        max_value=MAX_PAGE_SIZE,
        help_text="Rows on a page.",
    )
    state = serializers.ChoiceField(
        STATES,
        required=False,
        help_text="Only manifests in this state; without it, all that are present.",
    )


@extend_schema_view(
    get=extend_schema(
        operation_id="listManifests",
        summary="List manifests",
        tags=TAGS,
        responses=page_of(ManifestSerializer),
    )
)
class ManifestList(ListView):
    """The manifests of a repository in the order in which the record met them. A page of large ones
    ends early.
    """

    parameters = ManifestParameters
    serializer = ManifestSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {"stored": ("manifest_id",)}
    default_ordering = "stored"

    def rows(self, **place: str) -> QuerySet[Any]:
        self.place = self.repository(place["name"], place["path"])
        found = with_sizes(Presence.objects.filter(repository=self.place))
        state = self.asked.get("state")
        if state == GONE:
            return found.exclude(gone_at=None)
        return found.filter(
            gone_at=None, **({"state": PresenceState[state.upper()]} if state else {})
        )

    def fitting(self, rows: list[Any]) -> list[Any]:
        room = PAGE_BYTES
        for number, presence in enumerate(rows):
            room -= presence.manifest.body_bytes + (presence.config_bytes or 0)
            if room < 0 and number:
                return rows[:number]
        return rows

    def show(self, rows: list[Any]) -> Sequence[Any]:
        return manifest_contents(self.place, rows)


class ManifestDetail(ApiView):
    """One manifest of a repository."""

    @extend_schema(
        operation_id="getManifest",
        summary="Read a manifest",
        tags=TAGS,
        responses=ManifestSerializer,
    )
    def get(self, request: Request, name: str, path: str, digest: str) -> Response:
        """The manifest with all that is known of it, also where it is gone by now."""
        repository = self.repository(name, path)
        found = Presence.objects.filter(repository=repository, manifest__digest=digest)
        presence = found.select_related("manifest").first()
        if presence is None:
            raise NotFound(f"The repository {path} has no manifest {digest} in the record.")
        [row] = manifest_contents(repository, [presence])
        return Response(ManifestSerializer(row).data)
