"""Deletion plans and locks over the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    Outcome,
    PlanPhase,
    PlanState,
    PresenceState,
    Protection,
)
from tests.api.conftest import problem_of
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from tests.api.conftest import Caller


@pytest.fixture
def record(db: None) -> Record:
    record = Record(now=datetime.now(UTC))
    record.registry.deletion_allowed = True
    record.registry.save()
    base = record.layer("base", 1000)
    web = record.repository("team/web")
    live = record.image("live", [base])
    record.tag(web, "1.0", record.index("index", {"linux/amd64": live}))
    long_ago = record.now - timedelta(days=20)
    old = record.image("old", [base, record.layer("old layer", 10)])
    record.present(web, old, PresenceState.DANGLING, first_seen_at=long_ago)
    young = record.image("young", [base])
    record.present(web, young, PresenceState.DANGLING, first_seen_at=record.now)
    record.refresh()
    return record


def make(admin: Caller, record: Record, **said: object) -> dict[str, Any]:
    response = admin.ask("POST", "deletions/", {"registry": record.registry.name, **said})
    assert response.status_code == 201, response.json()
    made: dict[str, Any] = response.json()
    assert response["Location"] == made["url"]
    return made


def test_a_plan_has_the_promised_fields(admin: Caller, record: Record) -> None:
    made = make(admin, record, prefix="team")
    assert made == admin.read(f"deletions/{made['id']}/")
    assert (made["state"], made["reclaimable_bytes"]) == ("planned", 10)
    [item] = made["items"]
    assert item["repository"] == "team/web"
    assert item["digest"] == digest_of("old")
    assert "child of no index" in item["reason"]
    assert (item["bytes"], item["outcome"], item["detail"]) == (10, "waiting", "")
    kept = {each["digest"]: each["because"] for each in made["kept"]}
    assert kept == {digest_of("live"): "child", digest_of("young"): "young"}


def test_a_grace_period_and_a_choice_of_manifests(admin: Caller, record: Record) -> None:
    assert make(admin, record, grace="0s")["item_count"] == 2
    chosen = make(admin, record, grace="0s", digests=[digest_of("young")])
    assert [item["digest"] for item in chosen["items"]] == [digest_of("young")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prefix", "UPPER"),
        ("prefix", "nowhere"),
        ("digests", ["x"]),
        ("grace", "soon"),
        ("more", 1),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(
    admin: Caller, record: Record, field: str, value: object
) -> None:
    said = {"registry": record.registry.name, field: value}
    problem = problem_of(admin.ask("POST", "deletions/", said), 400, "invalid")
    assert [name.partition(".")[0] for name in problem["errors"]] == [field]


def test_a_registry_that_there_is_not(admin: Caller, record: Record) -> None:
    problem_of(admin.ask("POST", "deletions/", {"registry": "nowhere"}), 404, "not-found")


def test_a_plan_is_approved_then_run(admin: Caller, record: Record) -> None:
    number = make(admin, record)["id"]
    problem = problem_of(admin.ask("POST", f"deletions/{number}/run/"), 409, "conflict")
    assert "Approve it first" in problem["detail"]
    approved = admin.ask("POST", f"deletions/{number}/approve/", {})
    assert (approved.status_code, approved.json()["state"]) == (200, "approved")
    started = admin.ask("POST", f"deletions/{number}/run/")
    assert (started.status_code, started.json()["phase"]) == (202, "waiting")
    cancelled = admin.ask("POST", f"deletions/{number}/cancel/")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    problem = problem_of(admin.ask("POST", f"deletions/{number}/run/"), 409, "conflict")
    assert problem["detail"] == f"Plan {number} cannot run: it was cancelled."


def test_refusals_are_conflicts_in_a_sentence(admin: Caller, record: Record) -> None:
    number = make(admin, record)["id"]
    record.registry.deletion_allowed = False
    record.registry.save()
    problem = problem_of(admin.ask("POST", f"deletions/{number}/approve/", {}), 409, "conflict")
    assert "not switched on" in problem["detail"]
    problem_of(admin.ask("POST", f"deletions/{number}/undo/"), 409, "conflict")
    problem_of(admin.ask("POST", f"deletions/{number}/cancel/"), 409, "conflict")


def test_words_are_sent_where_a_plan_asks_for_them(admin: Caller, record: Record) -> None:
    number = make(admin, record)["id"]
    DeletionPlan.objects.update(words="team/web")
    problem_of(admin.ask("POST", f"deletions/{number}/approve/", {}), 409, "conflict")
    answer = admin.ask("POST", f"deletions/{number}/approve/", {"words": "team/web"})
    assert answer.status_code == 200


def test_a_plan_is_discarded_and_stays_readable(admin: Caller, record: Record) -> None:
    number = make(admin, record)["id"]
    assert admin.ask("DELETE", f"deletions/{number}/").status_code == 204
    assert admin.read(f"deletions/{number}/")["state"] == "cancelled"


def test_an_undo_is_asked_for(admin: Caller, record: Record) -> None:
    number = make(admin, record)["id"]
    DeletionPlan.objects.update(state=PlanState.DONE, phase=PlanPhase.NONE)
    DeletionItem.objects.update(outcome=Outcome.DELETED)
    answer = admin.ask("POST", f"deletions/{number}/undo/")
    assert (answer.status_code, answer.json()["undo_state"]) == (202, "running")


def test_plans_are_listed_newest_first_and_filtered(
    admin: Caller, viewer: Caller, record: Record
) -> None:
    first, second = make(admin, record)["id"], make(admin, record)["id"]
    assert [plan["id"] for plan in viewer.walk("deletions/?page_size=1")] == [second, first]
    assert viewer.walk("deletions/?state=done") == []
    assert viewer.walk("deletions/?registry=nowhere") == []


def test_viewers_read_and_change_nothing(admin: Caller, viewer: Caller, record: Record) -> None:
    number = make(admin, record)["id"]
    assert viewer.read(f"deletions/{number}/")["id"] == number
    asked = [
        ("POST", "deletions/"),
        ("DELETE", f"deletions/{number}/"),
        *(("POST", f"deletions/{number}/{verb}/") for verb in ("approve", "run", "cancel", "undo")),
        ("POST", "locks/"),
    ]
    for method, address in asked:
        problem_of(viewer.ask(method, address, {}), 403, "not-allowed")
    assert admin.read(f"deletions/{number}/")["state"] == "planned"


def test_a_lock_is_set_listed_and_taken_away(admin: Caller, viewer: Caller, record: Record) -> None:
    said = {"registry": record.registry.name, "path": "team/web", "reason": "audit"}
    answer = admin.ask("POST", "locks/", said)
    assert answer.status_code == 201
    assert viewer.read("locks/") == [answer.json()]
    assert make(admin, record)["item_count"] == 0
    problem_of(admin.ask("POST", "locks/", said), 409, "conflict")
    number = answer.json()["id"]
    assert admin.ask("DELETE", f"locks/{number}/").status_code == 204
    assert not Protection.objects.exists()
    problem_of(admin.ask("DELETE", f"locks/{number}/"), 404, "not-found")
