"""Repositories and their tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.response import Response

from registry_browser.api.parameters import PageParameters, ordering_field
from registry_browser.api.serializers.problems import page_of
from registry_browser.api.serializers.repositories import RepositorySerializer, TagSerializer
from registry_browser.api.views.base import ApiView, ListView
from registry_browser.models import Tag
from registry_browser.queries import repositories, tags
from registry_browser.queries.repositories import RepositoryRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet
    from rest_framework.request import Request

REPOSITORY_ORDERINGS = {
    "path": ("path",),
    "tags": ("tag_count", "+path"),
    "manifests": ("manifest_count", "+path"),
    "dangling": ("dangling_count", "+path"),
    "apparent_bytes": ("apparent_bytes", "+path"),
    "stored_bytes": ("stored_bytes", "+path"),
    "exclusive_bytes": ("exclusive_bytes", "+path"),
    "reclaimable_bytes": ("reclaimable_bytes", "+path"),
}
TAG_ORDERINGS = {
    "name": ("sort_key", "name"),
    "changed_at": ("changed_at", "name"),
    "first_seen_at": ("first_seen_at", "name"),
    "size_bytes": ("manifest__pull_bytes", "name"),
}


class RepositoryParameters(PageParameters):
    prefix = serializers.CharField(
        required=False,
        help_text="Only the repository of this path and those below it: `team` finds `team/app`.",
    )
    search = serializers.CharField(
        required=False, help_text="Only paths that contain this, in any case of letters."
    )
    ordering = ordering_field(REPOSITORY_ORDERINGS, default="path")


class TagParameters(PageParameters):
    search = serializers.CharField(
        required=False,
        help_text="Only tags that contain this, or match it as a whole where it has `*` or `?`.",
    )
    platform = serializers.CharField(
        required=False, help_text="Only tags with an image for it: `linux/arm64`."
    )
    ordering = ordering_field(TAG_ORDERINGS, default="-name")


@extend_schema_view(
    get=extend_schema(
        operation_id="listRepositories",
        summary="List repositories",
        tags=["repositories"],
        responses=page_of(RepositorySerializer),
    )
)
class RepositoryList(ListView):
    """The repositories of a registry. Those that are gone are left out."""

    parameters = RepositoryParameters
    serializer = RepositorySerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = REPOSITORY_ORDERINGS
    default_ordering = "path"

    def rows(self, **place: str) -> QuerySet[Any]:
        registry = self.registry(place["name"])
        prefix = self.asked.get("prefix", "").strip("/")
        return repositories.matching(registry, prefix=prefix, search=self.asked.get("search", ""))

    def show(self, rows: list[Any]) -> Sequence[Any]:
        return [RepositoryRow.of(repository) for repository in rows]


class RepositoryDetail(ApiView):
    """One repository."""

    @extend_schema(
        operation_id="getRepository",
        summary="Read a repository",
        tags=["repositories"],
        responses=RepositorySerializer,
    )
    def get(self, request: Request, name: str, path: str) -> Response:
        """The repository, also where it is gone by now."""
        row = RepositoryRow.of(self.repository(name, path))
        return Response(RepositorySerializer(row).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="listTags",
        summary="List tags",
        tags=["tags"],
        responses=page_of(TagSerializer),
    )
)
class TagList(ListView):
    """The tags of a repository: `latest` first, then channels and versions with the newest on top,
    if not ordered otherwise.
    """

    parameters = TagParameters
    serializer = TagSerializer
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = TAG_ORDERINGS
    default_ordering = "-name"

    def rows(self, **place: str) -> QuerySet[Any]:
        self.place = self.repository(place["name"], place["path"])
        found = tags.matching(
            self.place, filter=self.asked.get("search", ""), platform=self.asked.get("platform", "")
        )
        return found.select_related("manifest").only(
            "name", "sort_key", "changed_at", "first_seen_at", "manifest__pull_bytes"
        )

    def show(self, rows: list[Any]) -> Sequence[Any]:
        listed = Tag.objects.filter(pk__in=[tag.pk for tag in rows])
        shown = {row.name: row for row in tags.tag_rows(self.place, listed, space=False)}
        # A tag that went between the two statements is left out.
        return [shown[tag.name] for tag in rows if tag.name in shown]


class TagDetail(ApiView):
    """One tag."""

    @extend_schema(
        operation_id="getTag", summary="Read a tag", tags=["tags"], responses=TagSerializer
    )
    def get(self, request: Request, name: str, path: str, tag: str) -> Response:
        """The tag and what it points to now."""
        repository = self.repository(name, path)
        rows = tags.tag_rows(
            repository, Tag.objects.filter(repository=repository, name=tag), space=False
        )
        if not rows:
            raise NotFound(f"The repository {path} has no tag {tag} in the record.")
        return Response(TagSerializer(rows[0]).data)
