"""Who may have what, and when: every refusal is a sentence, and nothing is deleted by it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser.deletion.protections import protect, unprotect
from registry_browser.deletion.requests import (
    DeletionRefused,
    approve,
    discard,
    request_run,
    request_undo,
    seems_expired,
    why_expired,
)
from registry_browser.deletion.upkeep import expire_old_plans
from registry_browser.models import (
    AuditEvent,
    KeptBecause,
    Outcome,
    PlanPhase,
    PlanState,
    Presence,
    Registry,
)
from registry_browser.sync.figures.locks import apply_locks
from registry_browser.sync.removal import remove_registry
from tests.builders import push
from tests.deletion.stage import DAY, goes, stays
from tests.deletion.test_run import PATH, dangling, tag_for_a_while

if TYPE_CHECKING:
    from registry_browser.models import DeletionPlan
    from tests.deletion.stage import Stage
    from tests.fake_registry import FakeRegistry


def refused(stage: Stage, plan: DeletionPlan, *, actor: str = "approver", words: str = "") -> str:
    """Why the plan cannot be approved."""
    with pytest.raises(DeletionRefused) as caught:
        approve(plan, actor=actor, now=stage.clock(), words=words)
    return str(caught.value)


def test_a_registry_where_deletion_is_not_switched_on(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    Registry.objects.update(deletion_allowed=False)
    assert "Deletion is not switched on for fake" in refused(stage, plan)
    plan.refresh_from_db()
    assert plan.state == PlanState.PLANNED


def test_a_plan_that_was_approved_does_not_run_once_deletion_is_switched_off(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "old")
    plan = approve(stage.plan(), actor="approver", now=stage.clock())
    Registry.objects.update(deletion_allowed=False)
    with pytest.raises(DeletionRefused, match="not switched on"):
        request_run(plan, actor="runner", now=stage.clock())
    assert fake.count("DELETE") == 0


def test_a_plan_that_deletes_nothing(fake: FakeRegistry, stage: Stage) -> None:
    push(fake, f"{PATH}:1")
    stage.settle()
    assert "deletes nothing" in refused(stage, stage.plan())


def test_many_deletions_want_words_typed(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, *(f"old{number}" for number in range(10)))
    plan = stage.plan()
    assert plan.words == PATH
    assert refused(stage, plan, words="team") == f"Type {PATH} to approve 10 deletions."
    approve(plan, actor="approver", now=stage.clock(), words=f" {PATH} ")


def test_words_name_the_prefix_or_else_the_registry(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, *(f"old{number}" for number in range(6)), path="team/web")
    dangling(fake, stage, *(f"old{number}" for number in range(6)), path="team/api")
    stage.sync()
    assert stage.plan("team").words == "team"
    assert stage.plan().words == "fake"


def test_a_second_person_is_somebody_else(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    Registry.objects.update(deletion_needs_second_person=True)
    stage.registry.refresh_from_db()
    plan = stage.plan()
    assert "another admin than planner approves it" in refused(stage, plan, actor="planner")
    assert approve(plan, actor="other", now=stage.clock()).state == PlanState.APPROVED


@pytest.mark.parametrize(
    ("creator", "approver", "sentence"),
    [
        ("ada", "ada", "another admin than ada approves it"),
        ("ada", "ada (command)", "a command does not know who gives it"),
        ("ada", "root (command)", "a command does not know who gives it"),
        ("ada (command)", "ada", "another admin than ada approves it"),
    ],
)
def test_who_planned_it_is_no_second_person_at_a_terminal_either(
    fake: FakeRegistry, stage: Stage, creator: str, approver: str, sentence: str
) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    plan.needs_second_person, plan.creator = True, creator
    plan.save()
    assert sentence in refused(stage, plan, actor=approver)


def test_a_plan_cannot_run_before_it_is_approved(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    with pytest.raises(DeletionRefused, match="waits for approval"):
        request_run(stage.plan(), actor="runner", now=stage.clock())


def test_a_plan_is_not_approved_twice(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = approve(stage.plan(), actor="approver", now=stage.clock())
    assert "is approved" in refused(stage, plan)


def test_a_tag_that_moved_since_expires_a_plan_and_is_named(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    push(fake, f"{PATH}:old", layers=("base", "newer"))
    stage.sync()
    assert f"Tag old in {PATH} moved" in refused(stage, plan)
    plan.refresh_from_db()
    assert plan.state == PlanState.EXPIRED
    assert AuditEvent.objects.filter(action="deletion:expired").count() == 1


def test_a_tag_that_came_and_went_since_makes_a_manifest_young_and_expires_a_plan(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.plan()
    tag_for_a_while(fake, stage, "old", old.digest)
    assert stays(stage.plan()) == {old.digest: KeptBecause.YOUNG}
    assert f"Tag old in {PATH} moved" in refused(stage, plan)


def test_a_dangling_manifest_that_was_pushed_again_expires_a_plan(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.plan()
    Presence.objects.filter(manifest__digest=old.digest).update(pushed_at=stage.clock())
    assert "not what they were" in refused(stage, plan)


def test_what_changed_elsewhere_expires_nothing(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan("team")
    push(fake, "other/web:1")
    stage.sync()
    assert why_expired(plan, stage.clock()) == ""


def test_a_sync_that_changes_nothing_expires_nothing(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    stage.sync()
    approve(plan, actor="approver", now=stage.clock())


def test_a_repository_that_became_incomplete_expires_a_plan(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    stage.registry.repositories.update(complete=False, incomplete_reason="403")
    assert "not what they were" in refused(stage, plan)


def test_a_lock_set_since_expires_a_plan(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    protect(stage.registry, path=PATH, digest="", reason="audit", actor="admin", now=stage.clock())
    assert "locks in its scope" in refused(stage, plan)


def test_a_plan_is_good_for_a_day(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    assert expire_old_plans(stage.clock()) == 0
    stage.clock.advance(hours=25)
    assert expire_old_plans(stage.clock()) == 1
    plan.refresh_from_db()
    assert plan.state == PlanState.EXPIRED
    assert "has expired" in refused(stage, plan)


def test_a_page_sees_at_a_glance_what_moved(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan("team")
    push(fake, "other/web:1")
    stage.sync()
    assert seems_expired(plan, stage.clock()) == ""
    push(fake, f"{PATH}:more")
    stage.sync()
    assert f"Tag more in {PATH} was created" in seems_expired(plan, stage.clock())
    assert seems_expired(plan, plan.expires_at) != ""


def test_a_manifest_that_went_is_seen_at_a_glance(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.plan()
    fake.store.delete_manifest(PATH, old.digest)
    stage.sync()
    assert "moved on" in seems_expired(plan, stage.clock())


def test_a_discarded_plan_stays_readable(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.plan()
    discard(plan, actor="admin", now=stage.clock())
    plan.refresh_from_db()
    assert plan.state == PlanState.CANCELLED
    assert [item.outcome for item in plan.items.all()] == [Outcome.CANCELLED]


def test_there_is_nothing_to_undo_before_anything_was_deleted(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "old")
    with pytest.raises(DeletionRefused, match="nothing to undo"):
        request_undo(stage.plan(), actor="admin", now=stage.clock())


def test_a_run_is_stopped_before_it_is_undone(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    with pytest.raises(DeletionRefused, match="still running"):
        request_undo(stage.approved(), actor="admin", now=stage.clock())


def test_a_plan_outlives_its_registry(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.approved()
    remove_registry(stage.registry, actor="admin", now=stage.clock())
    stage.run(plan)
    assert (plan.registry_name, plan.phase) == ("fake", PlanPhase.NONE)
    assert plan.state == PlanState.FAILED
    assert "was removed" in plan.error
    ended = AuditEvent.objects.latest("id")
    assert (ended.action, ended.actor) == ("deletion:ended", "runner")
    assert ended.detail == {"plan": plan.pk, "state": "failed", "cancelled": 1}
    with pytest.raises(DeletionRefused, match="was removed"):
        request_undo(plan, actor="admin", now=stage.clock())


def test_asking_twice_for_a_run_is_one_run(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.approved()
    request_run(plan, actor="somebody else", now=stage.clock())
    stage.run(plan)
    assert plan.runner == "runner"
    assert fake.count("DELETE") == 1


def test_a_lock_keeps_a_manifest_out_of_plans_until_it_is_taken_away(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    lock = protect(
        stage.registry,
        path=PATH,
        digest=old.digest,
        reason="for the audit",
        actor="a.haddad",
        now=stage.clock(),
    )
    assert goes(stage.plan()) == []
    unprotect(lock, actor="a.haddad", now=stage.clock())
    assert goes(stage.plan()) == [old.digest]
    actions = AuditEvent.objects.filter(action__startswith="lock:").values_list("action", "about")
    where = f"fake / {PATH} / {old.digest}"
    assert list(actions) == [("lock:added", where), ("lock:removed", where)]


def test_what_is_locked_is_not_called_reclaimable(fake: FakeRegistry, stage: Stage) -> None:
    old, other = dangling(fake, stage, "old", "other")
    freed = stage.registry.reclaimable_bytes
    lock = protect(
        stage.registry,
        path="team",
        digest=old.digest,
        reason="for the audit",
        actor="a.haddad",
        now=stage.clock(),
    )
    assert apply_locks(stage.registry.pk, now=stage.clock())
    stage.registry.refresh_from_db()
    plan = stage.plan()
    assert goes(plan) == [other.digest]
    assert 0 < stage.registry.reclaimable_bytes == plan.reclaimable_bytes < freed
    assert stage.registry.locks_changed_at is None
    unprotect(lock, actor="a.haddad", now=stage.clock())
    assert apply_locks(stage.registry.pk, now=stage.clock())
    stage.registry.refresh_from_db()
    assert stage.registry.reclaimable_bytes == freed


def test_figures_that_follow_a_lock_expire_no_plan(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old", "other")
    lock = protect(
        stage.registry,
        path="",
        digest="",
        reason="frozen",
        actor="a.haddad",
        now=stage.clock(),
    )
    apply_locks(stage.registry.pk, now=stage.clock())
    unprotect(lock, actor="a.haddad", now=stage.clock())
    plan = stage.plan()
    apply_locks(stage.registry.pk, now=stage.clock())
    assert (plan.item_count, why_expired(plan, stage.clock())) == (2, "")
    assert seems_expired(plan, stage.clock()) == ""


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"path": "UPPER"}, "no repository or namespace"),
        ({"digest": "sha256:abc"}, "no digest"),
        ({"reason": " "}, "Say why"),
    ],
)
def test_a_lock_that_makes_no_sense_is_refused(
    stage: Stage, said: dict[str, str], sentence: str
) -> None:
    lock = {"path": "", "digest": "", "reason": "because", **said}
    with pytest.raises(DeletionRefused, match=sentence):
        protect(stage.registry, **lock, actor="admin", now=stage.clock())


def test_the_same_thing_is_not_locked_twice(stage: Stage) -> None:
    lock = {"path": "team", "digest": "", "reason": "because", "actor": "admin"}
    protect(stage.registry, **lock, now=stage.clock())
    with pytest.raises(DeletionRefused, match="locked already"):
        protect(stage.registry, **lock, now=stage.clock())


def test_a_listing_of_yesterday_is_no_ground_for_a_deletion(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "old")
    stage.clock.advance(days=2)
    plan = stage.plan()
    assert plan.item_count == 0
    assert plan.complete_count == 0
    assert "sync it first" in plan.notes[0]["text"]
    stage.sync()
    assert stage.plan(grace=timedelta(0)).item_count == 1
    assert plan.expires_at - plan.created_at == DAY
