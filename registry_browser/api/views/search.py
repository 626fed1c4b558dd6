"""Search over everything that the record holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.reverse import reverse

from registry_browser.api.parameters import Parameters
from registry_browser.api.serializers.search import SearchSerializer
from registry_browser.api.views.base import ApiView
from registry_browser.queries.search import search

if TYPE_CHECKING:
    from rest_framework.request import Request

    from registry_browser.queries.references import Destination
    from registry_browser.queries.search import Match


class SearchParameters(Parameters):
    q = serializers.CharField(
        max_length=1000,
        help_text=(
            "A part of a repository's path, the beginning of a tag or digest, or any reference."
        ),
    )


class Search(ApiView):
    """Search over everything."""

    parameters = SearchParameters

    @extend_schema(
        operation_id="search", summary="Search", tags=["search"], responses=SearchSerializer
    )
    def get(self, request: Request) -> Response:
        """Registries, repositories, tags, manifests and layers that match, a few of each kind.

        `q` may be anything that a person can paste: `docker pull host/team/app:1.0`, a digest,
        `team/app@sha256:…`.
        """
        groups = search(self.user, self.asked["q"])
        found: dict[Destination, Match] = {}
        for group in groups:
            for match in group.matches:
                found.setdefault(match.destination, match)
        answer = {
            "results": [_shown(match, request) for match in found.values()],
            "next": None,
            "more": any(group.more for group in groups),
        }
        return Response(SearchSerializer(answer).data)


def _shown(match: Match, request: Request) -> dict[str, Any]:
    place = match.destination
    return {
        "kind": place.kind,
        "name": match.name,
        "registry": place.registry,
        "path": place.path,
        "tag": place.tag,
        "digest": place.digest,
        "url": _address(place, request),
    }


def _address(place: Destination, request: Request) -> str:
    """A place may be a namespace, which has no address of its own: the list of what is at and below
    it says it all.
    """
    of = {"name": place.registry}
    match place.kind:
        case "tag":
            name, parts = "api:tag", {**of, "path": place.path, "tag": place.tag}
        case "manifest":
            name, parts = "api:manifest", {**of, "path": place.path, "digest": place.digest}
        case "layer":
            name, parts = "api:layer", {**of, "digest": place.digest}
        case "place":
            below = urlencode({"prefix": place.path})
            return f"{reverse('api:repositories', kwargs=of, request=request)}?{below}"
        case _:
            name, parts = "api:registry", of
    return reverse(name, kwargs=parts, request=request)
