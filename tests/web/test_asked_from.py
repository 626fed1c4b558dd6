"""Whose address a request has: the client's, behind proxies too, and never an invented one."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import AuditEvent, User
from registry_browser.web import attempts

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
PROXY, SECOND_PROXY, CLIENT, OTHER = "10.0.0.1", "2001:db8::9", "198.51.100.7", "203.0.113.66"


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.REGISTRY_BROWSER_TRUSTED_PROXIES = [
        ip_network("10.0.0.0/24"), ip_network(SECOND_PROXY)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (CLIENT, "", CLIENT),
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{OTHER}, {CLIENT}", CLIENT),
        (PROXY, f"{CLIENT}, {SECOND_PROXY}", CLIENT),
        (PROXY, f"{CLIENT}:50123", CLIENT),
        (PROXY, f"[2001:db8::1]:443, [{SECOND_PROXY}]:8080", "2001:db8::1"),
        (f"::ffff:{PROXY}", f"::ffff:{CLIENT}", CLIENT),
        (CLIENT, OTHER, CLIENT),
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"unknown, {SECOND_PROXY}", SECOND_PROXY),
        ("fe80::1%eth0", "", "fe80::1"),
        ("", CLIENT, None),
    ],
)
def test_the_audit_trail_has_the_address_of_the_client(
    viewer: Client, peer: str, forwarded: str, client: str | None
) -> None:
    viewer.post("/sign-out/", REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded})

    assert AuditEvent.objects.get(action="sign-in:ended").address == client


def test_a_stranger_locks_nobody_out_who_comes_by_the_same_proxy(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PER_ADDRESS", 2)
    User.objects.create_user("ada", password="correct horse battery staple")
    for number in range(3):
        client.post(
            "/sign-in/", {"username": f"bot-{number}", "password": "wrong"},
            REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": OTHER},
        )  # fmt: skip

    answer = client.post(
        "/sign-in/", {"username": "ada", "password": "correct horse battery staple"},
        REMOTE_ADDR=PROXY, headers={"X-Forwarded-For": CLIENT},
    )  # fmt: skip

    assert answer.status_code == 302


def test_the_log_names_the_same_address(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/sign-in/", REMOTE_ADDR=CLIENT, headers={"X-Forwarded-For": OTHER})

    [finished] = [record.msg for record in caplog.records if "request_finished" in str(record.msg)]
    assert isinstance(finished, dict)
    assert finished["ip"] == CLIENT
