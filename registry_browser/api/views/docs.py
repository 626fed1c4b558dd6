"""The schema for programs, and the same as a page for people."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework import serializers
from rest_framework.response import Response

from registry_browser.api.errors import PROBLEMS
from registry_browser.api.parameters import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, Parameters
from registry_browser.api.reference import CURL, groups
from registry_browser.api.views.base import ApiView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from rest_framework.request import Request


@cache
def schema() -> dict[str, Any]:
    """The OpenAPI schema. It says the same to everybody, and as long as the process lives."""
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


class SchemaParameters(Parameters):
    format = serializers.ChoiceField(["json", "yaml"], required=False)


class Schema(ApiView):
    """The OpenAPI 3 schema: JSON, or YAML with `?format=yaml` or where that is what `Accept` asks
    for.
    """

    schema = None
    parameters = SchemaParameters
    renderer_classes = (OpenApiJsonRenderer, OpenApiYamlRenderer)

    def get(self, request: Request) -> Response:
        if wanted := self.asked.get("format"):
            renderer = OpenApiYamlRenderer() if wanted == "yaml" else OpenApiJsonRenderer()
            request.accepted_renderer = renderer
            request.accepted_media_type = renderer.media_type
        return Response(schema())


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """What the API can do, made from the schema."""
    origin = request.build_absolute_uri("/").rstrip("/")
    context = {
        "crumbs": [("API", None)],
        "groups": groups(schema(), origin),
        "problems": PROBLEMS,
        "page_size": DEFAULT_PAGE_SIZE,
        "max_page_size": MAX_PAGE_SIZE,
        "example": f"{CURL} '{origin}{reverse('api:registries')}'",
    }
    return render(request, "api/docs.html", context)
