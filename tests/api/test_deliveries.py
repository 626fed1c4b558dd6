"""What registries told, over the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from registry_browser.models import Registry, Role, User
from registry_browser.notifications.endpoints import open_endpoint
from registry_browser.notifications.receive import receive
from tests.notifications.bodies import A, deleted, distribution, pushed

if TYPE_CHECKING:
    from registry_browser.models import NotificationEndpoint

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LIST = "/api/v1/registries/reg/deliveries/"


@pytest.fixture
def endpoint(db: None) -> NotificationEndpoint:
    registry = Registry.objects.create(name="reg", url="http://reg.test", created_at=NOW)
    return open_endpoint(registry, actor="admin", now=NOW)


def _tell(endpoint: NotificationEndpoint, *events: dict[str, Any]) -> None:
    receive(endpoint, json.dumps(distribution(*events)).encode(), {"x-test": "yes"}, now=NOW)


def _somebody(role: Role) -> Client:
    client = Client()
    client.force_login(User.objects.create(username=role.value, role=role))
    return client


def test_deliveries_are_listed_and_read_with_what_they_told(
    endpoint: NotificationEndpoint,
) -> None:
    _tell(endpoint, pushed("team/app", "v1"), deleted("team/app", tag="v2"))
    _tell(endpoint, pushed("team/web", "v1"))
    admin = _somebody(Role.ADMIN)

    newest, oldest = admin.get(LIST).json()["results"]
    whole = admin.get(f"{LIST}{oldest['id']}/").json()

    assert newest["summary"] == "push team/web:v1"
    assert (oldest["kind"], oldest["state"], oldest["events"]) == ("distribution", "received", 2)
    assert json.loads(whole["body"])["events"][0]["target"]["digest"] == A
    assert whole["headers"] == {"x-test": "yes"}
    assert [(each["event"], each["tag"], each["actor"]) for each in whole["told"]] == [
        ("push", "v1", "alice"),
        ("delete", "v2", ""),
    ]


def test_deliveries_in_one_state(endpoint: NotificationEndpoint) -> None:
    _tell(endpoint, pushed("team/app", "v1"))
    receive(endpoint, b"{}", {}, now=NOW)

    found = _somebody(Role.ADMIN).get(LIST, {"state": "nothing"}).json()["results"]

    assert [row["kind"] for row in found] == ["unknown"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_only_admins_read_deliveries(endpoint: NotificationEndpoint, role: Role) -> None:
    _tell(endpoint, pushed("team/app", "v1"))
    pk = endpoint.registry.deliveries.get().pk
    somebody = _somebody(role)

    assert somebody.get(LIST).status_code == 403
    assert somebody.get(f"{LIST}{pk}/").status_code == 403


def test_what_is_not_there_is_not_found(endpoint: NotificationEndpoint) -> None:
    answer = _somebody(Role.ADMIN).get(f"{LIST}99999/")

    assert answer.status_code == 404
    assert "99999" in answer.json()["detail"]
