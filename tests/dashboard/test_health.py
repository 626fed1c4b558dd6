"""What monitoring sees without signing in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from dashboard import broker
from registry_browser.models import Registry, User, WorkerHeartbeat

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def reachable_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker has tests of its own; here it answers."""
    monkeypatch.setattr(broker, "reachable", lambda app, *, timeout: True)


def worker_seen(ago: timedelta) -> None:
    WorkerHeartbeat.objects.create(worker="celery@test", seen_at=timezone.now() - ago)


def test_a_living_process_says_so_to_everybody(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_it_is_ready_with_database_migrations_broker_and_a_recent_worker(client: Client) -> None:
    worker_seen(timedelta(seconds=5))

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": "ok",
        "migrations": "ok",
        "broker": "ok",
        "worker": "ok",
    }


def test_it_is_not_ready_when_the_last_worker_is_silent(client: Client) -> None:
    worker_seen(timedelta(minutes=2))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert answer.json()["worker"] == "no worker has been seen for a minute"


def test_it_is_not_ready_without_its_broker(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_seen(timedelta(seconds=5))
    monkeypatch.setattr(broker, "reachable", lambda app, *, timeout: False)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["broker"] == "the broker does not answer"


def test_metrics_hold_the_figures_of_each_registry_and_the_age_of_its_sync(client: Client) -> None:
    Registry.objects.create(
        name="prod",
        url="http://prod",
        created_at=timezone.now(),
        synced_at=timezone.now() - timedelta(hours=1),
        repository_count=3,
        stored_bytes=5_000_000_000,
        complete=True,
    )
    worker_seen(timedelta(seconds=5))

    lines = client.get("/metrics").content.decode().splitlines()

    assert 'registry_browser_repositories{registry="prod"} 3.0' in lines
    assert 'registry_browser_stored_bytes{registry="prod"} 5e+09' in lines
    assert 'registry_browser_complete{registry="prod"} 1.0' in lines
    assert "registry_browser_workers 1.0" in lines
    [age] = [line for line in lines if line.startswith("registry_browser_sync_age_seconds{")]
    assert 3600 <= float(age.rpartition(" ")[2]) < 3700


def test_metrics_need_no_key_to_a_registry(client: Client, settings: Settings) -> None:
    Registry.objects.create(
        name="prod", url="http://prod", created_at=timezone.now(), username="robot", secret="s"
    )
    settings.REGISTRY_KEYS = [Fernet.generate_key().decode()]

    assert 'registry="prod"' in client.get("/metrics").text


def test_metrics_ask_for_their_token_where_one_is_set(client: Client, settings: Settings) -> None:
    settings.REGISTRY_BROWSER_METRICS_TOKEN = "letters"

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer letters"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.9", {}),
        ("2001:db8::9", {}),
        ("", {}),
        # A proxy on this machine that nobody trusts asks for somebody else.
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.9"}),
        ("127.0.0.1", {"x-forwarded-proto": "https"}),
        ("::1", {"forwarded": "for=192.0.2.9"}),
    ],
)
def test_metrics_without_a_token_are_not_for_strangers(
    client: Client, address: str, headers: dict[str, str]
) -> None:
    Registry.objects.create(name="secret-project", url="http://prod", created_at=timezone.now())

    answer = client.get("/metrics", headers=headers, REMOTE_ADDR=address)

    assert answer.status_code == 403
    assert "secret-project" not in answer.text
    assert "METRICS_TOKEN" in answer.text


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_metrics_without_a_token_are_for_this_machine(client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200


def test_metrics_without_a_token_are_for_who_is_signed_in(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))

    assert client.get("/metrics", REMOTE_ADDR="192.0.2.9").status_code == 200


def test_with_a_token_this_machine_sends_it_too(client: Client, settings: Settings) -> None:
    settings.REGISTRY_BROWSER_METRICS_TOKEN = "letters"

    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 401
