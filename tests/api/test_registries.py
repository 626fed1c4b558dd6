"""Registries: reading, adding, changing, removing and checking them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.models import AuditEvent, Registry
from tests.api.conftest import Caller, problem_of
from tests.certificates import Authority
from tests.fake_registry import Auth, FakeRegistry, Habits
from tests.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NEW = {"name": "mirror", "url": "https://mirror.example"}
PEM = Authority().pem


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


def test_a_registry_shows_the_figures_of_its_last_run(db: None, viewer: Caller) -> None:
    record = Record()
    repository = record.repository("app")
    record.tag(repository, "1.0", record.image("one", [record.layer("base", 1000)]))
    record.present(repository, record.image("old", [record.layer("old layer", 10)]))
    record.refresh()
    Registry.objects.update(dialect="distribution", capabilities={"catalog": True})

    shown = viewer.read("registries/prod/")

    assert shown["url"] == "https://registry.example"
    assert shown["dialect"] == "distribution"
    assert shown["capabilities"] == {"catalog": True}
    assert (shown["repositories"], shown["tags"], shown["manifests"]) == (1, 1, 2)
    assert shown["dangling"] == 1
    assert (shown["apparent_bytes"], shown["stored_bytes"]) == (1010, 1010)
    assert shown["reclaimable_bytes"] == 10
    assert shown["complete"] is True


def test_registries_are_listed_by_name(db: None, viewer: Caller) -> None:
    for name in ("prod", "edge", "mirror"):
        Record(name)

    names = [row["name"] for row in viewer.walk("registries/?page_size=2")]

    assert names == ["edge", "mirror", "prod"]


def test_the_number_of_statements_does_not_grow_with_the_registries(
    db: None, viewer: Caller, statements: Callable[[Callable[[], Any]], int]
) -> None:
    Record()
    viewer.read("registries/")
    few = statements(lambda: viewer.read("registries/"))
    for number in range(10):
        Record(f"other-{number}")

    assert statements(lambda: viewer.read("registries/")) == few


def test_an_admin_adds_a_registry(db: None, admin: Caller) -> None:
    response = admin.ask("POST", "registries/", NEW)

    assert response.status_code == 201
    assert response["Location"] == "http://testserver/api/v1/registries/mirror/"
    assert response.json() == admin.read("registries/mirror/")
    registry = Registry.objects.get()
    assert (registry.url, registry.dialect) == (NEW["url"], "auto")
    assert registry.next_sync_at == registry.created_at
    assert AuditEvent.objects.get().actor == "the-admin"


def test_everything_about_a_registry_can_be_said_when_it_is_added(db: None, admin: Caller) -> None:
    said = {
        **NEW,
        "username": "robot",
        "dialect": "oci",
        "token_realm": "https://auth.example/token",
        "ca_certificate": PEM.strip(),
        "verify_tls": False,
        "concurrency": 4,
        "requests_per_second": 2.5,
        "sync_interval_seconds": 3600,
        "check_interval_seconds": None,
        "follow": ["team/", "library/alpine"],
        "vanish_share": 0.5,
        "deletion_allowed": True,
    }

    response = admin.ask("POST", "registries/", {**said, "secret": " swordfish "})

    assert response.status_code == 201, response.json()
    assert {name: response.json()[name] for name in said} == said
    registry = Registry.objects.get()
    assert registry.secret == " swordfish "
    assert registry.sync_interval == timedelta(hours=1)
    assert registry.check_interval is None


def test_a_secret_is_never_shown(db: None, admin: Caller) -> None:
    body = {**NEW, "username": "robot", "secret": "swordfish"}

    answers = [
        admin.ask("POST", "registries/", body),
        admin.ask("PATCH", "registries/mirror/", {"secret": "swordfish"}),
        admin.get("registries/mirror/"),
        admin.get("registries/"),
    ]

    for answer in answers:
        assert b"swordfish" not in answer.content
        assert b'"has_secret":true' in answer.content
    history = json.dumps(list(AuditEvent.objects.values_list("about", "detail")))
    assert "swordfish" not in history


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_how_a_registry_is_connected_is_for_admins(
    db: None, role: str, request: pytest.FixtureRequest
) -> None:
    record = Record()
    record.registry.username = "robot"
    record.registry.secret = "swordfish"
    record.registry.save()

    shown = request.getfixturevalue(role).read("registries/prod/")

    for name in ("username", "has_secret", "token_realm", "ca_certificate"):
        assert shown[name] is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"url": NEW["url"]}, "name"),
        ({"name": "mirror"}, "url"),
        ({**NEW, "name": "Mirror!"}, "name"),
        ({**NEW, "name": "x" * 64}, "name"),
        ({**NEW, "name": "check"}, "name"),
        ({**NEW, "name": "add"}, "name"),
        ({**NEW, "name": "a\u0000b"}, "name"),
        ({**NEW, "name": ["list"]}, "name"),
        ({**NEW, "url": "mirror.example"}, "url"),
        ({**NEW, "url": "ftp://mirror.example"}, "url"),
        ({**NEW, "url": "https://user:pass@mirror.example"}, "url"),
        ({**NEW, "url": "https://mirror.example:port"}, "url"),
        ({**NEW, "dialect": "esperanto"}, "dialect"),
        ({**NEW, "secret": "swordfish"}, "username"),
        ({**NEW, "concurrency": 0}, "concurrency"),
        ({**NEW, "concurrency": 10**30}, "concurrency"),
        ({**NEW, "requests_per_second": 0}, "requests_per_second"),
        ({**NEW, "requests_per_second": "1e999"}, "requests_per_second"),
        ({**NEW, "sync_interval_seconds": 1}, "sync_interval_seconds"),
        ({**NEW, "sync_interval_seconds": 10**12}, "sync_interval_seconds"),
        ({**NEW, "check_interval_seconds": "soon"}, "check_interval_seconds"),
        ({**NEW, "vanish_share": 0}, "vanish_share"),
        ({**NEW, "vanish_share": 1.5}, "vanish_share"),
        ({**NEW, "follow": ["Not a path"]}, "follow"),
        ({**NEW, "follow": "team/"}, "follow"),
        ({**NEW, "ca_certificate": "not PEM"}, "ca_certificate"),
        ({**NEW, "token_realm": "auth.example"}, "token_realm"),
        ({**NEW, "pasword": "swordfish"}, "pasword"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_field(
    db: None, admin: Caller, said: dict[str, Any], field: str
) -> None:
    problem = problem_of(admin.ask("POST", "registries/", said), 400, "invalid")

    assert list(problem["errors"]) == [field]
    assert not Registry.objects.exists()


def test_a_name_is_taken_once(db: None, admin: Caller) -> None:
    admin.ask("POST", "registries/", NEW)

    problem = problem_of(admin.ask("POST", "registries/", NEW), 400, "invalid")

    assert "exists already" in problem["errors"]["name"][0]
    assert Registry.objects.count() == 1


def test_a_change_leaves_alone_what_it_does_not_name(db: None, admin: Caller) -> None:
    body = {**NEW, "username": "robot", "secret": "swordfish", "concurrency": 4}
    before = admin.ask("POST", "registries/", body).json()

    after = admin.ask("PATCH", "registries/mirror/", {"sync_interval_seconds": 60}).json()

    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"sync_interval_seconds", "next_sync_at"}
    assert after["sync_interval_seconds"] == 60
    assert Registry.objects.get().secret == "swordfish"


def test_a_secret_can_be_taken_away(db: None, admin: Caller) -> None:
    admin.ask("POST", "registries/", {**NEW, "username": "robot", "secret": "swordfish"})

    shown = admin.ask("PATCH", "registries/mirror/", {"username": "", "secret": ""}).json()

    assert shown["has_secret"] is False
    assert Registry.objects.get().secret == ""


def test_a_secret_does_not_follow_the_address_to_another_host(db: None, admin: Caller) -> None:
    admin.ask("POST", "registries/", {**NEW, "username": "robot", "secret": "swordfish"})

    change = {"url": "https://elsewhere.example"}
    problem = problem_of(admin.ask("PATCH", "registries/mirror/", change), 400, "invalid")

    assert list(problem["errors"]) == ["secret"]
    assert Registry.objects.get().url == NEW["url"]


def test_a_name_stays(db: None, admin: Caller) -> None:
    admin.ask("POST", "registries/", NEW)

    change = {"name": "other"}
    problem = problem_of(admin.ask("PATCH", "registries/mirror/", change), 400, "invalid")

    assert list(problem["errors"]) == ["name"]


def test_an_admin_removes_a_registry_and_its_history_stays(db: None, admin: Caller) -> None:
    admin.ask("POST", "registries/", NEW)

    response = admin.ask("DELETE", "registries/mirror/")

    assert response.status_code == 204
    assert response.content == b""
    problem_of(admin.get("registries/mirror/"), 404, "not-found")
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["registry:added", "registry:removed"]


def test_a_check_says_what_a_registry_is(db: None, admin: Caller, fake: FakeRegistry) -> None:
    response = admin.ask("POST", "registries/check/", {"name": "new", "url": fake.url})

    found = response.json()
    assert response.status_code == 200
    assert found["ok"] is True
    assert found["sentence"]
    assert found["capabilities"]["catalog"] is True
    assert not Registry.objects.exists()


def test_a_stored_registry_is_checked_by_its_name(
    db: None, admin: Caller, fake: FakeRegistry
) -> None:
    fake.habits = Habits(auth=Auth.BASIC, users={"user": "password"})
    body = {"name": "mirror", "url": fake.url, "username": "user", "secret": "password"}
    admin.ask("POST", "registries/", body)

    found = admin.ask("POST", "registries/check/", {"name": "mirror"}).json()

    assert found["ok"] is True


def test_a_check_that_fails_says_what_and_what_next(db: None, admin: Caller) -> None:
    with FakeRegistry() as gone:
        url = gone.url

    found = admin.ask("POST", "registries/check/", {"name": "new", "url": url}).json()

    assert found["ok"] is False
    assert found["sentence"]
    assert found["cause"]
    assert found["next_step"]


def test_a_name_alone_that_is_unknown_cannot_be_checked(db: None, admin: Caller) -> None:
    problem = problem_of(admin.ask("POST", "registries/check/", {"name": "new"}), 400, "invalid")

    assert list(problem["errors"]) == ["name"]
