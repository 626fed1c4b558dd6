"""Every fault reads as a problem detail (RFC 9457)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from django.db import OperationalError

from tests.api.conftest import Caller, problem_of
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

APP = "registries/prod/repositories/team/app/"


@pytest.fixture
def record(db: None) -> Record:
    record = Record()
    record.repository("team/app")
    return record


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("registries/elsewhere/", "elsewhere"),
        ("registries/elsewhere/repositories/", "elsewhere"),
        ("registries/elsewhere/layers/", "elsewhere"),
        ("registries/prod/repositories/team/web/", "team/web"),
        ("registries/prod/repositories/team/web/-/tags/", "team/web"),
        ("registries/prod/repositories/team/", "team"),
        (f"{APP}-/tags/1.0/", "1.0"),
        (f"{APP}-/manifests/{digest_of('app')}/", digest_of("app")),
        (f"registries/prod/layers/{digest_of('base')}/", digest_of("base")),
        ("runs/7/", "7"),
    ],
)
def test_what_is_not_in_the_record_is_named(
    record: Record, viewer: Caller, address: str, word: str
) -> None:
    assert word in problem_of(viewer.get(address), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nothing/",
        "registries/prod/nothing/",
        "registries/UPPER/",
        "registries/%00/",
        "registries/..%2f/",
        f"{APP}-/nothing/",
        f"{APP}-/tags/-dash/",
        f"{APP}-/tags/{'x' * 129}/",
        f"{APP}-/manifests/sha256:123/",
        "registries/prod/repositories/Team/App/",
        "registries/prod/repositories/-/tags/",
        "registries/prod/layers/md5:abc/",
        "runs/1/2/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_not_found(
    record: Record, admin: Caller, address: str, method: str
) -> None:
    problem_of(admin.ask(method, address), 404, "not-found")


def test_a_missing_slash_is_pointed_out(record: Record, viewer: Caller) -> None:
    problem = problem_of(viewer.get("registries"), 404, "not-found")

    assert "end with a slash" in problem["detail"]


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("PUT", "registries/prod/", "GET, PATCH, DELETE"),
        ("DELETE", "registries/", "GET, POST"),
        ("GET", "registries/prod/sync/", "POST"),
        ("POST", "search/", "GET"),
        ("OPTIONS", "registries/", "GET, POST"),
    ],
)
def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_takes(
    record: Record, admin: Caller, method: str, address: str, allowed: str
) -> None:
    response = admin.ask(method, address)

    problem_of(response, 405, "method")
    taken = set(response["Allow"].split(", ")) - {"HEAD", "OPTIONS"}
    assert taken == set(allowed.split(", "))


def test_an_answer_that_is_no_json_cannot_be_had(record: Record, viewer: Caller) -> None:
    problem_of(viewer.get("registries/", Accept="text/html"), 406, "not-acceptable")


def test_a_browser_that_takes_anything_gets_json(record: Record, viewer: Caller) -> None:
    response = viewer.get("registries/", Accept="text/html,*/*;q=0.8")

    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("kind", ["application/xml", "application/x-www-form-urlencoded"])
def test_a_body_of_another_kind_is_refused(record: Record, admin: Caller, kind: str) -> None:
    response = admin.ask("POST", "registries/", {}, **{"Content-Type": kind})

    problem_of(response, 415, "media-type")


@pytest.mark.parametrize("body", ["{", "[1,]", '{"name": NaN}', "\xff", "[" * 100_000])
def test_a_body_that_is_not_json_is_refused(
    record: Record, admin: Caller, raw: Callable[..., Any], body: str
) -> None:
    problem_of(raw(admin, "registries/", body.encode("latin-1")), 400, "malformed")


@pytest.mark.parametrize("body", [b"[]", b'"name"', b"7", b"null"])
def test_a_body_that_is_no_object_is_refused(
    record: Record, admin: Caller, raw: Callable[..., Any], body: bytes
) -> None:
    problem = problem_of(raw(admin, "registries/", body), 400, "invalid")

    assert "body" in problem["errors"]


def test_a_body_beyond_a_mebibyte_is_refused(
    record: Record, admin: Caller, raw: Callable[..., Any]
) -> None:
    body = b'{"name": "' + b"x" * 1024 * 1024 + b'"}'

    problem_of(raw(admin, "registries/", body), 413, "too-large")


@pytest.fixture
def raw() -> Callable[..., Any]:
    """Sends bytes as they are."""
    from django.test import Client

    def send(caller: Caller, address: str, body: bytes) -> Any:
        return Client(raise_request_exception=False).post(
            f"/api/v1/{address}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {caller.token}"},
        )

    return send


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=blue", "colour"),
        ("page=2", "page"),
        ("format=xml", "format"),
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=ten", "page_size"),
        ("page_size=", "page_size"),
        ("ordering=colour", "ordering"),
        ("ordering=--path", "ordering"),
        ("cursor=abc", "cursor"),
        ("cursor=", "cursor"),
        ("search=%00", "search"),
        ("prefix=a%00b", "prefix"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    record: Record, viewer: Caller, query: str, field: str
) -> None:
    problem = problem_of(viewer.get(f"registries/prod/repositories/?{query}"), 400, "invalid")

    assert list(problem["errors"]) == [field]
    assert field in problem["detail"]


def test_an_unknown_parameter_is_told_which_are_known(record: Record, viewer: Caller) -> None:
    problem = problem_of(viewer.get("registries/?colour=blue&size=1"), 400, "invalid")

    known = "This parameter is unknown here; known are: cursor, page_size."
    assert problem["errors"] == {"colour": [known], "size": [known]}


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "registries/prod/"),
        ("POST", "registries/prod/sync/"),
        ("DELETE", "registries/prod/"),
    ],
)
def test_an_address_without_parameters_takes_none(
    record: Record, admin: Caller, method: str, address: str
) -> None:
    problem = problem_of(admin.ask(method, f"{address}?force=1"), 400, "invalid")

    assert list(problem["errors"]) == ["force"]


def test_the_instance_is_what_was_asked(record: Record, viewer: Caller) -> None:
    problem = problem_of(viewer.get("registries/?colour=blue"), 400, "invalid")

    assert problem["instance"] == "/api/v1/registries/?colour=blue"


def test_a_fault_of_ours_tells_the_log_and_not_the_caller(
    record: Record, viewer: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    fault = "the password is hunter2"
    with patch("registry_browser.api.views.search.search", side_effect=RuntimeError(fault)):
        response = viewer.get("search/?q=app")

    problem_of(response, 500, "failed")
    assert fault not in response.content.decode()
    assert fault in caplog.text


def test_a_database_that_is_away_asks_for_patience(record: Record, viewer: Caller) -> None:
    away = OperationalError("the server closed the connection")
    with patch("registry_browser.api.views.search.search", side_effect=away):
        response = viewer.get("search/?q=app")

    problem_of(response, 503, "unavailable")
    assert response["Retry-After"] == "5"


def test_nested_fields_are_named_by_their_place(record: Record, admin: Caller) -> None:
    body = {"name": "other", "url": "https://other.example", "follow": ["fine/", "x" * 300]}

    problem = problem_of(admin.ask("POST", "registries/", body), 400, "invalid")

    assert list(problem["errors"]) == ["follow.1"]
