from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from registry_browser.oci import errors
from registry_browser.oci.auth import Credentials
from registry_browser.oci.dialects import CAPABILITIES, DIALECTS, GENERIC, Ping
from registry_browser.oci.probe import diagnose, probe
from tests.oci.serving import client_of, error_answer, json_answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

API = {"Docker-Distribution-Api-Version": "registry/2.0"}
ANN = Credentials("ann", "hush")


def registry(
    *,
    catalog_type: str = "application/json; charset=utf-8",
    unknown_path: Callable[[], web.Response] = lambda: web.Response(
        status=404, text="404 page not found\n"
    ),
    referrers: Callable[[], web.Response] | None = None,
    ping_body: bytes = b"{}",
) -> Callable[[web.BaseRequest], web.Response]:
    def handler(request: web.BaseRequest) -> web.Response:
        if request.path == "/v2/":
            return web.Response(body=ping_body, headers=API)
        if request.path == "/v2/_catalog":
            headers = {"Content-Type": catalog_type}
            return web.Response(body=b'{"repositories":["a"]}', headers=headers)
        if "/referrers/" in request.path and referrers:
            return referrers()
        return unknown_path()

    return handler


@pytest.mark.parametrize(
    ("catalog_type", "version", "pages_tags"),
    [
        ("application/json; charset=utf-8", "2.8", False),
        ("application/json", "3", True),
        ("text/plain", None, None),
    ],
)
async def test_distribution_is_recognised_and_its_version_told(
    catalog_type: str, version: str | None, pages_tags: bool | None
) -> None:
    async with (
        serving(registry(catalog_type=catalog_type)) as served,
        client_of(served) as client,
    ):
        found = await probe(client)

    assert (found.dialect, found.version) == ("distribution", version)
    assert found.usable
    assert found.capabilities is not None
    assert found.capabilities["pages_tags"] is pages_tags
    assert found.capabilities["lists_untagged"] is False
    assert found.capabilities["deletes_manifests"] is None
    assert not [line for line in served.asked if not line.startswith("GET ")]


async def test_anything_else_is_a_generic_registry_and_asked_for_referrers() -> None:
    handler = registry(
        unknown_path=lambda: error_answer("UNSUPPORTED", 404),
        referrers=lambda: json_answer({"manifests": []}),
    )
    async with serving(handler) as served, client_of(served) as client:
        found = await probe(client)

    assert (found.dialect, found.version) == ("oci", None)
    assert found.capabilities is not None
    assert found.capabilities["referrers_api"] is True
    assert set(found.capabilities) == set(CAPABILITIES)


async def test_a_registry_without_a_catalog_is_usable_and_says_what_to_do() -> None:
    def handler(request: web.BaseRequest) -> web.Response:
        return json_answer({}) if request.path == "/v2/" else web.Response(status=404, text="no")

    async with serving(handler) as served, client_of(served) as client:
        found = await probe(client)

    assert found.usable
    assert found.capabilities is not None
    assert found.capabilities["catalog"] is False
    assert any("name those" in sentence for sentence in found.sentences)


def locked(request: web.BaseRequest) -> web.Response:
    # distribution finds no route for a strange path before it asks who wants to know.
    if request.path.startswith("/v2/_oci") or request.headers.get("Authorization") == ANN.basic:
        return registry()(request)
    headers = API | {"WWW-Authenticate": 'Basic realm="r"'}
    return web.Response(status=401, headers=headers)


@pytest.mark.parametrize(
    ("credentials", "usable"), [(None, False), (ANN, True), (Credentials("ann", "bad"), False)]
)
async def test_missing_and_wrong_credentials_are_told(
    credentials: Credentials | None, usable: bool
) -> None:
    async with serving(locked) as served, client_of(served, credentials=credentials) as client:
        found = await probe(client)

    assert found.reachable
    assert found.usable is usable
    if usable:
        assert (found.dialect, found.version) == ("distribution", "2.8")
    else:
        assert found.diagnosis is not None
        assert found.diagnosis.code == "credentials"


async def test_distribution_is_recognised_before_any_sign_in() -> None:
    def handler(request: web.BaseRequest) -> web.Response:
        if request.path == "/token":
            return json_answer({"details": "no"}, 401)
        if request.path.startswith("/v2/_oci"):
            return registry()(request)
        return web.Response(status=401, headers=API | {"WWW-Authenticate": 'Bearer realm="/token"'})

    async with serving(handler) as served, client_of(served) as client:
        found = await probe(client)

    assert found.dialect == "distribution"
    assert not found.usable
    assert found.diagnosis is not None
    assert found.diagnosis.code == "credentials"


async def test_nothing_there_is_told_in_words() -> None:
    async with serving(registry()) as served:
        pass
    async with client_of(served, attempts=1) as client:
        found = await probe(client)

    assert not found.reachable
    assert found.diagnosis is not None
    assert found.diagnosis.code == "refused"
    assert "nothing listens" in found.sentences[0]


async def test_a_web_page_is_no_registry() -> None:
    page = "<html>Welcome</html>"
    async with (
        serving(lambda request: web.Response(text=page, content_type="text/html")) as served,
        client_of(served) as client,
    ):
        found = await probe(client)

    assert found.reachable
    assert found.diagnosis is not None
    assert found.diagnosis.code == "not a registry"


@pytest.mark.parametrize(
    ("error", "code", "advice"),
    [
        (errors.Unreachable("x", kind="dns"), "dns", "spelling"),
        (errors.Unreachable("x is not trusted", kind="tls"), "tls", "CA certificate"),
        (errors.Unreachable("x has expired", kind="tls"), "tls", "certificate put right"),
        (errors.Unreachable("may be plain http://", kind="tls"), "tls", "http://"),
        (errors.Unreachable("x", kind="timeout"), "timeout", "firewall"),
        (errors.Unreachable("x", kind="reset"), "reset", "network"),
        (errors.UnconfirmedRealm("x", realm="https://a/t"), "realm", "confirm"),
        (errors.AccessDenied("x"), "credentials", "user name"),
        (errors.NotARegistry("x"), "not a registry", "port"),
        (errors.RateLimited("x"), "rate limited", "later"),
        (errors.ServerFault("x", status=500), "server fault", "log"),
        (errors.UnexpectedAnswer("x"), "unexpected", "proxy"),
    ],
)
def test_every_failure_comes_with_something_to_do(
    error: errors.RegistryError, code: str, advice: str
) -> None:
    diagnosis = diagnose(error)

    assert diagnosis.code == code
    assert advice in diagnosis.advice


def test_the_realm_to_confirm_is_named() -> None:
    assert diagnose(errors.UnconfirmedRealm("x", realm="https://a/t")).realm == "https://a/t"


def test_dialects_are_found_by_kind_and_know_their_capabilities() -> None:
    assert DIALECTS["oci"] is GENERIC
    for kind, dialect in DIALECTS.items():
        assert dialect.kind == kind
        assert set(dialect.known) == set(CAPABILITIES)


@pytest.mark.parametrize(
    ("ping", "expected"),
    [
        (Ping(200, "registry/2.0", body=b"{}"), True),
        (Ping(401, "registry/2.0"), True),
        (Ping(200, None, body=b"{}"), False),
        (Ping(200, "registry/2.0", body=b"true"), False),
        (Ping(401, "registry/2.0", service="harbor-registry"), False),
        (Ping(200, "registry/2.0", body=b"{}", headers={"x-jfrog-version": "7"}), False),
    ],
)
def test_distribution_is_told_from_what_is_built_on_it(ping: Ping, expected: bool) -> None:
    assert DIALECTS["distribution"].recognises("r.io", ping) is expected
