from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from registry_browser.oci.digest import Digest
from registry_browser.oci.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidDigest,
    InvalidReference,
    UnexpectedAnswer,
)
from registry_browser.oci.push import (
    DeletionOutcome,
    delete_manifest,
    mount_blob,
    put_manifest,
    upload_blob,
)
from tests.oci.serving import client_of, error_answer, json_answer, serving, serving_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

DIGEST = str(Digest.of(b"hello"))


def uploads(location: str) -> Callable[[web.BaseRequest], web.Response]:
    def handler(request: web.BaseRequest) -> web.Response:
        if request.method == "POST":
            return web.Response(status=202, headers={"Location": location.format(request.host)})
        return web.Response(status=201 if request.method == "PUT" else 204)

    return handler


@pytest.mark.parametrize(
    ("location", "put"),
    [
        ("/v2/a/blobs/uploads/7?_state=x%3D", "/v2/a/blobs/uploads/7?_state=x%3D&digest="),
        ("7", "/v2/a/blobs/uploads/7?digest="),
        ("http://{}/v2/a/blobs/uploads/7", "/v2/a/blobs/uploads/7?digest="),
        ("https://{}/v2/a/blobs/uploads/7", "/v2/a/blobs/uploads/7?digest="),
    ],
)
async def test_a_blob_is_uploaded_where_the_registry_says(location: str, put: str) -> None:
    async with serving(uploads(location)) as served, client_of(served) as client:
        assert str(await upload_blob(client, "a", b"hello")) == DIGEST

    assert served.asked == ["POST /v2/a/blobs/uploads/", f"PUT {put}{DIGEST}"]


@pytest.mark.parametrize("location", ["", "http://evil.example/x", "http://[::1/x"])
async def test_an_upload_that_leads_elsewhere_is_refused(location: str) -> None:
    async with serving(uploads(location)) as served, client_of(served) as client:
        with pytest.raises(UnexpectedAnswer, match="where on itself"):
            await upload_blob(client, "a", b"hello")

    assert len(served.asked) == 1


async def test_a_blob_is_mounted_where_the_registry_can() -> None:
    async with (
        serving(lambda request: web.Response(status=201)) as served,
        client_of(served) as client,
    ):
        assert await mount_blob(client, "a", DIGEST, "b/c")

    assert served.asked == [f"POST /v2/a/blobs/uploads/?mount={DIGEST}&from=b/c"]


async def test_a_mount_that_opens_an_upload_closes_it_again() -> None:
    async with serving(uploads("/v2/a/blobs/uploads/7")) as served, client_of(served) as client:
        assert not await mount_blob(client, "a", DIGEST, "b")

    assert served.asked[1] == "DELETE /v2/a/blobs/uploads/7"


async def test_a_refused_mount_means_upload() -> None:
    async with (
        serving(lambda request: error_answer("UNSUPPORTED", 400)) as served,
        client_of(served) as client,
    ):
        assert not await mount_blob(client, "a", DIGEST, "b")


async def test_a_manifest_is_stored_byte_for_byte() -> None:
    received: list[tuple[str, bytes]] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        received.append((request.headers["Content-Type"], await request.read()))
        return web.Response(status=201, headers={"Docker-Content-Digest": DIGEST})

    async with serving(handler) as served, client_of(served) as client:
        assert str(await put_manifest(client, "a", "v1", b"hello", "x/y")) == DIGEST
        assert str(await put_manifest(client, "a", DIGEST, b"hello", "x/y")) == DIGEST

    assert received == [("x/y", b"hello")] * 2
    assert served.asked == ["PUT /v2/a/manifests/v1", f"PUT /v2/a/manifests/{DIGEST}"]


async def test_a_manifest_that_is_not_its_digest_is_never_sent() -> None:
    async with serving(lambda request: web.Response()) as served, client_of(served) as client:
        with pytest.raises(DigestMismatch):
            await put_manifest(client, "a", DIGEST, b"other", "x/y")
        with pytest.raises(InvalidReference):
            await put_manifest(client, "a", "no tag", b"other", "x/y")
        with pytest.raises(InvalidReference):
            await put_manifest(client, "A", "v1", b"other", "x/y")

    assert served.asked == []


async def test_a_registry_that_stored_something_else_is_caught() -> None:
    answer = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    async with (
        serving(lambda request: web.Response(status=201, headers=answer)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(DigestMismatch, match="other bytes"):
            await put_manifest(client, "a", "v1", b"hello", "x/y")


async def test_a_push_that_is_not_allowed_is_access_denied() -> None:
    async with (
        serving(lambda request: error_answer("DENIED", 403)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(AccessDenied):
            await put_manifest(client, "a", "v1", b"hello", "x/y")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda: web.Response(status=202), "accepted"),
        (lambda: web.Response(status=200), "accepted"),
        (lambda: error_answer("MANIFEST_UNKNOWN", 404), "absent"),
        (lambda: web.Response(status=404, text="<html>"), "unknown"),
        (lambda: error_answer("UNSUPPORTED", 405), "unsupported"),
        (lambda: web.Response(status=405, text="Method not allowed"), "unsupported"),
        (lambda: error_answer("REGISTRY_DISALLOWED_OPERATION", 405), "locked"),
        (lambda: error_answer("DENIED", 405), "locked"),
        (lambda: error_answer("TAG_IMMUTABLE", 409), "locked"),
        (lambda: error_answer("GOOGLE_MANIFEST_DANGLING_TAG", 400), "tagged"),
        (lambda: error_answer("GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE", 400), "locked"),
        (lambda: error_answer("DENIED", 403), "denied"),
        (lambda: error_answer("UNAUTHORIZED", 401), "denied"),
        (lambda: web.Response(status=429), "rate limited"),
        (lambda: web.Response(status=503), "unknown"),
        (lambda: json_answer({}, 400), "unknown"),
        (lambda: web.Response(status=307, headers={"Location": "/elsewhere"}), "unknown"),
    ],
)
async def test_each_answer_to_a_deletion_is_an_outcome_of_its_own(
    answer: Callable[[], web.Response], outcome: str
) -> None:
    async with (
        serving(lambda request: answer()) as served,
        client_of(served, attempts=2) as client,
    ):
        result = await delete_manifest(client, "a", DIGEST)

    assert result.outcome == outcome
    assert served.asked[0] == f"DELETE /v2/a/manifests/{DIGEST}"


async def test_a_deletion_without_an_answer_is_not_repeated() -> None:
    async with serving_bytes(b"") as served, client_of(served) as client:
        result = await delete_manifest(client, "a", DIGEST)

    assert result.outcome is DeletionOutcome.UNKNOWN
    assert len(served.asked) == 1


async def test_only_digests_are_ever_deleted() -> None:
    async with serving(lambda request: web.Response()) as served, client_of(served) as client:
        with pytest.raises(InvalidDigest):
            await delete_manifest(client, "a", "latest")

    assert served.asked == []
