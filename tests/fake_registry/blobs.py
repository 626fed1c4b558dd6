"""Blobs: reading with ranges and redirects, deleting, and the upload protocol."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fake_registry.answers import error, send_with_length, text
from tests.fake_registry.store import DIGEST, DigestMismatch, Upload, digest_of

if TYPE_CHECKING:
    from tests.fake_registry.habits import Habits
    from tests.fake_registry.state import State

_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


async def get(
    state: State, request: web.Request, repository: str, digest: str
) -> web.StreamResponse:
    """``GET`` and ``HEAD /v2/<name>/blobs/<digest>``."""
    habits = state.habits
    if not DIGEST.fullmatch(digest):
        return error(habits, 400, "DIGEST_INVALID", {})
    size = state.store.blob_size(repository, digest)
    data = state.store.blob(repository, digest)
    if size is None or (data is None and request.method == "GET"):
        return error(habits, 404, "BLOB_UNKNOWN", digest)
    if habits.blob_redirect is not None:
        storage = f"{request.scheme}://{habits.storage_host}:{state.annex_port}"
        location = f"{storage}/storage/{repository}/{digest}?signature=once"
        return web.Response(status=habits.blob_redirect, headers={"Location": location})
    return await _serve(state, request, digest, data, size)


async def storage(
    state: State, request: web.Request, repository: str, digest: str
) -> web.StreamResponse:
    """The other host that blob redirects lead to. Like S3, it refuses a second way to sign."""
    if "Authorization" in request.headers or "Cookie" in request.headers:
        return text(400, "Only one auth mechanism allowed")
    size = state.store.blob_size(repository, digest)
    if size is None:
        return text(404, "NoSuchKey")
    return await _serve(state, request, digest, state.store.blob(repository, digest), size)


async def _serve(
    state: State, request: web.Request, digest: str, data: bytes | None, size: int
) -> web.StreamResponse:
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000",
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
        "Etag": f'"{digest}"',
    }
    if not state.habits.ranges:
        del headers["Accept-Ranges"]
    if data is None:
        return web.Response(headers={**headers, "Content-Length": str(size)})
    asked = _ONE_RANGE.fullmatch(request.headers.get("Range", "")) if state.habits.ranges else None
    if asked is None or asked.group(0) == "bytes=-":
        return web.Response(body=data, headers=headers)
    first, last = _bounds(asked.group(1), asked.group(2), len(data))
    if first > last:
        refusal = text(416, "invalid range: failed to overlap")
        refusal.headers["Content-Range"] = f"bytes */{len(data)}"
        if state.habits.lying_416:
            body = b"invalid range: failed to overlap\n"
            del headers["Accept-Ranges"], headers["Content-Type"]
            refusal.headers.update(headers)
            return await send_with_length(request, refusal, max(len(data), len(body)), body)
        return refusal
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return web.Response(status=206, body=data[first : last + 1], headers=headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first and last byte asked for; nothing overlaps when first is above last."""
    if not first:
        return max(0, size - int(last)), size - 1
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    return (start, end) if start < size else (1, 0)


def delete(state: State, request: web.Request, repository: str, digest: str) -> web.Response:
    """``DELETE /v2/<name>/blobs/<digest>``: unlink it from this repository."""
    if not state.habits.deletion:
        return error(state.habits, 405, "UNSUPPORTED")
    if not state.store.delete_blob(repository, digest):
        return error(state.habits, 404, "BLOB_UNKNOWN")
    return web.Response(status=202)


async def start_upload(state: State, request: web.Request, repository: str) -> web.Response:
    """``POST /v2/<name>/blobs/uploads/``, with mounting and uploading at once where it exists."""
    habits, store = state.habits, state.store
    mounted, source = request.query.get("mount", ""), request.query.get("from", "")
    if mounted and source and habits.mounts and store.mount_blob(mounted, source, repository):
        return _created(state, request, repository, mounted)
    wanted = request.query.get("digest", "")
    if wanted and habits.single_post_upload:
        try:
            store.put_blob(repository, await request.read(), wanted)
        except DigestMismatch:
            return error(habits, 400, "DIGEST_INVALID")
        return _created(state, request, repository, wanted)
    upload = store.start_upload(repository)
    response = _progress(state, request, upload, 202)
    if habits.chunk_min_length is not None:
        response.headers["OCI-Chunk-Min-Length"] = str(habits.chunk_min_length)
    return response


async def continue_upload(
    state: State, request: web.Request, repository: str, uuid: str
) -> web.Response:
    """``GET``, ``PATCH``, ``PUT`` and ``DELETE`` on the Location of an upload."""
    habits, store = state.habits, state.store
    upload = store.upload(repository, uuid)
    if request.query.get("_state", "") == "":
        return error(habits, 404, "BLOB_UPLOAD_INVALID", {})
    if upload is None:
        return error(habits, 404, "BLOB_UPLOAD_UNKNOWN", {})
    if request.query["_state"] != upload.state:
        return error(habits, 404, "BLOB_UPLOAD_INVALID", {})
    if request.method == "GET":
        return _progress(state, request, upload, 204)
    if request.method == "DELETE":
        store.close_upload(upload)
        return web.Response(status=204, headers={"Docker-Upload-Uuid": uuid})
    chunk = await request.read()
    if habits.checks_content_range and not _follows(request, upload):
        return error(habits, 416, "RANGE_INVALID")
    store.append(upload, chunk)
    if request.method == "PATCH":
        return _progress(state, request, upload, habits.patch_status)
    return _finish(state, request, upload)


def _finish(state: State, request: web.Request, upload: Upload) -> web.Response:
    digest = request.query.get("digest", "")
    if not DIGEST.fullmatch(digest):
        return error(state.habits, 400, "DIGEST_INVALID", "digest missing")
    state.store.close_upload(upload)
    data = bytes(upload.data)
    if digest_of(data, digest.partition(":")[0]) != digest:
        return error(state.habits, 400, "DIGEST_INVALID", {"Digest": digest, "Reason": {}})
    state.store.put_blob(upload.repository, data, digest)
    return _created(state, request, upload.repository, digest)


def _follows(request: web.Request, upload: Upload) -> bool:
    """Tell whether the chunk starts where the upload ended; a chunk without a range does."""
    first = request.headers.get("Content-Range", "").partition("-")[0]
    return not first or first == str(len(upload.data))


def _progress(state: State, request: web.Request, upload: Upload, status: int) -> web.Response:
    path = f"{state.habits.prefix}/v2/{upload.repository}/blobs/uploads/{upload.uuid}"
    end = max(0, len(upload.data) - 1)
    headers = {
        "Location": _absolute(state.habits, request, f"{path}?_state={upload.state}"),
        "Range": f"{state.habits.upload_range_prefix}0-{end}",
        "Docker-Upload-Uuid": upload.uuid,
    }
    return web.Response(status=status, headers=headers)


def _created(state: State, request: web.Request, repository: str, digest: str) -> web.Response:
    location = f"{state.habits.prefix}/v2/{repository}/blobs/{digest}"
    headers = {
        "Location": _absolute(state.habits, request, location),
        "Docker-Content-Digest": digest,
    }
    return web.Response(status=201, headers=headers)


def _absolute(habits: Habits, request: web.Request, path: str) -> str:
    return path if habits.relative_locations else f"{request.scheme}://{request.host}{path}"
