"""How answers look on the wire: JSON as Go writes it, error objects, plain text, lying lengths."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fake_registry.habits import Habits

_ABSENT: Any = object()

# The messages of distribution 2.8.2, by code.
MESSAGES = {
    "BLOB_UNKNOWN": "blob unknown to registry",
    "BLOB_UPLOAD_INVALID": "blob upload invalid",
    "BLOB_UPLOAD_UNKNOWN": "blob upload unknown to registry",
    "DENIED": "requested access to the resource is denied",
    "DIGEST_INVALID": "provided digest did not match uploaded content",
    "MANIFEST_BLOB_UNKNOWN": "blob unknown to registry",
    "MANIFEST_INVALID": "manifest invalid",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "NAME_UNKNOWN": "repository name not known to registry",
    "PAGINATION_NUMBER_INVALID": "invalid number of results requested",
    "RANGE_INVALID": "invalid content range",
    "UNAUTHORIZED": "authentication required",
    "UNSUPPORTED": "The operation is unsupported.",
}


def dump(value: object) -> bytes:
    """Return compact JSON with Go's escapes of ``<``, ``>`` and ``&``."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escape)
    return text.encode()


def error_entry(code: str, detail: Any = _ABSENT, message: str = "") -> dict[str, Any]:
    """Return one object of an ``errors`` list."""
    entry = {"code": code, "message": message or MESSAGES.get(code, code.lower())}
    if detail is not _ABSENT:
        entry["detail"] = detail
    return entry


def json_answer(
    habits: Habits, payload: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a JSON answer with the newline that Go's encoder adds."""
    response = web.Response(body=dump(payload) + b"\n", status=status, headers=headers)
    response.headers["Content-Type"] = habits.json_content_type
    return response


def error(
    habits: Habits,
    status: int,
    code: str,
    detail: Any = _ABSENT,
    message: str = "",
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return ``{"errors":[…]}`` with one entry."""
    return json_answer(habits, {"errors": [error_entry(code, detail, message)]}, status, headers)


def text(status: int, body: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return plain text as Go's ``http.Error`` writes it."""
    response = web.Response(body=body.encode() + b"\n", status=status, headers=headers)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def not_a_route() -> web.Response:
    """Return what distribution says to a path outside its grammar: text, not JSON."""
    return text(404, "404 page not found")


async def send_with_length(
    request: web.Request, response: web.Response, length: int, body: bytes
) -> web.StreamResponse:
    """Send ``body`` under a ``Content-Length`` of ``length`` bytes, then close the connection.

    With ``length`` above ``len(body)`` the client sees an answer cut off in the middle.
    """
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.headers.pop("Content-Length", None)
    stream.content_length = length
    stream.force_close()
    await stream.prepare(request)
    if request.method != "HEAD":
        await stream.write(body)
    if request.transport is not None:
        request.transport.close()
    return stream
