"""The endpoint's page and the log of deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from registry_browser.models import (
    AuditEvent,
    Delivery,
    NotificationEndpoint,
    Registry,
    Role,
    User,
)
from tests.notifications.bodies import distribution, pushed
from tests.notifications.conftest import NAME, NOW

if TYPE_CHECKING:
    from tests.notifications.conftest import Sender

PAGE = f"/registries/{NAME}/notifications/"
KINDS = (
    "distribution",
    "acr",
    "event-grid",
    "pubsub",
    "docker-hub",
    "harbor",
    "quay",
    "ghcr",
)


@pytest.fixture
def admin(db: None) -> Client:
    return _somebody(Role.ADMIN)


def _somebody(role: Role) -> Client:
    client = Client()
    client.force_login(User.objects.create(username=f"some-{role.value}", role=role))
    return client


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_only_admins_see_endpoints(endpoint: NotificationEndpoint, role: Role) -> None:
    somebody = _somebody(role)

    assert somebody.get(PAGE).status_code == 403
    assert somebody.post(PAGE, {"do": "open"}).status_code == 403
    assert Client().get(PAGE).status_code == 302


def test_a_registry_without_an_endpoint_gets_one_with_a_secret_that_is_shown_once(
    admin: Client, registry: Registry
) -> None:
    assert "tells nothing yet" in admin.get(PAGE).content.decode()

    shown = admin.post(PAGE, {"do": "open"}).content.decode()
    secret = str(NotificationEndpoint.objects.get().secret)

    assert secret in shown
    assert secret not in admin.get(PAGE).content.decode()
    assert AuditEvent.objects.get().action == "notifications:opened"
    assert secret not in str(AuditEvent.objects.values())


def test_the_page_with_the_secret_is_kept_by_nobody(admin: Client, registry: Registry) -> None:
    assert "no-store" in admin.post(PAGE, {"do": "open"})["Cache-Control"]


def test_a_new_secret_replaces_the_one_before(
    admin: Client, endpoint: NotificationEndpoint
) -> None:
    before = endpoint.secret

    admin.post(PAGE, {"do": "open"})

    endpoint.refresh_from_db()
    assert endpoint.secret != before


@pytest.mark.parametrize("kind", KINDS)
def test_each_sender_has_a_configuration_to_paste(
    admin: Client, endpoint: NotificationEndpoint, kind: str
) -> None:
    page = admin.get(PAGE, {"for": kind}).content.decode()

    assert f"http://testserver/notify/{NAME}" in page
    assert "SECRET" in page
    assert endpoint.secret not in page


def test_an_endpoint_is_closed(admin: Client, endpoint: NotificationEndpoint) -> None:
    admin.post(PAGE, {"do": "close"})

    assert not NotificationEndpoint.objects.exists()


def test_an_account_of_googles_is_kept_with_the_address_as_its_audience(
    admin: Client, endpoint: NotificationEndpoint
) -> None:
    admin.post(PAGE, {"do": "google", "account": "pusher@p.iam.gserviceaccount.com"})

    endpoint.refresh_from_db()
    assert endpoint.google_account == "pusher@p.iam.gserviceaccount.com"
    assert endpoint.google_audience == f"http://testserver/notify/{NAME}"


def test_deliveries_are_listed_and_each_has_a_page_with_its_raw_event(
    admin: Client, sender: Sender
) -> None:
    sender.post(distribution(pushed("team/app", "v1"), pushed("team/web", "v1")))
    sender.post(b"<script>alert(1)</script>")
    told, unreadable = Delivery.objects.order_by("pk")

    page = admin.get(PAGE).content.decode()
    one = admin.get(f"{PAGE}{told.pk}/").content.decode()
    other = admin.get(f"{PAGE}{unreadable.pk}/").content.decode()
    raw = admin.get(f"{PAGE}{told.pk}/raw")

    assert "push team/app:v1" in page
    assert "+1" in page
    assert "alice" in one
    assert "Waiting for a sync" in one
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in other
    assert raw.content == bytes(told.body)
    assert raw["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "query",
    [{"state": "unreadable"}, {"state": "x"}, {"before": "9" * 30}, {"before": "x"}, {"for": "x"}],
)
def test_any_query_finds_a_page(admin: Client, sender: Sender, query: dict[str, str]) -> None:
    sender.post(distribution(pushed("team/app", "v1")))

    assert admin.get(PAGE, query).status_code == 200


def test_a_delivery_of_another_registry_is_not_here(admin: Client, sender: Sender) -> None:
    other = Registry.objects.create(name="other", url="http://other.test", created_at=NOW)
    sender.post(distribution(pushed("team/app", "v1")))
    pk = Delivery.objects.get().pk

    assert admin.get(f"/registries/{other.name}/notifications/{pk}/").status_code == 404
    assert admin.get(f"/registries/{other.name}/notifications/{pk}/raw").status_code == 404
