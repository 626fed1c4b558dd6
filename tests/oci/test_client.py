from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from registry_browser.oci import mediatypes
from registry_browser.oci.client import MAX_DROPPED, ManifestHead, TagListing
from registry_browser.oci.digest import Digest
from registry_browser.oci.errors import (
    AccessDenied,
    DigestMismatch,
    InvalidDigest,
    InvalidReference,
    ListingIncomplete,
    NotARegistry,
    NotFound,
    RegistryError,
    UnexpectedAnswer,
    Unsupported,
)
from tests.oci.serving import client_of, error_answer, json_answer, serving
from tests.oci.test_manifest import signed_schema1

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_browser.oci.client import RegistryClient

    Handler = Callable[[web.BaseRequest], web.Response]

BODY = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": mediatypes.OCI_MANIFEST,
        "config": {"mediaType": mediatypes.OCI_CONFIG, "digest": "sha256:" + "a" * 64, "size": 1},
        "layers": [],
    }
).encode()
DIGEST = str(Digest.of(BODY))
OTHER = "sha256:" + "0" * 64
GONE = "MANIFEST_UNKNOWN"


def manifest_answer(
    body: bytes = BODY, digest: str | None = DIGEST, media_type: str = mediatypes.OCI_MANIFEST
) -> web.Response:
    headers = {"Content-Type": media_type} | ({"Docker-Content-Digest": digest} if digest else {})
    return web.Response(body=body, headers=headers)


def pages(key: str, *contents: object, link: str = '<?page={}>; rel="next"') -> Handler:
    """Serve these lists as pages, each but the last naming the next."""

    def handler(request: web.BaseRequest) -> web.Response:
        number = int(request.query.get("page", "0"))
        more = number + 1 < len(contents)
        headers = {"Link": link.format(number + 1)} if more else {}
        return json_answer({"name": "a", key: contents[number]}, headers=headers)

    return handler


async def all_repositories(client: RegistryClient) -> list[str]:
    return [name async for page in client.repositories() for name in page]


async def test_the_catalog_is_read_page_by_page() -> None:
    handler = pages("repositories", ["a", "a/b"], ["a-b"], ["z"])
    async with serving(handler) as served, client_of(served) as client:
        found = [page async for page in client.repositories()]

    assert found == [("a", "a/b"), ("a-b",), ("z",)]
    assert served.asked[0] == "GET /v2/_catalog?n=1000"


async def test_pages_of_names_that_are_no_tags_are_read_to_their_end() -> None:
    odd = [[f"-{page}-{number}" for number in range(MAX_DROPPED)] for page in range(3)]
    handler = pages("tags", *odd, ["v1"])
    async with serving(handler) as served, client_of(served) as client:
        listing = await client.tags("a")

    assert listing.tags == ("v1",)
    assert len(listing.dropped) == MAX_DROPPED


async def test_names_that_cannot_be_are_dropped_and_kept_for_showing() -> None:
    handler = pages("repositories", ["a", "UPPER", "a", None, "", 5, "a//b"], ["../x"], ["b"])
    async with serving(handler) as served, client_of(served) as client:
        assert await all_repositories(client) == ["a", "b"]

    assert client.dropped_names == ("UPPER", "a//b", "../x")


@pytest.mark.parametrize("document", [{"repositories": []}, {"repositories": None}])
async def test_an_empty_catalog_is_empty(document: object) -> None:
    async with (
        serving(lambda request: json_answer(document)) as served,
        client_of(served) as client,
    ):
        assert await all_repositories(client) == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: json_answer({}), UnexpectedAnswer),
        (lambda: json_answer([]), UnexpectedAnswer),
        (lambda: json_answer({"repositories": {}}), UnexpectedAnswer),
        (lambda: json_answer({"errors": []}), UnexpectedAnswer),
        (lambda: web.Response(text="<html>", content_type="text/html"), UnexpectedAnswer),
        (lambda: web.Response(body=b'{"repositories": ["a"'), UnexpectedAnswer),
        (lambda: web.Response(status=204), UnexpectedAnswer),
        (lambda: web.Response(status=404, text="404 page not found"), Unsupported),
        (lambda: error_answer("UNSUPPORTED", 405), Unsupported),
        (lambda: error_answer("DENIED", 403), AccessDenied),
    ],
)
async def test_a_catalog_that_is_none_is_never_an_empty_one(
    answer: Callable[[], web.Response], error: type[RegistryError]
) -> None:
    async with serving(lambda request: answer()) as served, client_of(served) as client:
        with pytest.raises(error):
            await all_repositories(client)


async def test_a_failing_second_page_fails_the_listing() -> None:
    first = pages("repositories", ["a"], ["b"])

    def handler(request: web.BaseRequest) -> web.Response:
        return error_answer("DENIED", 403) if "page" in request.query else first(request)

    async with serving(handler) as served, client_of(served) as client:
        with pytest.raises(AccessDenied):
            await all_repositories(client)


async def test_a_repeated_page_ends_the_listing_as_incomplete() -> None:
    handler = pages("repositories", ["a"], ["a"], ["b"])
    async with serving(handler) as served, client_of(served) as client:
        with pytest.raises(ListingIncomplete, match="nothing new"):
            await all_repositories(client)


async def test_a_page_that_leads_to_itself_ends_the_listing_as_incomplete() -> None:
    def handler(request: web.BaseRequest) -> web.Response:
        names = {"repositories": ["a"]}
        return json_answer(names, headers={"Link": f'<{request.raw_path}>; rel="next"'})

    async with serving(handler) as served, client_of(served) as client:
        with pytest.raises(ListingIncomplete, match="already read"):
            await all_repositories(client)


async def test_pages_are_bounded() -> None:
    handler = pages("repositories", *([f"r{number}"] for number in range(20)))
    async with serving(handler) as served, client_of(served, max_pages=5) as client:
        with pytest.raises(ListingIncomplete, match="more than 5 pages"):
            await all_repositories(client)


async def test_a_smaller_maximum_than_ours_is_respected() -> None:
    def handler(request: web.BaseRequest) -> web.Response:
        if "n" in request.query:
            return error_answer("PAGINATION_NUMBER_INVALID", 400)
        return json_answer({"repositories": ["a"]})

    async with serving(handler) as served, client_of(served) as client:
        assert await all_repositories(client) == ["a"]


async def test_a_link_to_another_host_stays_on_ours() -> None:
    link = '<http://evil.example/v2/a/tags/list?page={}>; rel="next"'
    async with (
        serving(pages("tags", ["v1"], ["v2"], link=link)) as served,
        client_of(served) as client,
    ):
        assert (await client.tags("a")).tags == ("v1", "v2")

    assert served.asked[1] == "GET /v2/a/tags/list?page=1"


async def test_a_prefix_that_the_link_lost_is_put_back() -> None:
    link = "</v2/a/tags/list?page={}>"
    async with (
        serving(pages("tags", ["v1"], ["v2"], link=link)) as served,
        client_of(served, prefix="/artifactory/api/docker/team") as client,
    ):
        assert (await client.tags("a")).tags == ("v1", "v2")

    assert served.asked[1] == "GET /artifactory/api/docker/team/v2/a/tags/list?page=1"


@pytest.mark.parametrize(
    ("document", "listing"),
    [
        ({"name": "a", "tags": ["v2", "v1"]}, TagListing(("v2", "v1"))),
        ({"name": "a", "tags": None}, TagListing(())),
        ({"name": "a", "tags": []}, TagListing(())),
        ({"name": "a"}, TagListing(())),
        ({"tags": None}, TagListing(())),
        ({"name": "a", "tags": ["x", "x", None, "", 3]}, TagListing(("x",))),
        ({"name": "a", "tags": ["ok", "not ok", OTHER]}, TagListing(("ok",), ("not ok", OTHER))),
        ({"name": "a", "tags": ["x" * 128]}, TagListing(("x" * 128,))),
        ({"tags": ["a"], "manifest": {}, "child": []}, TagListing(("a",))),
    ],
)
async def test_tags_are_valid_unique_and_in_the_registrys_order(
    document: object, listing: TagListing
) -> None:
    async with (
        serving(lambda request: json_answer(document)) as served,
        client_of(served) as client,
    ):
        assert await client.tags("a") == listing


async def test_twenty_thousand_tags_come_as_one_page() -> None:
    names = [f"v{number}" for number in range(20_000)]
    async with serving(pages("tags", names)) as served, client_of(served) as client:
        assert (await client.tags("a")).tags == tuple(names)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: json_answer({}), UnexpectedAnswer),
        (lambda: json_answer({"errors": [{"code": "DENIED"}]}), UnexpectedAnswer),
        (lambda: json_answer({"name": "a", "tags": "v1"}), UnexpectedAnswer),
        (lambda: error_answer("NAME_UNKNOWN", 404), NotFound),
        (lambda: error_answer("UNKNOWN", 404, "Not Found"), NotFound),
        (lambda: web.Response(status=404, text="<html>"), UnexpectedAnswer),
        (lambda: json_answer({"details": "no"}, 403), AccessDenied),
        (lambda: error_answer("UNAUTHORIZED", 400), AccessDenied),
    ],
)
async def test_tags_that_are_none_are_never_an_empty_list(
    answer: Callable[[], web.Response], error: type[RegistryError]
) -> None:
    async with serving(lambda request: answer()) as served, client_of(served) as client:
        with pytest.raises(error):
            await client.tags("a")


async def test_a_head_says_what_a_tag_points_to() -> None:
    async with (
        serving(lambda request: manifest_answer()) as served,
        client_of(served) as client,
    ):
        head = await client.head_manifest("a", "v1")

    assert head == ManifestHead(DIGEST, mediatypes.OCI_MANIFEST, len(BODY))
    assert served.asked == ["HEAD /v2/a/manifests/v1"]


@pytest.mark.parametrize(
    "head",
    [
        lambda: manifest_answer(digest=None),
        lambda: manifest_answer(digest="sha256:123"),
        lambda: web.Response(status=404),
        lambda: web.Response(status=403),
        lambda: web.Response(status=405),
    ],
)
async def test_where_head_is_of_no_use_get_is_asked_and_soon_asked_alone(
    head: Callable[[], web.Response],
) -> None:
    async with (
        serving(lambda r: head() if r.method == "HEAD" else manifest_answer()) as served,
        client_of(served) as client,
    ):
        for _ in range(5):
            found = await client.head_manifest("a", "v1")

    assert found == ManifestHead(DIGEST, mediatypes.OCI_MANIFEST, len(BODY))
    assert [line.split()[0] for line in served.asked] == ["HEAD", "GET"] * 3 + ["GET"] * 2


async def test_a_tag_that_is_gone_is_not_found() -> None:
    async with (
        serving(lambda request: error_answer(GONE, 404)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(NotFound):
            await client.head_manifest("a", "v1")
        with pytest.raises(NotFound):
            await client.manifest("a", "v1")


@pytest.mark.parametrize("said", [DIGEST, OTHER, None, "nonsense"])
async def test_a_tags_digest_is_that_of_its_bytes_whatever_the_header_says(
    said: str | None,
) -> None:
    async with (
        serving(lambda request: manifest_answer(digest=said)) as served,
        client_of(served) as client,
    ):
        fetched = await client.manifest("a", "v1")

    assert fetched.digest == DIGEST
    assert fetched.body == BODY


async def test_every_known_type_is_accepted() -> None:
    accepted: list[str] = []

    def handler(request: web.BaseRequest) -> web.Response:
        accepted.append(request.headers["Accept"])
        return manifest_answer()

    async with serving(handler) as served, client_of(served) as client:
        await client.manifest("a", "v1")

    assert set(accepted[0].split(", ")) == mediatypes.MANIFEST_TYPES


@pytest.mark.parametrize("said", [True, False])
async def test_signed_schema_1_keeps_its_own_kind_of_digest(said: bool) -> None:
    body, digest = signed_schema1()
    answer = (body, digest if said else None, mediatypes.DOCKER_SCHEMA1_SIGNED)
    async with (
        serving(lambda request: manifest_answer(*answer)) as served,
        client_of(served) as client,
    ):
        assert (await client.manifest("a", "v1")).digest == digest
        assert (await client.manifest("a", digest)).body == body


async def test_a_sha512_digest_is_believed_when_it_fits() -> None:
    digest = str(Digest.of(BODY, "sha512"))
    async with (
        serving(lambda request: manifest_answer(digest=digest)) as served,
        client_of(served) as client,
    ):
        assert (await client.manifest("a", "v1")).digest == digest


async def test_bytes_that_are_not_what_was_asked_for_are_refused() -> None:
    async with (
        serving(lambda request: manifest_answer(digest=OTHER)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(DigestMismatch):
            await client.manifest("a", OTHER)
        with pytest.raises(DigestMismatch):
            await client.blob("a", OTHER, limit=10_000)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<html>Sign in</html>", content_type="text/html"),
        lambda: web.Response(body=b"", content_type="application/json"),
        lambda: json_answer({"errors": [{"code": "DENIED"}]}),
        lambda: json_answer([]),
    ],
)
async def test_a_page_served_as_a_manifest_is_no_manifest(
    answer: Callable[[], web.Response],
) -> None:
    async with serving(lambda request: answer()) as served, client_of(served) as client:
        with pytest.raises(UnexpectedAnswer, match="no manifest"):
            await client.manifest("a", "v1")


async def test_a_hidden_format_is_not_taken_for_absence() -> None:
    said = "OCI index found, but accept header does not support OCI indexes"
    async with (
        serving(lambda request: error_answer(GONE, 404, said)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(UnexpectedAnswer, match="format"):
            await client.manifest("a", "v1")
        with pytest.raises(UnexpectedAnswer, match="format"):
            await client.manifest_exists("a", DIGEST)


async def test_a_manifest_of_three_mebibytes_is_read() -> None:
    body = BODY.ljust(3 * 1024 * 1024)
    digest = f"sha256:{sha256(body).hexdigest()}"
    async with (
        serving(lambda request: manifest_answer(body, digest)) as served,
        client_of(served) as client,
    ):
        assert (await client.manifest("a", "v1")).digest == digest


async def test_a_blob_is_verified() -> None:
    async with (
        serving(lambda request: web.Response(body=b"hello")) as served,
        client_of(served) as client,
    ):
        assert await client.blob("a", str(Digest.of(b"hello")), limit=5) == b"hello"


def child(letter: str) -> dict[str, object]:
    digest = f"sha256:{letter * 64}"
    return {"mediaType": mediatypes.OCI_MANIFEST, "digest": digest, "size": 1}


async def test_referrers_are_read_in_pages() -> None:
    first = child("1") | {"artifactType": "application/spdx+json"}
    handler = pages("manifests", [first], [child("2")])
    async with serving(handler) as served, client_of(served) as client:
        found = await client.referrers("a", DIGEST)

    assert found is not None
    assert [entry.digest[7] for entry in found] == ["1", "2"]
    assert found[0].artifact_type == "application/spdx+json"


async def test_no_referrers_and_no_referrers_api_are_two_things() -> None:
    async with serving(pages("manifests", [])) as served, client_of(served) as client:
        assert await client.referrers("a", DIGEST) == ()
    async with (
        serving(lambda request: web.Response(status=404, text="404 page not found")) as served,
        client_of(served) as client,
    ):
        assert await client.referrers("a", DIGEST) is None


@pytest.mark.parametrize("document", [{}, {"manifests": 1}, {"manifests": [{"digest": "x"}]}])
async def test_broken_referrers_are_an_error(document: object) -> None:
    async with (
        serving(lambda request: json_answer(document)) as served,
        client_of(served) as client,
    ):
        with pytest.raises(UnexpectedAnswer):
            await client.referrers("a", DIGEST)


@pytest.mark.parametrize(
    ("head", "get", "exists"),
    [
        (200, None, True),
        (404, lambda: error_answer(GONE, 404), False),
        (404, lambda: error_answer("NAME_UNKNOWN", 404), False),
        (404, manifest_answer, True),
        (405, manifest_answer, True),
        (403, lambda: error_answer(GONE, 404), False),
    ],
)
async def test_existence_is_asked_until_it_is_certain(
    head: int, get: Callable[[], web.Response] | None, exists: bool
) -> None:
    def handler(request: web.BaseRequest) -> web.Response:
        if request.method == "HEAD" or get is None:
            return web.Response(status=head)
        return get()

    async with serving(handler) as served, client_of(served) as client:
        assert await client.manifest_exists("a", DIGEST) is exists


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=404, text="<html>gone</html>", content_type="text/html"),
        lambda: web.Response(status=404, text="404 page not found"),
        lambda: json_answer({"message": "no"}, 404),
        lambda: error_answer("DENIED", 403),
        lambda: web.Response(status=503),
        lambda: web.Response(status=429),
        lambda: web.Response(status=301),
    ],
)
async def test_a_failure_is_never_read_as_an_absence(answer: Callable[[], web.Response]) -> None:
    async with serving(lambda request: answer()) as served, client_of(served) as client:
        with pytest.raises(RegistryError) as caught:
            await client.manifest_exists("a", DIGEST)

    assert not isinstance(caught.value, NotFound)


async def test_names_that_no_registry_could_serve_are_never_asked_for() -> None:
    async with serving(lambda request: json_answer({})) as served, client_of(served) as client:
        with pytest.raises(InvalidReference):
            await client.tags("../secrets")
        with pytest.raises(InvalidReference):
            await client.manifest("a", "../../x")
        with pytest.raises(InvalidDigest):
            await client.manifest("a", "sha256:123")
        with pytest.raises(InvalidDigest):
            await client.blob("a", "latest", limit=1)

    assert served.asked == []


async def test_credentials_and_questions_stay_on_the_registrys_host() -> None:
    async with serving(lambda request: json_answer({})) as served, client_of(served) as client:
        with pytest.raises(ValueError, match="own host"):
            await client.call("GET", "x", (), url=served.url + ".evil.example/v2/")

    assert served.asked == []


async def test_a_ping_says_what_sign_in_is_wanted() -> None:
    def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(
            status=401,
            headers={
                "WWW-Authenticate": 'Basic realm="here"',
                "Docker-Distribution-Api-Version": "registry/2.0",
            },
        )

    async with serving(handler) as served, client_of(served) as client:
        ping = await client.ping()

    assert (ping.status, ping.scheme, ping.realm) == (401, "basic", "here")
    assert ping.api_version == "registry/2.0"


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.Response(status=404, text="no"),
        lambda: web.Response(status=401),
        lambda: web.Response(status=400, text="Client sent an HTTP request to an HTTPS server."),
    ],
)
async def test_what_is_no_registry_is_told_apart(answer: Callable[[], web.Response]) -> None:
    async with serving(lambda request: answer()) as served, client_of(served) as client:
        with pytest.raises(NotARegistry):
            await client.ping()


async def test_a_ping_without_the_version_header_is_fine() -> None:
    async with serving(lambda request: json_answer(True)) as served, client_of(served) as client:
        assert (await client.ping()).api_version is None
