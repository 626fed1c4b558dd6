"""The first page, from an empty record to one with work under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from registry_browser.models import (
    DeletionPlan,
    PlanPhase,
    PlanState,
    Registry,
    RegistryState,
    Repository,
    RunState,
    SyncPhase,
    SyncRun,
    SyncTrigger,
    TagEvent,
    TagEventKind,
    User,
)
from registry_browser.queries.overview import overview_page
from registry_browser.queries.trends import Trend, stored_trends, sum_of
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

GIB = 1024**3


def run_of(record: Record, started_at: datetime = NOW, **fields: Any) -> SyncRun:
    return SyncRun.objects.create(
        registry=record.registry,
        trigger=SyncTrigger.SCHEDULE,
        created_at=started_at,
        started_at=started_at,
        **fields,
    )


def change(record: Record, kind: TagEventKind, tag: str, **fields: Any) -> TagEvent:
    event = {"registry_name": record.registry.name, "path": "team/web", "seen_at": NOW, **fields}
    return TagEvent.objects.create(
        registry_id=record.registry.pk, repository_id=1, tag=tag, kind=kind, source="sync", **event
    )


def plan_of(registry: Registry, **fields: Any) -> DeletionPlan:
    now = timezone.now()
    times = {"created_at": now, "as_of": now, "expires_at": now + timedelta(days=1)}
    return DeletionPlan.objects.create(
        registry=registry,
        registry_name=registry.name,
        **{"creator": "ada", "grace": timedelta(hours=24), **times, **fields},
    )


def someone() -> User:
    return User.objects.create_user("ada", role="viewer")


def test_before_the_first_registry_an_admin_gets_the_form(admin: Client) -> None:
    answer = admin.get("/")

    assert "Connect your first registry" in answer.text
    assert 'action="/registries/add/"' in answer.text


def test_before_the_first_registry_a_viewer_reads_who_connects_it(viewer: Client) -> None:
    answer = viewer.get("/")

    assert "No registry is connected yet" in answer.text
    assert "<form method" not in answer.text.partition("<main")[2].partition("</main")[0]


@pytest.mark.django_db
def test_figures_add_up_over_registries() -> None:
    for name, stored in (("prod", 3), ("lab", 4)):
        registry = Record(name).registry
        registry.stored_bytes, registry.apparent_bytes, registry.tag_count = stored, 10, 5
        registry.save()

    totals = overview_page(someone(), NOW).totals

    assert (totals.registries, totals.stored_bytes, totals.tags) == (2, 7, 10)
    assert (totals.saved_bytes, totals.saved_percent) == (13, 65)


@pytest.mark.django_db
def test_what_was_there_at_first_sight_did_not_change_today() -> None:
    record = Record()
    change(record, TagEventKind.CREATED, "1.0", new_digest=digest_of("a"))
    change(
        record,
        TagEventKind.MOVED,
        "stable",
        old_digest=digest_of("a"),
        new_digest=digest_of("b"),
        not_before=NOW - timedelta(hours=1),
    )
    change(
        record, TagEventKind.DELETED, "old", old_digest=digest_of("a"), not_before=NOW,
        seen_at=NOW - timedelta(days=1),
    )  # fmt: skip

    page = overview_page(someone(), NOW)

    assert page.changed_today == 1
    assert [row.tag for row in page.changes] == ["stable", "1.0", "old"]
    assert [row.is_first_sight for row in page.changes] == [False, True, False]


def test_tag_changes_read_as_sentences(viewer: Client) -> None:
    record = Record()
    old, new = digest_of("a"), digest_of("b")
    change(record, TagEventKind.MOVED, "stable", old_digest=old, new_digest=new, not_before=NOW)
    change(record, TagEventKind.DELETED, "pr-1", old_digest=old, not_before=NOW)
    change(record, TagEventKind.RESTORED, "1.9", new_digest=new, not_before=NOW)

    page = viewer.get("/").text

    assert "moved" in page
    assert "deleted, was" in page
    assert "seen again at" in page
    assert "prod / team / web" in page
    assert f"/r/prod/team/web/-/manifests/{old}" in page


@pytest.mark.django_db
def test_history_of_a_removed_registry_is_not_shown_as_a_change() -> None:
    record = Record()
    change(record, TagEventKind.CREATED, "1.0", new_digest=digest_of("a"))
    record.registry.delete()

    assert overview_page(someone(), NOW).changes == []


def test_running_work_shows_its_progress_and_polls(viewer: Client) -> None:
    run = run_of(
        Record("acr-eu"),
        state=RunState.RUNNING,
        phase=SyncPhase.READING,
        done=317,
        total=463,
        started_at=datetime.now(UTC) - timedelta(minutes=4),
    )

    page = viewer.get("/").text

    assert "Syncing now, 317 of 463" in page
    assert "about 2 min left" in page
    assert 'hx-trigger="every 5s"' in page
    assert f'href="/runs/{run.pk}/"' in page


def test_nothing_polls_while_nothing_runs(viewer: Client) -> None:
    Record()

    assert "hx-trigger" not in viewer.get("/").text.partition("<main")[2].partition("</main")[0]


def test_htmx_gets_the_region_alone(viewer: Client) -> None:
    Record()

    answer = viewer.get("/", headers={"HX-Request": "true"})

    assert answer.text.startswith('<div class="stack" id="overview"')
    assert "HX-Request" in answer["Vary"]


@pytest.mark.parametrize("header", ["HX-Boosted", "HX-History-Restore-Request"])
def test_a_boosted_or_restored_request_gets_the_whole_page(header: str, viewer: Client) -> None:
    Record()

    answer = viewer.get("/", headers={"HX-Request": "true", header: "true"})

    assert answer.text.startswith("<!doctype html>")


@pytest.mark.django_db
def test_incomplete_registries_and_open_questions_need_a_person() -> None:
    ill, asking, well = Record("ill"), Record("asking"), Record("well")
    ill.registry.state = RegistryState.INCOMPLETE
    ill.registry.incomplete_count = 3
    ill.registry.save()
    for path in ("payments/vault", "edge/waf"):
        Repository.objects.create(
            registry=ill.registry,
            path=path,
            first_seen_at=NOW,
            synced_at=NOW,
            incomplete_reason=f"403 for {path}.",
        )
    asking.registry.state = RegistryState.INCOMPLETE
    asking.registry.save()
    run_of(asking, state=RunState.INCOMPLETE, question="9 of 10 known tags are not listed.")
    run_of(well, state=RunState.DONE)

    page = overview_page(someone(), NOW)

    assert [(row.name, first and first.path) for row, first in page.troubled] == [
        ("ill", "edge/waf")
    ]
    assert [question.registry for question in page.questions] == ["asking"]
    assert page.needs_a_person == 2


@pytest.mark.django_db
def test_a_question_is_settled_by_a_later_whole_run() -> None:
    record = Record()
    run_of(record, state=RunState.INCOMPLETE, question="9 of 10 known tags are not listed.")
    run_of(record, state=RunState.DONE)

    assert overview_page(someone(), NOW).questions == []


@pytest.mark.django_db
def test_a_question_stays_open_when_a_run_fails_or_reads_only_a_part() -> None:
    record = Record()
    run_of(record, state=RunState.INCOMPLETE, question="9 of 10 known tags are not listed.")
    run_of(record, state=RunState.FAILED)
    run_of(record, state=RunState.DONE, whole=False)

    assert len(overview_page(someone(), NOW).questions) == 1


@pytest.mark.django_db
def test_the_number_of_statements_does_not_grow_with_the_record(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    person = someone()

    def fill(names: list[str]) -> None:
        for name in names:
            record, ill = Record(name), Record(f"{name}-ill")
            for each in (record, ill):
                each.registry.state = RegistryState.INCOMPLETE
                each.registry.save()
            run_of(record, state=RunState.INCOMPLETE, question="?", stored_bytes=1)
            run_of(record, state=RunState.RUNNING)
            change(record, TagEventKind.CREATED, "1.0", new_digest=digest_of(name))

    fill(["a"])
    with django_assert_num_queries(9):
        overview_page(person, NOW)
    fill(["b", "c", "d"])
    with django_assert_num_queries(9):
        overview_page(person, NOW)


@pytest.mark.django_db
def test_a_trend_holds_the_last_figure_of_each_day_and_carries_it_over_gaps() -> None:
    record = Record()
    for days, hours, stored in ((4, 6, 10), (4, 2, 20), (2, 0, 30)):
        at = NOW - timedelta(days=days, hours=hours)
        run_of(record, state=RunState.DONE, finished_at=at, stored_bytes=stored)
    run_of(record, state=RunState.RUNNING)

    trend = stored_trends([record.registry.pk], NOW)[record.registry.pk]

    assert trend == Trend((NOW - timedelta(days=4)).date(), [20, 20, 30, 30, 30])
    assert trend.grown_in(2) == 0
    assert trend.grown_in(3) == 10
    assert trend.grown_in(30) is None


def test_trends_add_up_and_a_late_registry_counts_from_its_first_day() -> None:
    today = NOW.date()
    old = Trend(today - timedelta(days=2), [5 * GIB, 6 * GIB, 7 * GIB])
    late = Trend(today - timedelta(days=1), [1 * GIB, 2 * GIB])

    assert sum_of([old, late], NOW).values == [5 * GIB, 7 * GIB, 9 * GIB]
    assert sum_of([], NOW).values == []


@pytest.mark.django_db
def test_plans_that_wait_for_approval_need_a_person(viewer: Client) -> None:
    registry = Record().registry
    plan = plan_of(registry, creator="ben", item_count=27, layer_bytes=6 * GIB)
    plan_of(registry, creator="ben", item_count=0)
    plan_of(registry, creator="ben", item_count=3, state=PlanState.DONE)

    page = viewer.get("/").text

    assert 'Needs a person <span class="count">1</span>' in page
    assert f'<a href="/deletions/{plan.pk}/">Deletion plan {plan.pk}</a> waits for approval' in page
    assert "27 manifests, 6.0 GiB reclaimable · by ben" in page


@pytest.mark.django_db
def test_an_approved_plan_that_nobody_ran_waits_for_that(viewer: Client) -> None:
    approved = {"state": PlanState.APPROVED, "approver": "cleo", "approved_at": timezone.now()}
    plan = plan_of(Record().registry, item_count=27, **approved)

    page = viewer.get("/").text

    assert f"Deletion plan {plan.pk}</a> is approved and waits to be run" in page
    assert "waits for approval" not in page


@pytest.mark.django_db
def test_deletions_under_way_stand_with_what_runs(viewer: Client) -> None:
    registry = Record().registry
    plan = plan_of(registry, item_count=4, state=PlanState.RUNNING, phase=PlanPhase.DELETING)

    page = viewer.get("/").text

    assert 'Running <span class="count">1</span>' in page
    assert f"Deletion {plan.pk} · prod" in page
    assert 'hx-trigger="every 5s"' in page


@pytest.mark.django_db
def test_what_was_never_read_has_no_figures(viewer: Client) -> None:
    record = Record()
    Registry.objects.filter(pk=record.registry.pk).update(synced_at=None)

    assert "nothing read yet" in viewer.get("/").text
    page = viewer.get("/r/prod/").text
    assert "Nothing is read yet" in page
    assert "Reclaimable" not in page
