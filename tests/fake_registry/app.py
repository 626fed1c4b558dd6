"""The HTTP face of the fake registry: which address is what, and what all answers share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.fake_registry import auth, blobs, listings, manifests
from tests.fake_registry.answers import error, not_a_route, text
from tests.fake_registry.state import RequestSeen, State

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
# The routes of 2.8.2 allow a domain in front of the name, so "FX/app" is a name and "fx/APP" none.
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?"
_NAME = rf"(?P<name>(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_ANY_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[A-Za-z0-9]+"

_CATALOG = re.compile(r"/v2/_catalog")
_TAGS = re.compile(rf"/v2/{_NAME}/tags/list")
_MANIFEST = re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>{_TAG}|{_ANY_DIGEST})")
_BLOB = re.compile(rf"/v2/{_NAME}/blobs/(?P<digest>{_ANY_DIGEST})")
_UPLOADS = re.compile(rf"/v2/{_NAME}/blobs/uploads/")
_UPLOAD = re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<uuid>[a-zA-Z0-9-_.=]+)")
_REFERRERS = re.compile(rf"/v2/{_NAME}/referrers/(?P<digest>[^/]+)")
_STORAGE = re.compile(rf"/storage/{_NAME}/(?P<digest>{_ANY_DIGEST})")

Evolve = Callable[[], dict[str, Any]]


def make_app(state: State, site: str = "registry", evolve: Evolve | None = None) -> web.Application:
    """Return the application of one port.

    ``site`` is "registry", or "annex": the other port, where the token endpoint and the blob
    storage live when the habits say so. ``evolve`` opens ``POST /_fake/evolve``, which calls it
    and answers with what it returns.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        state.log.add(RequestSeen(request.method, request.path_qs, headers, site))
        if evolve is not None and request.path == "/_fake/evolve" and request.method == "POST":
            return web.json_response(evolve())

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.path == "/token":
                return await auth.token_endpoint(state, request)
            if site == "annex":
                return await _annex(state, request)
            return await _registry(state, request)

        return await state.faults.apply(request, answer)

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.popall("Server", None)
        if _inside(state, request.path) is not None and state.habits.version_header:
            response.headers.setdefault("Docker-Distribution-Api-Version", "registry/2.0")
        for name, value in state.habits.headers.items():
            response.headers.setdefault(name, value)

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handle)
    app.on_response_prepare.append(prepare)
    return app


def _inside(state: State, path: str) -> str | None:
    """Return ``path`` without the prefix if it belongs to the registry API."""
    prefix = state.habits.prefix
    if not path.startswith(f"{prefix}/v2"):
        return None
    return path.removeprefix(prefix)


async def _annex(state: State, request: web.Request) -> web.StreamResponse:
    if found := _STORAGE.fullmatch(request.path):
        return await blobs.storage(state, request, found["name"], found["digest"])
    return text(404, "not found")


async def _registry(state: State, request: web.Request) -> web.StreamResponse:
    path = _inside(state, request.path)
    if path is None:
        return (
            web.Response(headers={"Cache-Control": "no-cache"})
            if request.path == "/"
            else not_a_route()
        )
    if path == "/v2":
        place = f"{state.habits.prefix}/v2/"
        return web.Response(
            status=301,
            body=f'<a href="{place}">Moved Permanently</a>.\n\n'.encode(),
            headers={"Location": place, "Content-Type": "text/html; charset=utf-8"},
        )
    if path == "/v2/":
        refused = auth.refusal(state, request, [])
        return refused or web.Response(
            body=b"{}", headers={"Content-Type": state.habits.json_content_type}
        )
    return await _route(state, request, path)


async def _route(state: State, request: web.Request, path: str) -> web.StreamResponse:
    """Find what the path names, check method and rights, and let it answer."""
    if _CATALOG.fullmatch(path):
        return _guard(state, request, "GET", "") or listings.catalog(state, request)
    if found := _TAGS.fullmatch(path):
        name = found["name"]
        return _guard(state, request, "GET", name) or listings.tags(state, request, name)
    if found := _MANIFEST.fullmatch(path):
        name, reference = found["name"], found["reference"]
        refused = _guard(state, request, "DELETE GET HEAD PUT", name)
        if refused is not None:
            return refused
        if request.method == "PUT":
            return await manifests.put(state, request, name, reference)
        if request.method == "DELETE":
            return manifests.delete(state, request, name, reference)
        return manifests.get(state, request, name, reference)
    if found := _UPLOADS.fullmatch(path):
        name = found["name"]
        refused = _guard(state, request, "POST", name)
        return refused or await blobs.start_upload(state, request, name)
    if found := _UPLOAD.fullmatch(path):
        name, uuid = found["name"], found["uuid"]
        refused = _guard(state, request, "DELETE GET HEAD PATCH PUT", name)
        return refused or await blobs.continue_upload(state, request, name, uuid)
    if found := _BLOB.fullmatch(path):
        name, digest = found["name"], found["digest"]
        refused = _guard(state, request, "DELETE GET HEAD", name)
        if refused is not None:
            return refused
        if request.method == "DELETE":
            return blobs.delete(state, request, name, digest)
        return await blobs.get(state, request, name, digest)
    if found := _REFERRERS.fullmatch(path):
        name, digest = found["name"], found["digest"]
        refused = _guard(state, request, "GET", name) if state.habits.referrers_api else None
        return refused or listings.referrers(state, request, name, digest)
    return not_a_route()


def _guard(state: State, request: web.Request, methods: str, name: str) -> web.Response | None:
    """Return the answer to a wrong method, a missing right or an over-long name, or None."""
    scopes = auth.scopes_for(request.method, name, request.query.get("from"))
    refused = auth.refusal(state, request, scopes)
    if refused is not None:
        return refused
    allowed = methods.split()
    if request.method == "OPTIONS":
        return web.Response(headers={"Allow": ", ".join(allowed)})
    if request.method not in allowed:
        return text(405, "Method not allowed", {"Allow": ", ".join(allowed)})
    if len(name) > 255:
        return error(state.habits, 400, "NAME_INVALID", message="invalid repository name")
    return None
