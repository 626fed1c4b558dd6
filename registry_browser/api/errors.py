"""Every fault as a problem detail (RFC 9457): `type`, `title`, `status`, `detail`, `instance`, and
`errors` by field.

`type` points to the paragraph of the docs page that explains it, so it is stable and can be opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.urls import reverse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rest_framework.request import Request

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem; `slug` ends its `type`, `meaning` is what the docs page says."""

    slug: str
    status: HTTPStatus
    title: str
    meaning: str


INVALID = Problem(
    "invalid",
    HTTPStatus.BAD_REQUEST,
    "Something in the request cannot be used",
    "A query parameter or a field of the body is unknown, missing or out of range. `errors` names "
    "each one with a sentence.",
)
PROBLEMS = (
    INVALID,
    Problem(
        "malformed",
        HTTPStatus.BAD_REQUEST,
        "The body cannot be read",
        "The body is not the JSON that its content type promises.",
    ),
    Problem(
        "sign-in",
        HTTPStatus.UNAUTHORIZED,
        "Sign in first",
        "There is no session and no valid token. Send `Authorization: Bearer …`.",
    ),
    Problem(
        "not-allowed",
        HTTPStatus.FORBIDDEN,
        "Not allowed",
        "Your role does not cover this, or a request with a session came without its CSRF token.",
    ),
    Problem(
        "not-found",
        HTTPStatus.NOT_FOUND,
        "Not found",
        "Nothing is at this address, or nothing that you may see.",
    ),
    Problem(
        "method",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "Method not allowed",
        "The address exists and does not take this method. The `Allow` header lists those it "
        "takes.",
    ),
    Problem(
        "not-acceptable",
        HTTPStatus.NOT_ACCEPTABLE,
        "Not acceptable",
        "The `Accept` header leaves out `application/json`.",
    ),
    Problem(
        "conflict",
        HTTPStatus.CONFLICT,
        "Not possible as things stand",
        "The request is well formed, and what it is about is in a state that does not allow it.",
    ),
    Problem(
        "too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is too large",
        "No body of this API needs more than 1 MiB.",
    ),
    Problem(
        "media-type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Unsupported media type",
        "The body must be `application/json`.",
    ),
    Problem(
        "too-many-requests",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many requests",
        "Wait the number of seconds that `Retry-After` gives.",
    ),
    Problem(
        "failed",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong here",
        "A fault of the dashboard itself. Its log has the cause.",
    ),
    Problem(
        "unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The record cannot be reached",
        "The database does not answer at the moment. Try again soon.",
    ),
)
_BY_SLUG = {problem.slug: problem for problem in PROBLEMS}
_BY_STATUS = {problem.status: problem for problem in reversed(PROBLEMS)}


class BodyTooLarge(exceptions.APIException):
    """A request body over the bound; 413."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is larger than 1 MiB."
    default_code = "too-large"


class Conflict(exceptions.APIException):
    """What is asked does not go together with the state of things; 409. Give it the sentence."""

    status_code = HTTPStatus.CONFLICT
    default_code = "conflict"


def problem_response(exception: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: the problem detail for anything that a view raises."""
    request: Request = context["request"]
    known = _as_api_exception(exception)
    set_rollback()
    if known is None:
        return _unexpected(exception, request)
    headers = {}
    if challenge := getattr(known, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (seconds := getattr(known, "wait", None)) is not None:
        headers["Retry-After"] = f"{seconds:.0f}"
    problem = _problem_of(known)
    if problem is INVALID:
        errors = dict(_by_field(known.detail))
        detail = " ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items())
        return _answer(problem, detail, request, headers, errors=errors)
    return _answer(problem, str(known.detail), request, headers)


def _as_api_exception(exception: Exception) -> exceptions.APIException | None:
    match exception:
        case exceptions.APIException():
            return exception
        case Http404():
            return exceptions.NotFound(str(exception) or "Nothing is at this address.")
        case PermissionDenied():
            return exceptions.PermissionDenied(str(exception) or None)
    return None


def _problem_of(exception: exceptions.APIException) -> Problem:
    if isinstance(exception, exceptions.ParseError):
        return _BY_SLUG["malformed"]
    return _BY_STATUS.get(HTTPStatus(exception.status_code), _BY_SLUG["failed"])


def _unexpected(exception: Exception, request: Request) -> Response:
    """A fault of ours. The log gets the cause by Django's signal, as for any page; the caller gets
    none of it.
    """
    got_request_exception.send(sender=None, request=request._request)
    if isinstance(exception, (OperationalError, InterfaceError)):
        return _answer(
            _BY_SLUG["unavailable"], "The database does not answer.", request, {"Retry-After": "5"}
        )
    return _answer(_BY_SLUG["failed"], "The log of the dashboard has the cause.", request, {})


def _answer(
    problem: Problem, detail: str, request: Request, headers: dict[str, str], **more: object
) -> Response:
    return Response(
        {
            "type": f"{reverse('api:docs')}#problem-{problem.slug}",
            "title": problem.title,
            "status": problem.status.value,
            "detail": detail,
            "instance": request.get_full_path(),
            **more,
        },
        status=problem.status,
        headers=headers,
        content_type=CONTENT_TYPE,
    )


def _by_field(detail: Any, field: str = "") -> Iterator[tuple[str, list[str]]]:
    """DRF's nested details as `field` or `field.0` with its sentences; what belongs to no field is
    under `body`.
    """
    if isinstance(detail, dict):
        for name, inner in detail.items():
            inner_name = "" if name == "non_field_errors" else str(name)
            yield from _by_field(inner, ".".join(filter(None, [field, inner_name])))
    elif isinstance(detail, list) and any(isinstance(inner, (dict, list)) for inner in detail):
        for position, inner in enumerate(detail):
            yield from _by_field(inner, f"{field}.{position}" if field else str(position))
    elif messages := [
        str(message) for message in (detail if isinstance(detail, list) else [detail])
    ]:
        yield field or "body", messages
