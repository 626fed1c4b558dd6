"""Bad moments between a plan and the end of its run, with a registry that misbehaves on purpose."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser.deletion import run as deletion_run
from registry_browser.deletion import walk as deletion_walk
from registry_browser.deletion import work as deletion_work
from registry_browser.deletion.look import _trusted_for
from registry_browser.deletion.requests import DeletionRefused, cancel, discard
from registry_browser.deletion.work import SliceResult
from registry_browser.models import (
    AuditEvent,
    DeletionItem,
    EventSource,
    Manifest,
    Outcome,
    PlanPhase,
    PlanState,
    Presence,
    Protection,
    Repository,
    Tag,
    TagEvent,
    TagEventKind,
)
from registry_browser.models.tagsort import sort_key
from registry_browser.sync.registries import RegistryDetails, change_registry
from tests.builders import make_image, make_index, push, push_referrers, sbom, signature
from tests.deletion.stage import Clock, Stage, goes, outcomes
from tests.fake_registry import Auth, oci
from tests.fake_registry.faults import Answer, Disconnect, Effect

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiohttp import web

    from registry_browser.models import DeletionPlan
    from tests.builders import PushedImage
    from tests.fake_registry import FakeRegistry

PATH = "team/web"
DELETE = r"/manifests/sha256"


class Act(Effect):
    """Do something the moment a request arrives, then let the registry answer."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        self._act()
        return None


class LoseAnswer(Effect):
    """Let the request take effect and close the connection instead of answering."""

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return response


def dangling(fake: FakeRegistry, stage: Stage, *names: str, path: str = PATH) -> list[PushedImage]:
    """Images that lost their tags long ago, beside one that is tagged."""
    images = [push(fake, f"{path}:{name}", layers=("base", name)) for name in names]
    stage.sync()
    for name in names:
        push(fake, f"{path}:{name}", layers=("base", "current"))
    stage.settle()
    return images


def item_of(plan: DeletionPlan, image: PushedImage) -> DeletionItem:
    return DeletionItem.objects.get(plan=plan, digest=image.digest)


def tag_for_a_while(fake: FakeRegistry, stage: Stage, name: str, digest: str) -> None:
    """Somebody rolls a tag back to this digest and forward again; syncs see both."""
    before = fake.store.tags(PATH)[name]
    for target in (digest, before):
        fake.store.tag(PATH, name, target)
        stage.clock.advance(minutes=5)
        stage.sync()


def test_a_run_deletes_by_digest_and_the_record_follows(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    fake.forget_requests()
    plan = stage.run(stage.approved())
    assert (plan.state, plan.phase) == (PlanState.DONE, PlanPhase.NONE)
    assert outcomes(plan) == {old.digest: Outcome.DELETED}
    assert [request.path for request in fake.seen("DELETE")] == [
        f"/v2/{PATH}/manifests/{old.digest}"
    ]
    assert Presence.objects.get(manifest__digest=old.digest).gone_at is not None
    assert plan.walk == {
        "tags": 1,
        "manifests": 1,
        "blobs": 3,
        "unasked": 0,
        "problems": [],
        "problem_count": 0,
    }


def test_a_walk_asks_for_what_deleted_manifests_held_too_and_for_so_many_others(
    fake: FakeRegistry, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("team/api", "team/web"):
        dangling(fake, stage, "old", path=path)
    stage.sync()
    plan = stage.approved()
    # Of each tag a layer was shared with what goes; its config and another layer were not.
    monkeypatch.setattr(deletion_walk, "OTHER_BLOBS", 3)
    stage.run(plan)
    assert (plan.walk["blobs"], plan.walk["unasked"]) == (2 + 3, 1)


def test_everything_about_a_plan_is_audited(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.undo(stage.run(stage.approved()))
    events = AuditEvent.objects.filter(action__startswith="deletion:").order_by("id")
    assert [(event.action, event.actor) for event in events] == [
        ("deletion:planned", "planner"),
        ("deletion:approved", "approver"),
        ("deletion:started", "runner"),
        ("deletion:ended", "runner"),
        ("deletion:undo-requested", "undoer"),
        ("deletion:undone", "undoer"),
    ]
    assert {event.detail["plan"] for event in events} == {plan.pk}


def test_a_tag_pushed_onto_a_planned_digest_keeps_it(fake: FakeRegistry, stage: Stage) -> None:
    # Trap 14.
    old, other = dangling(fake, stage, "old", "other")
    plan = stage.approved()
    fake.store.tag(PATH, "rollback", old.digest)
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED, other.digest: Outcome.DELETED}
    item = item_of(plan, old)
    assert item.detail == "The tag rollback points to it now."
    assert item.evidence["tags"] == 3
    assert fake.store.tags(PATH)["rollback"] == old.digest


def test_a_tag_moved_onto_a_planned_digest_keeps_it(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.store.tag(PATH, "old", old.digest)
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}
    assert fake.store.tags(PATH)["old"] == old.digest


def test_a_tag_that_moves_between_two_deletions_is_seen(fake: FakeRegistry, stage: Stage) -> None:
    first, second = dangling(fake, stage, "one", "two")
    plan = stage.approved()
    last = max((first, second), key=lambda image: goes(plan).index(image.digest))
    fake.faults.on("DELETE", DELETE, Act(lambda: fake.store.tag(PATH, "one", last.digest)), times=1)
    stage.run(plan)
    assert sorted(outcomes(plan).values()) == [Outcome.DELETED, Outcome.SKIPPED]
    assert fake.store.manifest(PATH, last.digest) is not None


def test_what_had_a_tag_for_a_while_during_the_run_is_young_and_stays(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.approved()
    assert stage.slice(plan, seconds=-1) is SliceResult.MORE
    first, last = goes(plan)
    tag_for_a_while(fake, stage, "one", last)
    stage.run(plan)
    assert outcomes(plan) == {first: Outcome.DELETED, last: Outcome.SKIPPED}
    detail = plan.items.get(digest=last).detail
    assert detail.startswith("Younger than the grace period of 24 h")


def test_an_index_pushed_since_keeps_the_child_it_names(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    push(fake, f"{PATH}:multi", make_index([old.built]))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}
    assert "tagged multi, names it and stays" in item_of(plan, old).detail


def test_an_index_of_indexes_pushed_since_is_read_to_its_end(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    push(fake, f"{PATH}:nested", make_index([make_index([old.built])]))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_something_of_a_future_format_keeps_whatever_it_mentions(
    fake: FakeRegistry, stage: Stage
) -> None:
    # Trap 2: a reader that knows one type of index only.
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    body = f'{{"schemaVersion": 9, "parts": ["{old.digest}"]}}'.encode()
    fake.store.put_manifest(PATH, "future", "application/vnd.oci.image.index.v1+json", body)
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_the_record_keeps_what_an_unreadable_manifest_mentions(
    fake: FakeRegistry, stage: Stage
) -> None:
    old, other = dangling(fake, stage, "old", "other")
    body = f'{{"schemaVersion": 9, "parts": ["{old.digest}"]}}'.encode()
    fake.store.put_manifest(PATH, "future", "application/vnd.oci.image.index.v1+json", body)
    stage.settle()
    plan = stage.plan()
    assert goes(plan) == [other.digest]
    assert plan.kept.get(digest=old.digest).because == "child"


def test_a_cosign_tag_pushed_since_keeps_its_image(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    push(fake, f"{PATH}:{old.digest.replace(':', '-')}.sig", layers=("signature",))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_a_referrer_pushed_since_keeps_its_subject(fake: FakeRegistry, stage: Stage) -> None:
    fake.habits = oci()
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    push(fake, PATH, sbom(old.built))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_a_referrer_pushed_since_keeps_its_subject_though_the_registry_was_changed(
    fake: FakeRegistry, stage: Stage
) -> None:
    fake.habits = oci()
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    push(fake, PATH, sbom(old.built))
    moved = fake.url.replace("127.0.0.1", "localhost")
    details = RegistryDetails(name="fake", url=moved, deletion_allowed=True)
    assert change_registry(stage.registry, details, actor="admin", now=stage.clock()).url == moved
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_a_lock_set_since_keeps_it(fake: FakeRegistry, stage: Stage) -> None:
    old, other = dangling(fake, stage, "old", "other")
    plan = stage.approved()
    lock = Protection(
        registry=stage.registry,
        path=PATH,
        digest=goes(plan)[1],
        reason="wait",
        actor="a.haddad",
        created_at=stage.clock(),
    )
    fake.faults.on("DELETE", DELETE, Act(lambda: None), times=1)
    assert stage.slice(plan, seconds=-1) is SliceResult.MORE
    lock.save()
    stage.run(plan)
    assert outcomes(plan)[goes(plan)[0]] == Outcome.DELETED
    assert outcomes(plan)[goes(plan)[1]] == Outcome.SKIPPED
    assert {old.digest, other.digest} == set(goes(plan))


def test_children_of_an_index_that_was_skipped_stay(fake: FakeRegistry, stage: Stage) -> None:
    index = push(fake, f"{PATH}:1", make_index())
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "flat"))
    stage.settle()
    plan = stage.approved()
    fake.store.tag(PATH, "back", index.digest)
    stage.run(plan)
    assert set(outcomes(plan).values()) == {Outcome.SKIPPED}
    assert fake.count("DELETE") == 0


def test_children_of_an_index_that_was_refused_stay(fake: FakeRegistry, stage: Stage) -> None:
    index = push(fake, f"{PATH}:1", make_index())
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "flat"))
    stage.settle()
    plan = stage.approved()
    fake.habits.locked = {(PATH, index.digest)}
    stage.run(plan)
    results = outcomes(plan)
    assert results.pop(index.digest) == Outcome.REFUSED
    assert set(results.values()) == {Outcome.SKIPPED}
    assert "protects it" in item_of(plan, index).detail


def test_already_gone_is_not_counted_as_deleted(fake: FakeRegistry, stage: Stage) -> None:
    # Trap 20.
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.store.delete_manifest(PATH, old.digest)
    stage.run(plan)
    item = item_of(plan, old)
    assert (item.outcome, item.status) == (Outcome.ALREADY_GONE, 404)
    assert plan.freed_bytes == 0


def test_404_for_what_is_still_there_is_a_refusal(fake: FakeRegistry, stage: Stage) -> None:
    # Quay deletes nothing untagged by digest.
    fake.habits.untagged_is_404 = True
    (old,) = dangling(fake, stage, "old")
    plan = stage.run(stage.approved())
    assert item_of(plan, old).outcome == Outcome.REFUSED
    assert fake.store.manifest(PATH, old.digest) is not None


def test_403_is_refused_and_the_run_goes_on(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "one", "two")
    fake.faults.on(
        "DELETE", DELETE, Answer(403, '{"errors": [{"code": "DENIED", "message": "no"}]}'), times=1
    )
    plan = stage.run(stage.approved())
    assert [item.outcome for item in plan.items.all()] == [Outcome.REFUSED, Outcome.DELETED]
    assert [item.status for item in plan.items.all()] == [403, 202]
    assert plan.state == PlanState.DONE


def test_deletion_disabled_in_the_registry_ends_the_repository(
    fake: FakeRegistry, stage: Stage
) -> None:
    fake.habits.deletion = False
    dangling(fake, stage, "one", "two")
    plan = stage.run(stage.approved())
    first, second = plan.items.all()
    assert (first.outcome, first.status) == (Outcome.REFUSED, 405)
    assert "deletion turned off" in first.detail
    assert second.outcome == Outcome.CANCELLED
    assert fake.count("DELETE") == 1


def test_a_read_only_registry_refuses_and_nothing_is_lost(fake: FakeRegistry, stage: Stage) -> None:
    # Distribution in maintenance mode answers 405 as plain text.
    dangling(fake, stage, "old")
    fake.faults.on("DELETE", DELETE, Answer(405, "405 method not allowed"))
    plan = stage.run(stage.approved())
    assert [item.outcome for item in plan.items.all()] == [Outcome.REFUSED]


def test_429_is_waited_for(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    fake.faults.on("DELETE", DELETE, Answer(429, headers={"Retry-After": "0"}), times=1)
    plan = stage.run(stage.approved())
    assert outcomes(plan) == {old.digest: Outcome.DELETED}
    assert fake.count("DELETE") == 2


def test_429_to_the_end_is_slowed_and_deletes_nothing(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "a", "b", "c", "d")
    fake.faults.on("DELETE", DELETE, Answer(429))
    plan = stage.run(stage.approved())
    assert [item.outcome for item in plan.items.all()] == [
        Outcome.SLOWED,
        Outcome.SLOWED,
        Outcome.SLOWED,
        Outcome.CANCELLED,
    ]
    assert plan.state == PlanState.FAILED
    assert "slow down" in plan.error


def test_500_is_tried_once_more_after_a_look(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    fake.faults.on("DELETE", DELETE, Answer(500), times=1)
    plan = stage.run(stage.approved())
    assert outcomes(plan) == {old.digest: Outcome.DELETED}
    assert item_of(plan, old).attempts == 2


def test_500_to_the_end_is_no_answer(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    fake.faults.on("DELETE", DELETE, Answer(500))
    plan = stage.run(stage.approved())
    item = item_of(plan, old)
    assert (item.outcome, item.status) == (Outcome.NO_ANSWER, 500)
    assert "still there" in item.detail


def test_a_call_that_takes_effect_late_is_our_deletion_and_can_be_undone(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on("DELETE", DELETE, Answer(500), times=1)
    # The first call is done when the second arrives.
    late = Act(lambda: fake.store.delete_manifest(PATH, old.digest))
    fake.faults.on("DELETE", DELETE, late, skip=1)
    stage.run(plan)
    item = item_of(plan, old)
    assert (item.outcome, item.status, item.attempts) == (Outcome.DELETED, 404, 2)
    assert plan.freed_bytes == plan.reclaimable_bytes
    stage.undo(plan)
    assert fake.store.manifest(PATH, old.digest) is not None


def test_what_got_no_answer_and_is_gone_after_all_is_our_deletion(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on("DELETE", DELETE, Answer(500))
    assert stage.slice(plan) is SliceResult.SYNC
    assert outcomes(plan) == {old.digest: Outcome.NO_ANSWER}
    fake.store.delete_manifest(PATH, old.digest)
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.DELETED}
    assert "the sync afterwards finds it gone" in item_of(plan, old).detail
    assert plan.freed_bytes == plan.reclaimable_bytes


def test_an_answer_lost_after_the_delete_took_effect(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    fake.faults.on("DELETE", DELETE, LoseAnswer())
    plan = stage.run(stage.approved())
    item = item_of(plan, old)
    assert item.outcome == Outcome.DELETED
    assert "A look afterwards shows that it is gone" in item.detail
    assert fake.count("DELETE") == 1


def test_a_connection_lost_before_the_delete_took_effect(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    fake.faults.on("DELETE", DELETE, Disconnect(), times=1)
    plan = stage.run(stage.approved())
    assert outcomes(plan) == {old.digest: Outcome.DELETED}


class Killed(BaseException):
    """The worker dies here."""


def test_a_worker_killed_between_delete_and_recording_it(
    fake: FakeRegistry, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.approved()
    with monkeypatch.context() as patch:
        patch.setattr(deletion_run.Run, "_settle", _die)
        with pytest.raises(Killed):
            stage.slice(plan)
    assert [item.outcome for item in plan.items.all()] == [Outcome.DELETING, Outcome.WAITING]
    stage.run(plan)
    first, second = plan.items.all()
    assert (first.outcome, second.outcome) == (Outcome.DELETED, Outcome.DELETED)
    assert "cut off" in first.detail
    assert fake.count("DELETE") == 2


def test_a_worker_killed_before_the_delete_was_sent(
    fake: FakeRegistry, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    with monkeypatch.context() as patch:
        patch.setattr(deletion_run, "delete_manifest", _die)
        with pytest.raises(Killed):
            stage.slice(plan)
    fake.store.tag(PATH, "rescued", old.digest)
    stage.run(plan)
    # It was looked at again before it was tried again.
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}
    assert fake.count("DELETE") == 0


async def _die(*_: object) -> None:
    raise Killed


def test_a_run_goes_on_from_slice_to_slice(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "a", "b", "c")
    plan = stage.approved()
    results = [stage.slice(plan, seconds=-1)]
    assert results == [SliceResult.MORE]
    stage.run(plan)
    assert plan.state == PlanState.DONE
    assert fake.count("DELETE") == 3


def test_two_plans_with_the_same_item(fake: FakeRegistry, stage: Stage) -> None:
    (old,) = dangling(fake, stage, "old")
    first, second = stage.approved(), stage.approved()
    stage.slice(first)
    stage.run(second)
    stage.run(first)
    assert outcomes(first) == {old.digest: Outcome.DELETED}
    assert outcomes(second) == {old.digest: Outcome.ALREADY_GONE}
    assert fake.count("DELETE") == 2


def test_a_plan_that_waited_for_another_one_is_expired_by_what_that_changed(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "old")
    first, second = stage.approved(), stage.approved()
    stage.run(first)
    stage.run(second)
    assert second.state == PlanState.EXPIRED
    assert "moved on" in second.error
    assert fake.count("DELETE") == 1


def test_a_token_that_expires_in_the_middle_is_renewed(
    fake: FakeRegistry, db: None, clock: Clock
) -> None:
    fake.habits.auth = Auth.BEARER
    stage = Stage(fake.url, clock, username="admin", secret="secret")
    dangling(fake, stage, "one", "two")
    plan = stage.approved()
    fake.faults.on("DELETE", DELETE, Act(fake.expire_tokens), times=1)
    stage.run(plan)
    assert set(outcomes(plan).values()) == {Outcome.DELETED}
    assert plan.walk["problems"] == []


def test_a_registry_out_of_reach_ends_the_run_and_leaves_the_rest(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "a", "b", "c", "d")
    plan = stage.approved()
    fake.faults.on(None, "", Disconnect())
    stage.run(plan)
    assert plan.state == PlanState.FAILED
    assert [item.outcome for item in plan.items.all()] == [
        Outcome.SKIPPED,
        Outcome.SKIPPED,
        Outcome.SKIPPED,
        Outcome.CANCELLED,
    ]
    assert plan.walk["problem_count"] > 0


@pytest.mark.parametrize(
    ("answer", "calls"),
    [(Answer(405), 1), (Answer(403), 3), (Answer(429), 6)],
    ids=["switched off", "refused", "slowed, with a second try each"],
)
def test_what_a_run_has_learned_holds_in_the_slices_that_follow(
    fake: FakeRegistry, stage: Stage, answer: Answer, calls: int
) -> None:
    dangling(fake, stage, *"abcdef")
    plan = stage.approved()
    fake.faults.on("DELETE", DELETE, answer)
    stage.run(plan, seconds=-1)
    assert fake.count("DELETE") == calls
    assert plan.items.filter(outcome=Outcome.CANCELLED).count() >= 3


def test_a_registry_out_of_reach_ends_a_run_of_short_slices_too(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, *"abcdef")
    plan = stage.approved()
    fake.faults.on(None, "", Disconnect())
    stage.run(plan, seconds=-1)
    assert plan.state == PlanState.FAILED
    assert plan.items.filter(outcome=Outcome.SKIPPED).count() == 3


def test_refusals_with_a_deletion_in_between_are_not_added_up(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, *"abcdef")
    plan = stage.approved()
    refused = [goes(plan)[position] for position in (0, 1, 3, 4)]
    fake.habits.locked = {(PATH, digest) for digest in refused}
    stage.run(plan)
    assert list(plan.items.values_list("outcome", flat=True)) == [
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.DELETED,
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.DELETED,
    ]


def test_tags_that_cannot_be_listed_leave_everything_where_it_is(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on("GET", "/tags/list", Answer(403))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}
    assert "Not checked, so left alone" in item_of(plan, old).detail


def test_one_tag_that_cannot_be_read_leaves_everything_where_it_is(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on(None, "/manifests/old", Answer(500))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_a_repository_that_seems_to_have_vanished_is_left_alone(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    unknown = '{"errors": [{"code": "NAME_UNKNOWN", "message": "unknown"}]}'
    fake.faults.on("GET", "/tags/list", Answer(404, unknown))
    stage.run(plan)
    assert outcomes(plan) == {old.digest: Outcome.SKIPPED}


def test_cancelling_stops_after_the_call_under_way(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "a", "b", "c")
    plan = stage.approved()
    assert stage.slice(plan, seconds=-1) is SliceResult.MORE

    def stop() -> None:
        if fake.count("DELETE") == 2:
            cancel(plan, actor="admin", now=stage.clock())

    assert stage.slice(plan, on_progress=stop) is SliceResult.SYNC
    stage.run(plan)
    assert plan.state == PlanState.CANCELLED
    assert [item.outcome for item in plan.items.all()] == [
        Outcome.DELETED,
        Outcome.DELETED,
        Outcome.CANCELLED,
    ]


def test_cancelling_before_a_worker_came_deletes_nothing(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.approved()
    cancel(plan, actor="admin", now=stage.clock())
    stage.run(plan)
    assert plan.state == PlanState.CANCELLED
    assert fake.count("DELETE") == 0
    with pytest.raises(DeletionRefused, match="was cancelled"):
        discard(plan, actor="admin", now=stage.clock())


@pytest.mark.parametrize("end", [cancel, discard])
def test_what_a_person_ends_while_a_worker_begins_it_stays_ended(
    fake: FakeRegistry,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[..., None],
) -> None:
    dangling(fake, stage, "old")
    plan = stage.approved()

    def ended_meanwhile(plan: DeletionPlan, now: datetime) -> str:
        end(plan, actor="admin", now=now)
        return ""

    monkeypatch.setattr(deletion_work, "why_expired", ended_meanwhile)
    assert stage.slice(plan) is SliceResult.OVER
    plan.refresh_from_db()
    assert (plan.state, plan.phase) == (PlanState.CANCELLED, PlanPhase.NONE)
    assert fake.count("DELETE") == 0


def test_switching_deletion_off_stops_a_run(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "a", "b")
    plan = stage.approved()
    assert stage.slice(plan, seconds=-1) is SliceResult.MORE
    stage.registry.deletion_allowed = False
    stage.registry.save()
    stage.run(plan)
    assert plan.state == PlanState.FAILED
    assert fake.count("DELETE") == 1


def test_referrers_that_the_registry_took_along_are_told_from_those_that_were_gone(
    fake: FakeRegistry, stage: Stage
) -> None:
    # ACR deletes the referrers of what is deleted (trap 6).
    fake.habits = oci()
    fake.habits.delete_cascades = True
    image = push(fake, f"{PATH}:1", layers=("base", "old"))
    push_referrers(fake, image, [attached := sbom(image.built)], fallback_tag=False)
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "new"))
    stage.settle()
    plan = stage.run(stage.approved())
    item = DeletionItem.objects.get(plan=plan, digest=attached.digest)
    assert (item.outcome, item.went_along) == (Outcome.ALREADY_GONE, True)
    assert plan.freed_bytes == plan.reclaimable_bytes
    stage.undo(plan)
    assert fake.store.manifest(PATH, attached.digest) is not None


def test_what_refers_to_a_referrer_that_was_taken_along_went_along_too(
    fake: FakeRegistry, stage: Stage
) -> None:
    # Trap 6, two deep: a signature of the SBOM; and an index in the plan names it, too.
    fake.habits = oci()
    fake.habits.delete_cascades = True
    image = push(fake, f"{PATH}:1", layers=("base", "old"))
    bill = push(fake, PATH, sbom(image.built))
    signed = push(fake, PATH, signature(bill.built))
    collection = push(fake, f"{PATH}:2", make_index([signed.built]))
    stage.sync()
    for tag in "12":
        push(fake, f"{PATH}:{tag}", layers=("base", "new"))
    stage.settle()
    plan = stage.run(stage.approved())
    assert item_of(plan, signed).because_of in (bill.digest, collection.digest)
    along = set(plan.items.filter(went_along=True).values_list("digest", flat=True))
    assert along == {bill.digest, signed.digest}
    assert plan.freed_bytes == plan.reclaimable_bytes
    stage.undo(plan)
    assert fake.store.manifest(PATH, signed.digest) is not None


def test_a_tag_that_comes_while_the_call_is_under_way_falls_and_an_undo_brings_it_back(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on("DELETE", DELETE, Act(lambda: fake.store.tag(PATH, "late", old.digest)))
    assert stage.slice(plan) is SliceResult.SYNC
    assert "late" not in fake.store.tags(PATH)
    # A sync of another worker had seen the tag in between.
    see_tag("late", old.digest, at=stage.clock.now)
    stage.run(plan)
    event = TagEvent.objects.get(tag="late", kind=TagEventKind.DELETED)
    assert (event.source, event.actor) == (EventSource.DELETION, "runner")

    plan = stage.undo(plan)
    assert fake.store.tags(PATH)["late"] == old.digest
    assert item_of(plan, old).tags_taken == ["late"]


def test_a_tag_that_somebody_used_again_is_not_overwritten_by_an_undo(
    fake: FakeRegistry, stage: Stage
) -> None:
    (old,) = dangling(fake, stage, "old")
    plan = stage.approved()
    fake.faults.on("DELETE", DELETE, Act(lambda: fake.store.tag(PATH, "late", old.digest)))
    assert stage.slice(plan) is SliceResult.SYNC
    see_tag("late", old.digest, at=stage.clock.now)
    stage.run(plan)
    again = push(fake, f"{PATH}:late", layers=("base", "again"))
    plan = stage.undo(plan)
    assert fake.store.tags(PATH)["late"] == again.digest
    assert "points elsewhere by now" in item_of(plan, old).undo_detail


def see_tag(name: str, digest: str, *, at: datetime) -> None:
    """Write to the record what a sync writes that sees a tag."""
    repository = Repository.objects.get(path=PATH)
    Tag.objects.create(
        repository=repository,
        name=name,
        manifest=Manifest.objects.get(digest=digest),
        sort_key=sort_key(name),
        first_seen_at=at,
        changed_at=at,
    )


def test_the_more_tags_the_longer_their_digests_are_trusted() -> None:
    assert _trusted_for(32) == timedelta(0)
    assert _trusted_for(100) == timedelta(seconds=2)
    assert _trusted_for(20_000) == timedelta(seconds=60)


def test_many_tags_are_all_listed_before_every_deletion_and_only_new_ones_asked(
    fake: FakeRegistry, stage: Stage
) -> None:
    for number in range(200):
        push(fake, f"{PATH}:v{number}", make_image(("base", "many")))
    images = dangling(fake, stage, "one", "two", "three")
    plan = stage.approved()
    last = goes(plan)[-1]
    fake.faults.on(
        "DELETE", DELETE, Act(lambda: fake.store.tag(PATH, "new", last)), skip=1, times=1
    )
    fake.forget_requests()
    # 203 tags are trusted for four seconds, and it all happens within one.
    stage.clock.step = timedelta(0)
    assert stage.slice(plan) is SliceResult.SYNC
    assert fake.count("GET", "/tags/list") == 3
    assert fake.count("HEAD", r"/manifests/v7$") == 1
    assert outcomes(plan)[last] == Outcome.SKIPPED
    assert len(images) == 3
