"""Deletion pages: who may do what, what a plan says at each stage, what its buttons do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry_browser.deletion.requests import approve, cancel, discard, request_run
from registry_browser.deletion.store import plan_deletion
from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    ItemUndo,
    Outcome,
    PlanPhase,
    PlanState,
    PresenceState,
    Protection,
    UndoState,
)
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoCaptureOnCommitCallbacks

    from registry_browser.models import Manifest


@pytest.fixture
def record(db: None) -> Record:
    """A tagged index with a child, and two dangling images that share a layer."""
    record = Record(now=datetime.now(UTC))
    record.registry.deletion_allowed = True
    record.registry.save()
    long_ago = record.now - timedelta(days=20)
    base, runtime = record.layer("base", 1000), record.layer("runtime", 500)
    web = record.repository("team/web")
    live = record.image("live", [base])
    record.tag(web, "1.0", record.index("index", {"linux/amd64": live}))
    for name in ("old", "older"):
        image = record.image(name, [base, runtime, record.layer(name, 10)])
        record.present(web, image, PresenceState.DANGLING, first_seen_at=long_ago)
    record.refresh()
    return record


def plan_of(record: Record, **options: object) -> DeletionPlan:
    return plan_deletion(record.registry, actor="planner", now=record.now, **options)  # type: ignore[arg-type]


def text(client: Client, address: str, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def test_there_is_a_way_forward_before_anything_was_planned(admin: Client, db: None) -> None:
    assert "Nothing was ever planned" in text(admin, "/deletions/")


def test_the_list_names_each_plan_with_its_state(admin: Client, record: Record) -> None:
    plan = plan_of(record)
    page = text(admin, "/deletions/")
    assert f'href="/deletions/{plan.pk}/">Delete 2 dangling manifests' in page
    assert "Waits for approval" in page
    assert "No such plan" in text(admin, "/deletions/?show=running")


def test_the_form_is_filled_from_its_address(admin: Client, record: Record) -> None:
    page = text(
        admin,
        f"/deletions/plan/?registry={record.registry.name}&prefix=team/web"
        "&digest=sha256:aa&digest=sha256:bb",
    )
    assert 'value="team/web"' in page
    assert "sha256:aa sha256:bb" in page


def test_a_plan_is_made_and_shown(admin: Client, record: Record) -> None:
    said = {"registry": record.registry.name, "prefix": "team", "grace": "86400", "digest": ""}
    response = admin.post("/deletions/plan/", said)
    plan = DeletionPlan.objects.get()
    assert response["Location"] == f"/deletions/{plan.pk}/"
    assert (plan.creator, plan.item_count, plan.prefix) == ("some-admin", 2, "team")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("prefix", "UPPER", "no repository or namespace"),
        ("digest", "sha256:abc", "no digest"),
        ("registry", "nowhere", "Select a valid choice"),
    ],
)
def test_a_plan_about_nothing_is_refused_at_its_field(
    admin: Client, record: Record, field: str, value: str, sentence: str
) -> None:
    said = {"registry": record.registry.name, "prefix": "", "grace": "86400", "digest": ""}
    response = admin.post("/deletions/plan/", {**said, field: value})
    assert response.status_code == 422
    assert sentence in response.content.decode()


def test_a_plan_says_what_goes_why_and_what_comes_back(admin: Client, record: Record) -> None:
    plan = plan_of(record)
    page = text(admin, f"/deletions/{plan.pk}/")
    assert "Delete 2 dangling manifests" in page
    assert "Nothing has been deleted yet." in page
    assert "1 tag in the same repositories stays exactly as it is." in page
    assert "child of no index" in page
    # 500 shared only among them, 10 each, and bodies and configs of no size.
    assert "520 bytes, as a set" in page
    assert "Alone, these hold 20 B exclusively. As a set they free 520 B, because" in page
    assert "Child of a live index tagged 1.0." in page
    assert "Still true:" in page
    assert "Delete 2 manifests" in page


def test_the_child_that_is_kept_is_counted(admin: Client, record: Record) -> None:
    plan = plan_of(record)
    page = text(admin, f"/deletions/{plan.pk}/")
    assert "1 is kept" in page


def test_a_plan_that_is_not_true_any_more_says_so_and_cannot_be_approved(
    admin: Client, record: Record
) -> None:
    plan = plan_of(record)
    Protection.objects.create(
        registry=record.registry, reason="wait", actor="x", created_at=record.now
    )
    page = text(admin, f"/deletions/{plan.pk}/")
    assert "This plan has expired" in page
    assert "Make it anew" in page
    assert "deletion-approve" not in page
    assert "Delete 2 manifests" not in page


def test_where_deletion_is_not_switched_on_the_page_says_so(admin: Client, record: Record) -> None:
    record.registry.deletion_allowed = False
    record.registry.save()
    page = text(admin, f"/deletions/{plan_of(record).pk}/")
    assert "Deletion is not switched on" in page
    assert "Delete 2 manifests" not in page


def test_viewers_read_plans_and_change_nothing(viewer: Client, record: Record) -> None:
    plan = plan_of(record)
    page = text(viewer, f"/deletions/{plan.pk}/")
    assert "Admins approve deletions" in page
    assert "Plan a deletion" not in text(viewer, "/deletions/")


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_only_admins_plan_approve_cancel_undo_and_lock(
    sign_in: Callable[[str], Client], record: Record, role: str
) -> None:
    plan = plan_of(record)
    lock = Protection.objects.create(
        registry=record.registry, reason="wait", actor="x", created_at=record.now
    )
    client = sign_in(role)
    assert client.get("/deletions/plan/").status_code == 403
    actions = ("approve", "discard", "cancel", "undo")
    addresses = [f"/deletions/{plan.pk}/{action}/" for action in actions]
    addresses += ["/deletions/plan/", "/deletions/locks/", f"/deletions/locks/{lock.pk}/remove/"]
    for address in addresses:
        assert client.post(address).status_code == 403, address
    plan.refresh_from_db()
    assert plan.state == PlanState.PLANNED
    assert Protection.objects.count() == 1


def test_approving_starts_the_run(
    admin: Client,
    record: Record,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    plan = plan_of(record)
    with django_capture_on_commit_callbacks() as callbacks:
        response = admin.post(f"/deletions/{plan.pk}/approve/")
    assert response["Location"] == f"/deletions/{plan.pk}/"
    plan.refresh_from_db()
    assert (plan.state, plan.phase) == (PlanState.APPROVED, PlanPhase.WAITING)
    assert (plan.approver, plan.runner) == ("some-admin", "some-admin")
    assert len(callbacks) == 1


def test_words_that_were_not_typed_are_asked_for(admin: Client, record: Record) -> None:
    plan = plan_of(record)
    DeletionPlan.objects.update(words="team/web")
    assert "Type <code>team/web</code> to allow 2 deletions" in text(
        admin, f"/deletions/{plan.pk}/"
    )
    response = admin.post(f"/deletions/{plan.pk}/approve/", {"words": "team"}, follow=True)
    assert "Type team/web to approve 2 deletions." in response.content.decode()
    plan.refresh_from_db()
    assert plan.state == PlanState.PLANNED


@pytest.mark.parametrize("creator", ["some-admin", "some-admin (command)"])
def test_who_made_a_plan_gives_it_to_another_admin(
    admin: Client, record: Record, creator: str
) -> None:
    plan = plan_of(record)
    DeletionPlan.objects.update(needs_second_person=True, creator=creator)
    page = text(admin, f"/deletions/{plan.pk}/")
    assert "Another admin than some-admin approves this plan" in page
    assert "A second admin, not some-admin<" in page
    assert "Delete 2 manifests" not in page


def test_a_discarded_plan_deletes_nothing(admin: Client, record: Record) -> None:
    plan = plan_of(record)
    response = admin.post(f"/deletions/{plan.pk}/discard/", follow=True)
    assert "Nothing was deleted" in response.content.decode()
    plan.refresh_from_db()
    assert plan.state == PlanState.CANCELLED


def test_a_plan_that_was_discarded_or_cancelled_in_time_was_never_run(
    admin: Client, record: Record
) -> None:
    discarded, cancelled = plan_of(record), plan_of(record)
    discard(discarded, actor="a.haddad", now=record.now)
    waiting = request_run(
        approve(cancelled, actor="a.haddad", now=record.now), actor="a.haddad", now=record.now
    )
    cancel(waiting, actor="a.haddad", now=record.now)
    for plan, why in ((discarded, "was discarded"), (cancelled, "was cancelled before it began")):
        page = text(admin, f"/deletions/{plan.pk}/")
        assert "This plan was never run" in page
        assert f"{why}. Nothing was deleted." in page
        assert "stopped before its end" not in page


def running(record: Record) -> DeletionPlan:
    """A run in the middle: one is deleted, one was skipped."""
    plan = approve(plan_of(record), actor="a.haddad", now=record.now)
    plan = request_run(plan, actor="a.haddad", now=record.now)
    first, second = plan.items.all()
    took = timedelta(milliseconds=41)
    DeletionItem.objects.filter(pk=first.pk).update(
        outcome=Outcome.DELETED, status=202, started_at=record.now, finished_at=record.now + took
    )
    DeletionItem.objects.filter(pk=second.pk).update(
        outcome=Outcome.SKIPPED, detail="The tag rollback points to it now."
    )
    plan.state, plan.phase, plan.started_at = PlanState.RUNNING, PlanPhase.DELETING, record.now
    plan.freed_bytes = 10
    plan.save()
    return plan


def test_a_run_shows_its_outcomes_and_is_polled(admin: Client, record: Record) -> None:
    plan = running(record)
    page = text(admin, f"/deletions/{plan.pk}/")
    assert 'hx-trigger="every 2s"' in page
    assert "Deleting 2 dangling manifests" in page
    assert "202 · 41 ms" in page
    assert "The tag rollback points to it now." in page
    assert "Withheld by 1 skipped" in page
    assert "Stop after this one" in page


def test_htmx_gets_the_region_and_the_stamp(admin: Client, record: Record) -> None:
    plan = running(record)
    response = admin.get(f"/deletions/{plan.pk}/", headers={"HX-Request": "true"})
    page = response.content.decode()
    assert page.startswith('<div class="stack" id="plan"')
    assert 'id="plan-stamp"' in page
    assert "<html" not in page


def test_what_needs_a_look_is_one_segment_away(admin: Client, record: Record) -> None:
    plan = running(record)
    page = text(admin, f"/deletions/{plan.pk}/?show=look")
    assert "rollback" in page
    assert "202 · 41 ms" not in page


def test_a_run_is_cancelled_from_its_page(admin: Client, record: Record) -> None:
    plan = running(record)
    admin.post(f"/deletions/{plan.pk}/cancel/")
    plan.refresh_from_db()
    assert plan.cancel_requested
    assert "stops after the call" in text(admin, f"/deletions/{plan.pk}/")


def test_a_run_that_is_over_can_be_undone(
    admin: Client,
    record: Record,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    plan = running(record)
    plan.state, plan.phase, plan.finished_at = PlanState.DONE, PlanPhase.NONE, record.now
    plan.walked_at = record.now
    plan.walk = {"tags": 1, "manifests": 2, "blobs": 3, "unasked": 0, "problems": []}
    plan.save()
    page = text(admin, f"/deletions/{plan.pk}/")
    assert "1 of 2 dangling manifests deleted" in page
    assert "Every tag is whole." in page
    assert "Freed when garbage collection next runs" in page
    assert "Undo 1<" in page
    with django_capture_on_commit_callbacks() as callbacks:
        admin.post(f"/deletions/{plan.pk}/undo/")
    plan.refresh_from_db()
    assert (plan.undo_state, plan.phase) == (UndoState.RUNNING, PlanPhase.PUSHING)
    assert plan.items.exclude(undo=ItemUndo.NONE).count() == 1
    assert len(callbacks) == 1
    assert "Undoing the deletion of 1" in text(admin, f"/deletions/{plan.pk}/")


def test_a_graph_that_is_not_whole_is_shouted_about(admin: Client, record: Record) -> None:
    plan = running(record)
    plan.walk = {"problems": ["team/web: the blob sha256:1 is missing."], "problem_count": 1}
    plan.save()
    assert "team/web: the blob sha256:1 is missing." in text(admin, f"/deletions/{plan.pk}/")


def test_items_come_as_csv(admin: Client, record: Record) -> None:
    plan = running(record)
    response = admin.get(f"/deletions/{plan.pk}/items.csv")
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "repository,digest,what,why,exclusive_bytes,outcome,status,detail"
    assert len(lines) == 3
    assert ",deleted,202," in lines[1]


def test_pages_take_as_many_statements_however_many_items(admin: Client, record: Record) -> None:
    plan = plan_of(record)
    addresses = (f"/deletions/{plan.pk}/", "/deletions/")
    few = [statements(admin, address) for address in addresses]
    items = [
        DeletionItem(
            plan=plan, position=number, path="team/web", digest=f"sha256:{number:064x}",
            media_type="x", what="image", bytes_alone=1,
        )
        for number in range(10, 160)
    ]  # fmt: skip
    DeletionItem.objects.bulk_create(items)
    plan_of(record)
    assert [statements(admin, address) for address in addresses] == few
    assert "101\N{EN DASH}152 of 152" in text(admin, f"/deletions/{plan.pk}/?page=2")


def test_every_stage_of_a_plan_takes_as_many_statements_however_large(
    admin: Client, record: Record
) -> None:
    plan = running(record)
    more_items(plan, 1)
    walked = {"tags": 7, "manifests": 9, "blobs": 9, "unasked": 0}
    stages: list[dict[str, Any]] = [
        {"state": PlanState.RUNNING, "phase": PlanPhase.DELETING},
        {"state": PlanState.DONE, "phase": PlanPhase.NONE, "walked_at": record.now, "walk": walked},
        {"state": PlanState.DONE, "undo_state": UndoState.DONE},
    ]

    def counted() -> list[int]:
        found = []
        for stage in stages:
            DeletionPlan.objects.filter(pk=plan.pk).update(**stage)
            found += [
                statements(admin, f"/deletions/{plan.pk}/{query}")
                for query in ("", "?show=look", "?kept=all")
            ]
        return found

    few = counted()
    more_items(plan, 27)
    assert counted() == few


def test_locks_take_as_many_statements_however_many(admin: Client, record: Record) -> None:
    def lock(count: int) -> None:
        Protection.objects.bulk_create(
            Protection(registry=record.registry, path=f"{count}-{number}", created_at=record.now)
            for number in range(count)
        )

    lock(3)
    few = statements(admin, "/deletions/locks/")
    lock(27)
    assert statements(admin, "/deletions/locks/") == few


def more_items(plan: DeletionPlan, count: int) -> None:
    """Items in repositories of their own, with every outcome there is."""
    outcomes = list(Outcome)
    first = plan.items.count()
    DeletionItem.objects.bulk_create(
        DeletionItem(
            plan=plan,
            position=number,
            path=f"team/app-{number}",
            digest=f"sha256:{number:064x}",
            media_type="x",
            what="image",
            bytes_alone=1,
            outcome=outcomes[number % len(outcomes)],
        )
        for number in range(first, first + count)
    )


def test_a_cancelled_run_says_how_far_it_came_and_offers_the_rest(
    admin: Client, viewer: Client, record: Record
) -> None:
    plan = running(record)
    plan.items.filter(outcome=Outcome.SKIPPED).update(outcome=Outcome.CANCELLED)
    plan.state, plan.phase, plan.finished_at = PlanState.CANCELLED, PlanPhase.NONE, record.now
    plan.walked_at, plan.walk = record.now, {"tags": 7, "manifests": 9, "blobs": 9, "unasked": 0}
    plan.save()
    page = text(admin, f"/deletions/{plan.pk}/")
    assert "1 / 2" in page
    assert "Walk the graph of all 7 tags" in page
    assert "1 was not tried. A new plan takes up what is still dangling." in page
    assert f"/deletions/plan/?registry={record.registry.name}" in page
    assert "was not tried. A new plan" not in text(viewer, f"/deletions/{plan.pk}/")


def statements(client: Client, address: str) -> int:
    client.get(address)  # What is remembered from the first view is not counted.
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_a_lock_is_set_shown_and_taken_away(admin: Client, viewer: Client, record: Record) -> None:
    said = {"registry": record.registry.name, "path": "team", "digest": "", "reason": "audit"}
    assert admin.post("/deletions/locks/", said)["Location"] == "/deletions/locks/"
    for client in (admin, viewer):
        page = text(client, "/deletions/locks/")
        assert "audit" in page
        assert "some-admin" in page
    assert "Take away</button>" not in text(viewer, "/deletions/locks/")
    lock = Protection.objects.get()
    admin.post(f"/deletions/locks/{lock.pk}/remove/")
    assert not Protection.objects.exists()


def test_a_lock_that_makes_no_sense_is_refused(admin: Client, record: Record) -> None:
    said = {"registry": record.registry.name, "path": "", "digest": "sha256:abc", "reason": "x"}
    response = admin.post("/deletions/locks/", said)
    assert response.status_code == 422
    assert "is no digest" in response.content.decode()


def test_the_lock_form_is_filled_from_its_address(admin: Client, record: Record) -> None:
    digest = manifest_of(record, "old").digest
    page = text(
        admin, f"/deletions/locks/?registry={record.registry.name}&path=team/web&digest={digest}"
    )
    assert f'value="{digest}"' in page


def test_a_manifest_and_a_repository_lead_to_their_lock_and_plan(
    admin: Client, viewer: Client, record: Record
) -> None:
    digest = manifest_of(record, "old").digest
    name = record.registry.name
    address = f"/r/{name}/team/web/-/manifests/{digest}"
    page = text(admin, address)
    quoted = digest.replace(":", "%3A")
    assert f"/deletions/locks/?registry={name}&amp;path=team/web&amp;digest={quoted}" in page
    assert f"/deletions/plan/?registry={name}&amp;prefix=team/web&amp;digest={quoted}" in page
    here = f"/r/{name}/team/web/"
    assert f"/deletions/locks/?registry={name}&amp;path=team/web" in text(admin, here)
    for each in (address, here):
        assert "/deletions/locks/" not in text(viewer, each)


def manifest_of(record: Record, name: str) -> Manifest:
    return record.registry.manifests.get(digest=digest_of(name))


def test_a_plan_that_there_is_not(admin: Client) -> None:
    assert admin.get("/deletions/1234/").status_code == 404
