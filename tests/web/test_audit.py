"""The audit trail: who did what, when, from where."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser.history import audit
from registry_browser.models import AuditEvent, SyncRun, SyncTrigger
from tests.record import NOW, Record
from tests.web.test_history import text_of

if TYPE_CHECKING:
    from django.test import Client


@pytest.fixture
def trail(db: None) -> None:
    with audit.asked_from("10.0.0.7"):
        audit.record("sign-in:done", actor="ada", now=NOW)
    audit.record("registry:added", actor="ada", about="prod", now=NOW + timedelta(minutes=1))
    audit.record("sync:requested", actor="ben", about="prod", now=NOW + timedelta(days=1))


def read(client: Client, query: str = "") -> str:
    response = client.get(f"/history/audit{query}")
    assert response.status_code == 200
    return text_of(response.content.decode())


def test_events_read_as_sentences_with_time_and_address(trail: None, auditor: Client) -> None:
    text = read(auditor)

    assert "ada connected the registry prod" in text
    assert "ben started a sync of prod" in text
    assert "from 10.0.0.7" in text
    assert "Friday 20 November 2026" in text


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("", 3),
        ("?actor=ada", 2),
        ("?action=sign-in", 1),
        ("?action=registry:added", 1),
        ("?about=pro", 2),
        ("?address=10.0.0.7", 1),
        ("?since=2026-11-21", 1),
        ("?until=2026-11-20", 2),
        ("?actor=nobody", 0),
    ],
)
def test_a_filter_finds(trail: None, auditor: Client, query: str, events: int) -> None:
    assert f" {events} event{'' if events == 1 else 's'} " in read(auditor, query)


def test_plans_and_runs_lead_to_their_pages(db: None, auditor: Client) -> None:
    run = SyncRun.objects.create(
        registry=Record().registry, trigger=SyncTrigger.PERSON, created_at=NOW
    )
    audit.record("sync:requested", actor="ada", about="prod", now=NOW, detail={"run": run.pk})
    audit.record("sync:requested", actor="ada", about="old", now=NOW, detail={"run": run.pk + 1})
    audit.record("deletion:planned", actor="ada", about="prod", now=NOW, detail={"plan": 7})

    page = auditor.get("/history/audit").content.decode()

    assert f'<a href="/runs/{run.pk}/">run {run.pk}</a>' in page
    assert f"· run {run.pk + 1}" in page and f"/runs/{run.pk + 1}/" not in page
    assert '<a href="/deletions/7/">plan 7</a>' in page


def test_what_is_no_address_is_named(trail: None, auditor: Client) -> None:
    assert "“home” is no IP address" in read(auditor, "?address=home")


def test_an_export_is_what_the_filter_finds_and_checks_out(trail: None, auditor: Client) -> None:
    response = auditor.get("/history/audit/export.jsonl?actor=ada")
    *rows, last = b"".join(response).splitlines()

    assert [json.loads(row)["action"] for row in rows] == ["registry:added", "sign-in:done"]
    assert json.loads(last)["manifest"]["ledger"] == "audit"


def test_a_change_is_told_from_what_to_what(auditor: Client) -> None:
    detail = {
        "verify_tls": {"from": True, "to": False},
        "sync_interval_seconds": {"from": 3600, "to": None},
        "follow": {"from": [], "to": ["team/", "base/app"]},
    }
    audit.record("registry:changed", actor="ada", about="prod", detail=detail, now=NOW)

    shown = read(auditor)

    assert "verify tls: yes → no" in shown
    assert "sync interval seconds: 3,600 → nothing" in shown
    assert "follow: nothing → team/, base/app" in shown


def test_viewers_do_not_read_it(trail: None, viewer: Client) -> None:
    assert viewer.get("/history/audit").status_code == 403
    assert viewer.get("/history/audit/export.csv").status_code == 403


def test_what_a_page_does_is_recorded_with_the_address_of_its_client(admin: Client) -> None:
    Record()

    admin.post("/registries/prod/sync/", REMOTE_ADDR="192.0.2.9")

    assert AuditEvent.objects.get(action="sync:requested").address == "192.0.2.9"


def test_what_nobody_asked_for_over_the_network_has_no_address(db: None) -> None:
    with audit.asked_from("192.0.2.10"):
        audit.record("sync:requested", actor="ada", now=NOW)
    audit.record("sync:requested", actor="a command", now=NOW)

    addresses = AuditEvent.objects.order_by("id").values_list("address", flat=True)
    assert list(addresses) == ["192.0.2.10", None]
