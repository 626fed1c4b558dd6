"""Who may ask, and what a token may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from registry_browser.models import ApiToken, Registry, Role, User
from tests.api.conftest import Caller, problem_of
from tests.record import NOW, Record

if TYPE_CHECKING:
    from collections.abc import Callable

READING = [
    "registries/",
    "registries/prod/",
    "registries/prod/repositories/",
    "registries/prod/repositories/app/",
    "registries/prod/repositories/app/-/tags/",
    "registries/prod/repositories/app/-/manifests/",
    "registries/prod/layers/",
    "runs/",
    "search/?q=app",
    "schema/",
]
CHANGING = [
    ("POST", "registries/"),
    ("PATCH", "registries/prod/"),
    ("DELETE", "registries/prod/"),
    ("POST", "registries/check/"),
    ("POST", "registries/prod/sync/"),
    ("POST", "runs/1/cancel/"),
]


@pytest.fixture
def record(db: None) -> Record:
    record = Record()
    record.repository("app")
    return record


@pytest.mark.parametrize("address", READING)
def test_everything_needs_a_sign_in(record: Record, stranger: Caller, address: str) -> None:
    response = stranger.get(address)

    problem_of(response, 401, "sign-in")
    assert response["WWW-Authenticate"] == 'Bearer realm="Registry Browser"'


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("address", READING)
def test_every_role_reads(
    record: Record, caller: Callable[[Role], Caller], role: Role, address: str
) -> None:
    assert caller(role).get(address).status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
@pytest.mark.parametrize(("method", "address"), CHANGING)
def test_only_admins_change(
    record: Record, caller: Callable[[Role], Caller], role: Role, method: str, address: str
) -> None:
    problem_of(caller(role).ask(method, address, {}), 403, "not-allowed")

    assert Registry.objects.get().name == "prod"


@pytest.mark.parametrize(("method", "address"), CHANGING)
def test_a_stranger_is_told_to_sign_in_before_anything_else(
    record: Record, stranger: Caller, method: str, address: str
) -> None:
    problem_of(stranger.ask(method, address, {"unknown": 1}), 401, "sign-in")


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(record: Record, viewer: Caller, word: str) -> None:
    assert viewer.get("registries/", Authorization=f"{word} {viewer.token}").status_code == 200


@pytest.mark.parametrize("token", ["", "rb_unknown", "two words", "ünknown", "x" * 5000])
def test_a_token_that_is_none_is_refused(record: Record, viewer: Caller, token: str) -> None:
    header = f"Bearer {token}".encode().decode("latin-1")

    problem = problem_of(viewer.get("registries/", Authorization=header), 401, "sign-in")

    assert "create_token" in problem["detail"]


def test_a_revoked_token_is_refused_at_once(record: Record, viewer: Caller) -> None:
    assert viewer.get("registries/").status_code == 200

    ApiToken.objects.all().delete()

    problem_of(viewer.get("registries/"), 401, "sign-in")


def test_an_expired_token_is_refused(record: Record, viewer: Caller) -> None:
    ApiToken.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))

    problem_of(viewer.get("registries/"), 401, "sign-in")


def test_a_token_holds_until_it_expires(record: Record, viewer: Caller) -> None:
    ApiToken.objects.update(expires_at=datetime.now(UTC) + timedelta(hours=1))

    assert viewer.get("registries/").status_code == 200


def test_the_token_of_a_deactivated_person_is_refused(record: Record, admin: Caller) -> None:
    User.objects.update(is_active=False)

    problem_of(admin.get("registries/"), 401, "sign-in")


def test_a_token_does_what_its_user_may_do_now(record: Record, admin: Caller) -> None:
    User.objects.update(role=Role.VIEWER)

    problem_of(admin.ask("DELETE", "registries/prod/"), 403, "not-allowed")


def test_the_first_use_of_a_token_is_noted(record: Record, viewer: Caller) -> None:
    before = datetime.now(UTC)

    viewer.get("registries/")

    used_at = ApiToken.objects.get().last_used_at
    assert used_at is not None
    assert used_at >= before


def test_uses_within_a_minute_are_noted_once(record: Record, viewer: Caller) -> None:
    recently = datetime.now(UTC) - timedelta(seconds=30)
    ApiToken.objects.update(last_used_at=recently)

    viewer.get("registries/")

    assert ApiToken.objects.get().last_used_at == recently


def test_a_use_is_noted_again_after_a_minute(record: Record, viewer: Caller) -> None:
    long_ago = datetime.now(UTC) - timedelta(seconds=61)
    ApiToken.objects.update(last_used_at=long_ago)

    viewer.get("registries/")

    assert ApiToken.objects.get().last_used_at != long_ago


def test_a_session_reads_as_well(record: Record, viewer: Caller) -> None:
    client = Client()
    client.force_login(viewer.user)

    assert client.get("/api/v1/registries/").status_code == 200


def test_a_session_changes_nothing_without_its_csrf_token(record: Record, admin: Caller) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin.user)

    response = client.delete("/api/v1/registries/prod/")

    problem = problem_of(response, 403, "not-allowed")
    assert "CSRF" in problem["detail"]
    assert Registry.objects.filter(name="prod").exists()


def test_answers_stay_out_of_shared_caches(record: Record, viewer: Caller) -> None:
    assert viewer.get("registries/")["Cache-Control"] == "private, no-cache"


def test_only_the_hash_of_a_token_is_stored(viewer: Caller) -> None:
    stored = ApiToken.objects.get()

    assert viewer.token not in str(vars(stored))
    assert stored.created_at == NOW
