"""Runs: what their pages say while they run and when they have ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.models import (
    AuditEvent,
    ItemState,
    Registry,
    RunState,
    SyncItem,
    SyncPhase,
    SyncRun,
    SyncTrigger,
    User,
    WorkerHeartbeat,
)
from registry_browser.queries.run_rows import RunRow, as_row
from registry_browser.queries.runs import run_page, runs_page
from tests.record import NOW, Record

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks


def run_of(record: Record, **fields: Any) -> SyncRun:
    return SyncRun.objects.create(
        registry=record.registry,
        **{"trigger": SyncTrigger.SCHEDULE, "created_at": NOW, **fields},
    )


def row(**fields: Any) -> RunRow:
    """A run that began four minutes ago, as a row; nothing is stored."""
    began = {"created_at": NOW, "started_at": NOW - timedelta(minutes=4)}
    return as_row(SyncRun(**{**began, "registry": Registry(name="acr-eu"), **fields}), NOW)


def test_the_estimate_is_the_pace_so_far() -> None:
    reading = row(state=RunState.RUNNING, phase=SyncPhase.READING, done=300, total=450)

    assert reading.seconds_left == pytest.approx(120)


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("nothing is done yet", {"done": 0}),
        ("the total is unknown", {"total": None}),
        ("it began a moment ago", {"started_at": NOW - timedelta(seconds=2)}),
        ("it still lists", {"phase": SyncPhase.LISTING}),
        ("it is over", {"state": RunState.DONE}),
        ("the registry wants a pause", {"rate_limited_until": NOW + timedelta(hours=1)}),
    ],
)
def test_there_is_no_estimate_while(why: str, fields: dict[str, object]) -> None:
    known = {"state": RunState.RUNNING, "phase": SyncPhase.READING, "done": 300, "total": 450}

    assert row(**{**known, **fields}).seconds_left is None, why


@pytest.mark.parametrize(
    ("sentence", "fields"),
    [
        ("Sync waits for a worker.", {"state": RunState.QUEUED}),
        (
            "Syncing now, 317 of 463.",
            {"state": RunState.RUNNING, "phase": SyncPhase.READING, "done": 317, "total": 463},
        ),
        ("Syncing now: listing repositories.", {"state": RunState.RUNNING}),
        (
            "Sync waits, as the registry asked.",
            {"state": RunState.RUNNING, "rate_limited_until": NOW + timedelta(hours=1)},
        ),
        (
            "463 repositories read, 12 changed.",
            {"state": RunState.DONE, "done": 463, "total": 463, "changed_repositories": 12},
        ),
        ("1 repository read, none changed.", {"state": RunState.DONE, "done": 1, "total": 1}),
        (
            "3 of 463 repositories could not be read.",
            {"state": RunState.INCOMPLETE, "total": 463, "incomplete_repositories": 3},
        ),
        ("Are they gone?", {"state": RunState.INCOMPLETE, "question": "Are they gone?"}),
        (
            "Stopped after 212 of 463 repositories; what was read is stored.",
            {"state": RunState.FAILED, "done": 212, "total": 463},
        ),
        ("Nothing was read.", {"state": RunState.FAILED}),
        (
            "Cancelled after 212 of 463 repositories; what was read is stored.",
            {"state": RunState.CANCELLED, "done": 212, "total": 463},
        ),
        ("Cancelled before anything was read.", {"state": RunState.CANCELLED}),
    ],
)
def test_every_state_says_what_happened(sentence: str, fields: dict[str, object]) -> None:
    assert row(**fields).outcome == sentence


@pytest.mark.parametrize(
    ("fields", "states"),
    [
        ({"state": RunState.QUEUED}, ["later", "later", "later"]),
        ({"state": RunState.RUNNING}, ["now", "later", "later"]),
        ({"state": RunState.RUNNING, "phase": SyncPhase.READING}, ["done", "now", "later"]),
        ({"state": RunState.FAILED, "phase": SyncPhase.READING}, ["done", "stopped", "later"]),
        ({"state": RunState.DONE, "phase": SyncPhase.FIGURES}, ["done", "done", "done"]),
        (
            {"state": RunState.RUNNING, "phase": SyncPhase.READING, "whole": False},
            ["now", "later"],
        ),
    ],
)
def test_steps_show_where_a_run_is(fields: dict[str, object], states: list[str]) -> None:
    assert [step.state for step in row(**fields).steps] == states


def test_a_running_page_polls_and_a_finished_one_does_not(viewer: Client) -> None:
    run = run_of(Record(), state=RunState.RUNNING, started_at=NOW)

    assert 'hx-trigger="every 2s"' in viewer.get(f"/runs/{run.pk}/").text

    run.state, run.finished_at = RunState.DONE, NOW
    run.save()

    assert 'hx-trigger="every 2s"' not in viewer.get(f"/runs/{run.pk}/").text


def test_a_run_that_waits_says_until_when_the_registry_asked_for_it(viewer: Client) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    run = run_of(Record(), state=RunState.RUNNING, started_at=NOW, rate_limited_until=until)

    page = viewer.get(f"/runs/{run.pk}/").text

    assert "Waiting, as the registry asked" in page
    assert "slowed by the registry until <time" in page
    assert until.isoformat(timespec="seconds")[:16] in page


def test_the_polled_region_brings_the_stamp_along(viewer: Client) -> None:
    run = run_of(Record(), state=RunState.DONE, started_at=NOW, finished_at=NOW)

    answer = viewer.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"})

    assert answer.text.startswith('<div class="stack" id="run"')
    assert 'id="run-stamp"' in answer.text
    assert 'hx-swap-oob="true"' in answer.text
    assert "<!doctype" not in answer.text


def test_without_scripts_a_link_refreshes(viewer: Client) -> None:
    run = run_of(Record(), state=RunState.RUNNING, started_at=NOW)

    page = viewer.get(f"/runs/{run.pk}/?show=all").text

    assert f'<a class="plain" href="/runs/{run.pk}/?show=all">Refresh</a>' in page


@pytest.fixture
def busy(db: None) -> SyncRun:
    run = run_of(Record(), state=RunState.RUNNING, phase=SyncPhase.READING, started_at=NOW)
    rows: list[tuple[str, ItemState, dict[str, Any]]] = [
        ("a/refused", ItemState.INCOMPLETE, {"detail": "403: the token has no pull here."}),
        ("b/changed", ItemState.DONE, {"created": 1, "moved": 2, "restored": 1}),
        ("c/reading", ItemState.READING, {"tags_done": 118, "tags_total": 240}),
        ("d/quiet", ItemState.DONE, {}),
        ("e/missing", ItemState.DONE, {"missing": ["1.0", "1.1"]}),
    ]
    for path, state, fields in rows:
        SyncItem.objects.create(run=run, path=path, state=state, **fields)
    return run


@pytest.mark.parametrize(
    ("segment", "paths"),
    [
        ("look", ["a/refused", "e/missing"]),
        ("changed", ["b/changed"]),
        ("running", ["c/reading"]),
        ("all", ["a/refused", "b/changed", "c/reading", "d/quiet", "e/missing"]),
        ("", ["a/refused", "e/missing"]),
        ("nonsense", ["a/refused", "e/missing"]),
    ],
)
def test_segments_choose_repositories(busy: SyncRun, segment: str, paths: list[str]) -> None:
    person = User.objects.create_user("ada")

    page = run_page(person, busy.pk, NOW, segment=segment)

    assert page is not None
    assert [item.path for item in page.items] == paths
    assert page.counts == {"look": 2, "changed": 1, "running": 1, "all": 5}


def test_what_happened_to_a_repository_is_said_in_words(busy: SyncRun, viewer: Client) -> None:
    page = viewer.get(f"/runs/{busy.pk}/?show=all").text

    assert "403: the token has no pull here." in page
    assert "1 created, 2 moved, 1 seen again" in page
    assert "118 of 240 tags" in page
    assert "2 not listed any more, kept" in page


def test_text_of_a_registry_is_shown_as_text(viewer: Client) -> None:
    run = run_of(Record(), state=RunState.FAILED, started_at=NOW, finished_at=NOW, error="<b>x")
    SyncItem.objects.create(run=run, path="a", state=ItemState.INCOMPLETE, detail="<script>1")

    page = viewer.get(f"/runs/{run.pk}/").text

    assert "<script>1" not in page
    assert "&lt;script&gt;1" in page
    assert "&lt;b&gt;x" in page


def test_many_repositories_are_paged(viewer: Client) -> None:
    run = run_of(Record(), state=RunState.DONE, started_at=NOW, finished_at=NOW, total=250)
    SyncItem.objects.bulk_create(
        SyncItem(run=run, path=f"r-{number:03}", state=ItemState.DONE) for number in range(250)
    )

    second = viewer.get(f"/runs/{run.pk}/?show=all&page=2").text

    assert "101\N{EN DASH}200 of 250" in second
    assert "r-100" in second
    assert "r-099" not in second
    assert "page=3" in second


@pytest.mark.django_db
def test_a_run_page_takes_the_same_statements_for_any_number_of_repositories(
    busy: SyncRun, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    person = User.objects.create_user("ada")
    SyncItem.objects.bulk_create(
        SyncItem(run=busy, path=f"r-{number:03}", state=ItemState.DONE) for number in range(90)
    )

    with django_assert_num_queries(5):
        run_page(person, busy.pk, NOW, segment="all")


@pytest.mark.django_db
def test_the_list_is_paged_by_run_and_filtered_by_registry_and_state() -> None:
    prod, lab = Record("prod"), Record("lab")
    done = [run_of(prod, state=RunState.DONE).pk for _ in range(51)]
    failed = run_of(lab, state=RunState.FAILED).pk
    person = User.objects.create_user("ada")

    first = runs_page(person, NOW)
    second = runs_page(person, NOW, before=first.before)

    assert [each.pk for each in first.rows] == [failed, *reversed(done[2:])]
    assert [each.pk for each in second.rows] == [done[1], done[0]]
    assert second.before is None
    assert [each.pk for each in runs_page(person, NOW, registry="lab").rows] == [failed]
    assert [each.pk for each in runs_page(person, NOW, state="look").rows] == [failed]
    assert runs_page(person, NOW, state="running").rows == []


@pytest.mark.parametrize("query", ["state=x", "before=x", "before=-1", "registry=none", "before=0"])
def test_a_wrong_query_of_the_list_is_no_failure(query: str, viewer: Client) -> None:
    run_of(Record(), state=RunState.DONE)

    assert viewer.get(f"/runs/?{query}").status_code == 200


def test_an_unknown_run_is_not_found(viewer: Client) -> None:
    assert viewer.get("/runs/999999/").status_code == 404


def test_a_queued_run_says_when_no_worker_lives(viewer: Client) -> None:
    run = run_of(Record(), state=RunState.QUEUED)

    assert "No worker has been seen" in viewer.get(f"/runs/{run.pk}/").text

    WorkerHeartbeat.objects.create(worker="w", seen_at=datetime.now(UTC))

    assert "No worker has been seen" not in viewer.get(f"/runs/{run.pk}/").text


def test_an_admin_cancels_a_run(admin: Client) -> None:
    run = run_of(Record(), state=RunState.RUNNING, started_at=NOW)

    answer = admin.post(f"/runs/{run.pk}/cancel/", follow=True)

    run.refresh_from_db()
    assert run.cancel_requested
    assert "What was stored stays." in answer.text
    assert AuditEvent.objects.get().actor == "some-admin"


def test_an_open_question_says_what_happens_either_way(admin: Client, viewer: Client) -> None:
    run = run_of(
        Record(),
        state=RunState.INCOMPLETE,
        finished_at=NOW,
        question="9 of 10 known tags are not listed any more.",
    )

    page = admin.get(f"/runs/{run.pk}/").text

    assert "9 of 10 known tags are not listed any more." in page
    assert "If you do nothing, everything stays as it was" in page
    assert "Believe it and sync again" in page
    assert "Believe it" not in viewer.get(f"/runs/{run.pk}/").text


def test_believing_starts_a_run_that_may_conclude(
    admin: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    asked = run_of(Record(), state=RunState.INCOMPLETE, finished_at=NOW, question="Gone?")

    with django_capture_on_commit_callbacks() as sent:
        answer = admin.post(f"/runs/{asked.pk}/believe/")

    new = SyncRun.objects.latest("pk")
    assert answer["Location"] == f"/runs/{new.pk}/"
    assert new.believe_absences
    assert (new.actor, new.trigger) == ("some-admin", SyncTrigger.PERSON)
    assert len(sent) == 1
