"""Starting syncs, and seeing how runs go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from registry_browser.models import AuditEvent, ItemState, Registry, SyncItem, SyncRun, SyncTrigger
from tests.api.conftest import Caller, problem_of
from tests.record import NOW, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django import DjangoCaptureOnCommitCallbacks


def a_run(registry: Registry, **fields: Any) -> SyncRun:
    """A finished run of the registry, unless `fields` say otherwise."""
    defaults: dict[str, Any] = {
        "trigger": SyncTrigger.PERSON,
        "state": "done",
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
        "done": 3,
        "total": 3,
    }
    return SyncRun.objects.create(registry=registry, **{**defaults, **fields})


def an_error(run: SyncRun, path: str, detail: str) -> None:
    SyncItem.objects.create(run=run, path=path, state=ItemState.INCOMPLETE, detail=detail)


@pytest.fixture
def record(db: None) -> Record:
    return Record()


@pytest.fixture
def sent() -> Iterator[Any]:
    """What is sent to the workers: the broker is the network of these tests."""
    with patch("registry_browser.tasks.crawl.delay") as delay:
        yield delay


def test_a_sync_is_accepted_and_sent_to_a_worker(
    record: Record,
    admin: Caller,
    sent: Any,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = admin.ask("POST", "registries/prod/sync/")

    run = SyncRun.objects.get()
    address = f"http://testserver/api/v1/runs/{run.pk}/"
    assert response.status_code == 202
    assert response.json() == {"id": run.pk, "state": "queued", "url": address}
    assert response["Location"] == address
    assert (run.trigger, run.actor, run.whole) == ("api", "the-admin", True)
    sent.assert_called_once_with(run.pk)


def test_the_address_of_a_started_run_leads_to_it(record: Record, admin: Caller, sent: Any) -> None:
    started = admin.ask("POST", "registries/prod/sync/").json()

    assert admin.read(started["url"])["id"] == started["id"]


def test_one_repository_can_be_synced(record: Record, admin: Caller, sent: Any) -> None:
    body = {"repository": "team/app", "full_check": True}

    response = admin.ask("POST", "registries/prod/sync/", body)

    run = SyncRun.objects.get()
    assert response.status_code == 202
    assert (run.whole, run.full_check) == (False, True)
    assert [item.path for item in run.items.all()] == ["team/app"]


def test_two_requests_join_in_one_run(record: Record, admin: Caller, sent: Any) -> None:
    first = admin.ask("POST", "registries/prod/sync/").json()
    second = admin.ask("POST", "registries/prod/sync/").json()

    assert first["id"] == second["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"repository": "UPPER/../case"}, "repository"),
        ({"repository": ""}, "repository"),
        ({"repository": 5 * "x/" + "-"}, "repository"),
        ({"full_check": "perhaps"}, "full_check"),
        ({"full-check": True}, "full-check"),
    ],
)
def test_a_sync_of_what_cannot_be_is_refused(
    record: Record, admin: Caller, sent: Any, body: dict[str, Any], field: str
) -> None:
    problem = problem_of(admin.ask("POST", "registries/prod/sync/", body), 400, "invalid")

    assert list(problem["errors"]) == [field]
    assert not SyncRun.objects.exists()


def test_an_unknown_registry_cannot_be_synced(record: Record, admin: Caller, sent: Any) -> None:
    problem = problem_of(admin.ask("POST", "registries/elsewhere/sync/"), 404, "not-found")

    assert "elsewhere" in problem["detail"]


def test_a_run_shows_its_progress(record: Record, viewer: Caller) -> None:
    run = a_run(record.registry, state="running", finished_at=None, done=2, total=None)

    shown = viewer.read(f"runs/{run.pk}/")

    assert shown["kind"] == "sync"
    assert shown["registry"] == "prod"
    assert (shown["state"], shown["done"], shown["total"]) == ("running", 2, None)
    assert shown["started_at"] == "2026-11-20T14:30:00Z"
    assert shown["finished_at"] is None
    assert shown["errors"] == []


def test_a_run_tells_what_went_wrong_and_where(record: Record, viewer: Caller) -> None:
    run = a_run(record.registry, state="incomplete", error="The catalog was cut off.")
    an_error(run, "team/web", "The registry answered 503.")
    an_error(run, "team/app", "")

    assert viewer.read(f"runs/{run.pk}/")["errors"] == [
        "The catalog was cut off.",
        "team/app",
        "team/web: The registry answered 503.",
    ]


def test_a_list_shows_a_few_errors_of_each_run(record: Record, viewer: Caller) -> None:
    first, second = (a_run(record.registry, state="incomplete") for _ in range(2))
    for number in range(15):
        an_error(first, f"app-{number:02}", "gone wrong")
    an_error(second, "web", "gone wrong")

    rows = {row["id"]: row for row in viewer.read("runs/")["results"]}

    assert rows[first.pk]["errors"] == [f"app-{number:02}: gone wrong" for number in range(10)]
    assert rows[second.pk]["errors"] == ["web: gone wrong"]
    assert len(viewer.read(f"runs/{first.pk}/")["errors"]) == 15


def test_runs_come_newest_first_and_can_be_filtered(record: Record, viewer: Caller) -> None:
    other = Record("other")
    failed = a_run(record.registry, state="failed")
    done = a_run(other.registry)

    def ids(query: str) -> list[int]:
        return [row["id"] for row in viewer.read(f"runs/{query}")["results"]]

    assert ids("") == [done.pk, failed.pk]
    assert ids("?registry=prod") == [failed.pk]
    assert ids("?state=done") == [done.pk]
    assert ids("?state=done&registry=prod") == []


def test_a_waiting_run_is_cancelled_at_once(record: Record, admin: Caller) -> None:
    run = a_run(record.registry, state="queued", started_at=None, finished_at=None)

    response = admin.ask("POST", f"runs/{run.pk}/cancel/")

    assert response.status_code == 202
    assert response.json()["state"] == "cancelled"
    assert AuditEvent.objects.get().action == "sync:cancelled"


def test_a_working_run_is_asked_to_stop(record: Record, admin: Caller) -> None:
    run = a_run(record.registry, state="running", finished_at=None)

    shown = admin.ask("POST", f"runs/{run.pk}/cancel/").json()

    assert (shown["state"], shown["cancel_requested"]) == ("running", True)


def test_a_run_that_is_over_cannot_be_cancelled(record: Record, admin: Caller) -> None:
    run = a_run(record.registry)

    problem = problem_of(admin.ask("POST", f"runs/{run.pk}/cancel/"), 409, "conflict")

    assert problem["detail"] == f"Run {run.pk} has ended already: it is done."
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("number", ["0", "999999999999999999", "1" * 30, "-1", "one"])
def test_a_run_that_is_none_is_not_found(record: Record, viewer: Caller, number: str) -> None:
    problem_of(viewer.get(f"runs/{number}/"), 404, "not-found")


def test_the_number_of_statements_does_not_grow_with_the_runs(
    record: Record, viewer: Caller, statements: Callable[[Callable[[], Any]], int]
) -> None:
    an_error(a_run(record.registry, state="incomplete"), "app", "gone wrong")
    viewer.read("runs/")
    few = statements(lambda: viewer.read("runs/"))
    for _ in range(20):
        an_error(a_run(record.registry, state="incomplete"), "app", "gone wrong")

    assert statements(lambda: viewer.read("runs/")) == few
