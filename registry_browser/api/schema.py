"""What drf-spectacular cannot see by itself: our query parameters, path parameters, problem details
and token scheme.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from registry_browser.api.errors import CONTENT_TYPE
from registry_browser.api.serializers.problems import ProblemSerializer

if TYPE_CHECKING:
    from rest_framework.serializers import Serializer

PATH_PARAMETERS = {
    "name": "The name of the registry here, such as `prod`.",
    "path": "The path of the repository: `marketing/campaign10-18/web`. `/-/` ends it.",
    "tag": "The tag.",
    "digest": "The digest, algorithm and all: `sha256:…`.",
    "id": "The number of the run, plan or lock.",
}
_READING = {"400": "A parameter cannot be used.", "401": "Neither session nor valid token."}
_CHANGING = {"403": "The role does not cover this.", "415": "The body is not JSON."}


class ApiSchema(AutoSchema):
    """One operation of the API."""

    def get_override_parameters(
        self,
    ) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        found: list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]] = [
            OpenApiParameter(
                name, int if name == "id" else str, OpenApiParameter.PATH, description=text
            )
            for name, text in PATH_PARAMETERS.items()
            if f"{{{name}}}" in self.path
        ]
        parameters: type[Serializer[Any]] = self.view.parameters  # type: ignore[attr-defined]
        if self.method in SAFE_METHODS and parameters().fields:
            found.append(parameters)
        return found

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        faults = dict(_READING)
        if self.method not in SAFE_METHODS:
            faults |= _CHANGING
        if "{" in self.path:
            faults["404"] = "Nothing is at this address, or nothing that you may see."
        for status, text in sorted(faults.items()):
            bodies[status] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                ProblemSerializer, status, [CONTENT_TYPE], direction
            )
            bodies[status]["description"] = text
        return bodies


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is sent; found by drf-spectacular because this module is loaded with the schema
    class.
    """

    target_class = "registry_browser.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from your account page or from `manage.py create_token`.",
        }
