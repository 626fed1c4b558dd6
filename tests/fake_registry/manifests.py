"""Manifests: negotiation by ``Accept``, push with its checks, deletion with its many refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fake_registry import schema1
from tests.fake_registry.answers import error, error_entry, json_answer
from tests.fake_registry.habits import Habits, HeadManifest
from tests.fake_registry.store import DIGEST, DigestMismatch, StoredManifest, digest_of

if TYPE_CHECKING:
    from tests.fake_registry.state import State

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
FOREIGN_LAYERS = (
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
)


def get(state: State, request: web.Request, repository: str, reference: str) -> web.Response:
    """``GET`` and ``HEAD /v2/<name>/manifests/<reference>``."""
    habits = state.habits
    found = state.store.manifest(repository, reference)
    if found is None:
        return _unknown(habits, repository, reference)
    accepted = _accepted_types(request)
    negotiated = _negotiate(state, repository, reference, found, accepted)
    if isinstance(negotiated, web.Response):
        return negotiated
    if habits.etag and _matches(request, negotiated.digest):
        return web.Response(status=304)
    if request.method == "HEAD" and habits.head_manifest is HeadManifest.NOT_FOUND:
        return _unknown(habits, repository, reference)
    if request.method == "HEAD" and habits.head_manifest is HeadManifest.FORBIDDEN:
        return error(habits, 403, "DENIED")
    response = web.Response(body=negotiated.body, headers={"Content-Type": negotiated.media_type})
    if habits.digest_header:
        response.headers["Docker-Content-Digest"] = negotiated.digest
    if habits.etag:
        response.headers["Etag"] = f'"{negotiated.digest}"'
    if request.method == "HEAD" and habits.head_manifest is HeadManifest.NO_DIGEST:
        response.headers.popall("Docker-Content-Digest", None)
    if request.method == "HEAD" and habits.head_manifest is HeadManifest.NO_LENGTH:
        response.body = b""
        response.headers["Content-Length"] = "0"
    return response


async def put(state: State, request: web.Request, repository: str, reference: str) -> web.Response:
    """``PUT /v2/<name>/manifests/<reference>``; the body is stored byte for byte."""
    habits = state.habits
    body = await request.read()
    if len(body) > habits.manifest_limit:
        return error(habits, 400, "MANIFEST_INVALID", "http: request body too large")
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if ":" in reference and not DIGEST.fullmatch(reference):
        return error(habits, 400, "DIGEST_INVALID")
    digest = ""
    if media_type in schema1.MEDIA_TYPES and habits.accepts_schema1:
        digest = schema1.digest_of_signed(body)
    elif not habits.accepts_any_manifest:
        document = _valid_document(media_type, body)
        if document is None:
            return error(habits, 400, "MANIFEST_INVALID", {})
        if ":" in reference:
            mismatch = _digest_mismatch(habits, reference, body)
            if mismatch is not None:
                return mismatch
        problems = _missing_parts(state, repository, document)
        if problems:
            return json_answer(habits, {"errors": problems}, 400)
    try:
        digest = state.store.put_manifest(repository, reference, media_type, body, digest)
    except DigestMismatch:
        return error(habits, 400, "DIGEST_INVALID")
    place = f"{habits.prefix}/v2/{repository}/manifests/{digest}"
    if not habits.relative_locations:
        place = f"{request.scheme}://{request.host}{place}"
    response = web.Response(status=201, headers={"Location": place})
    response.headers["Docker-Content-Digest"] = digest
    subject = StoredManifest(digest, media_type, body).subject()
    if habits.referrers_api and subject:
        response.headers["OCI-Subject"] = subject
    return response


def delete(state: State, request: web.Request, repository: str, reference: str) -> web.Response:
    """``DELETE /v2/<name>/manifests/<reference>``."""
    habits, store = state.habits, state.store
    if not habits.deletion:
        return error(habits, 405, "UNSUPPORTED")
    by_digest = ":" in reference
    if by_digest and not DIGEST.fullmatch(reference):
        return error(habits, 400, "DIGEST_INVALID")
    if not by_digest and habits.delete_by_tag == 400:
        return error(habits, 400, "DIGEST_INVALID")
    if not by_digest and habits.delete_by_tag == 405:
        return error(habits, 405, "UNSUPPORTED")
    found = store.manifest(repository, reference)
    if found is None:
        return error(habits, 404, "MANIFEST_UNKNOWN")
    if (repository, reference) in habits.locked:
        message = "The operation is disallowed on this registry, repository or image."
        return error(habits, 405, "REGISTRY_DISALLOWED_OPERATION", message=message)
    if not by_digest:
        store.untag(repository, reference)
        return web.Response(status=202)
    refused = _refuse_deletion(state, repository, found)
    if refused is not None:
        return refused
    _delete(state, repository, reference)
    return web.Response(status=202)


def _delete(state: State, repository: str, digest: str) -> None:
    state.store.delete_manifest(repository, digest)
    if state.habits.delete_cascades:
        for referrer in state.store.referrers(repository, digest):
            _delete(state, repository, referrer.digest)


def _refuse_deletion(state: State, repository: str, found: StoredManifest) -> web.Response | None:
    habits, store = state.habits, state.store
    tags = [tag for tag, digest in store.tags(repository).items() if digest == found.digest]
    if tags and habits.refuse_tagged == 400:
        message = f"Manifest is still referenced by tag: {tags[0]}"
        return error(habits, 400, "GOOGLE_MANIFEST_DANGLING_TAG", message=message)
    if tags and habits.refuse_tagged is not None:
        return error(habits, habits.refuse_tagged, "DENIED")
    if habits.refuse_child is not None and store.parents(repository, found.digest):
        code = "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE" if habits.refuse_child == 400 else "DENIED"
        message = f"Manifest is still referenced by parent image: {found.digest}"
        return error(habits, habits.refuse_child, code, message=message)
    if habits.untagged_is_404 and not tags:
        return error(habits, 404, "MANIFEST_UNKNOWN")
    return None


def _unknown(habits: Habits, repository: str, reference: str) -> web.Response:
    if ":" not in reference:
        return error(habits, 404, "MANIFEST_UNKNOWN", {"Tag": reference})
    if not DIGEST.fullmatch(reference):
        return error(habits, 404, "MANIFEST_UNKNOWN", {})
    detail = {"Name": repository, "Revision": reference}
    return error(habits, 404, "MANIFEST_UNKNOWN", detail)


def _accepted_types(request: web.Request) -> set[str]:
    values = ",".join(request.headers.getall("Accept", []))
    return {value.partition(";")[0].strip() for value in values.split(",")}


def _matches(request: web.Request, digest: str) -> bool:
    return request.headers.get("If-None-Match", "").strip('"') == digest


def _negotiate(
    state: State, repository: str, reference: str, found: StoredManifest, accepted: set[str]
) -> StoredManifest | web.Response:
    """Do what 2.8.2 does when ``Accept`` lacks the stored type. ``*/*`` counts as lacking."""
    habits = state.habits
    by_tag = ":" not in reference
    if not habits.strict_accept or found.media_type in accepted:
        return found
    for media_type, kind, kinds in (
        (OCI_MANIFEST, "manifest", "manifests"),
        (OCI_INDEX, "index", "indexes"),
    ):
        if found.media_type == media_type:
            message = f"OCI {kind} found, but accept header does not support OCI {kinds}"
            return error(habits, 404, "MANIFEST_UNKNOWN", message=message)
    if found.media_type == DOCKER_LIST and by_tag:
        child = _child_for(state, repository, found, "amd64", "linux")
        if child is None:
            return error(habits, 404, "MANIFEST_UNKNOWN")
        found = child
    if (
        found.media_type == DOCKER_MANIFEST
        and by_tag
        and habits.rewrites_schema1
        and DOCKER_MANIFEST not in accepted
    ):
        body, digest = schema1.rewrite(repository, reference, found.document())
        return StoredManifest(digest, schema1.SIGNED, body)
    return found


def _child_for(
    state: State, repository: str, index: StoredManifest, architecture: str, os: str
) -> StoredManifest | None:
    for entry in index.document().get("manifests", []):
        platform = entry.get("platform", {})
        if platform.get("architecture") == architecture and platform.get("os") == os:
            return state.store.manifest(repository, entry["digest"])
    return None


def _valid_document(media_type: str, body: bytes) -> dict[str, Any] | None:
    """Return the parsed body if 2.8.2 would accept it as ``media_type``, else None."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    declared = document.get("mediaType", "")
    docker = media_type in (DOCKER_MANIFEST, DOCKER_LIST)
    if declared != media_type and (docker or declared):
        return None
    is_index = media_type in (DOCKER_LIST, OCI_INDEX)
    if media_type not in (DOCKER_MANIFEST, OCI_MANIFEST) and not is_index:
        return None
    # Both at once is the ambiguity of CVE-2021-41190.
    wrong = ("layers", "config") if is_index else ("manifests",)
    return None if any(key in document for key in wrong) else document


def _digest_mismatch(habits: Habits, reference: str, body: bytes) -> web.Response | None:
    actual = digest_of(body, reference.partition(":")[0])
    return None if actual == reference else error(habits, 400, "DIGEST_INVALID")


def _missing_parts(state: State, repository: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an error entry for everything the document names and the repository lacks."""
    if "manifests" in document:
        digests = [entry["digest"] for entry in document["manifests"] or []]
        missing = [d for d in digests if state.store.manifest(repository, d) is None]
        return [error_entry("MANIFEST_BLOB_UNKNOWN", digest) for digest in missing]
    problems: list[dict[str, Any]] = []
    for layer in [*(document.get("layers") or []), document.get("config") or {}]:
        if layer.get("mediaType") in FOREIGN_LAYERS:
            if layer.get("urls") and state.habits.foreign_urls_allowed:
                continue
            if layer.get("urls"):
                problems.append(error_entry("MANIFEST_INVALID", "invalid URL on layer"))
                continue
        if state.store.blob_size(repository, layer.get("digest", "")) is None:
            problems.append(error_entry("MANIFEST_BLOB_UNKNOWN", layer.get("digest", "")))
    return problems
