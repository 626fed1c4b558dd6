"""Pushing back what was deleted, with a registry that has changed or misbehaves meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_browser.deletion import undo as deletion_undo
from registry_browser.deletion.requests import request_undo
from registry_browser.deletion.work import SliceResult
from registry_browser.models import (
    AuditEvent,
    ItemUndo,
    PlanPhase,
    Presence,
    PresenceState,
    UndoState,
)
from registry_browser.sync.removal import remove_registry
from tests.builders import make_index, push, push_referrers, sbom
from tests.deletion.stage import goes
from tests.deletion.test_run import PATH, Killed, dangling
from tests.fake_registry import oci
from tests.fake_registry.faults import Answer, Disconnect

if TYPE_CHECKING:
    from tests.deletion.stage import Stage
    from tests.fake_registry import FakeRegistry


def test_an_index_comes_back_behind_its_children(fake: FakeRegistry, stage: Stage) -> None:
    index = push(fake, f"{PATH}:1", make_index())
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "flat"))
    stage.settle()
    plan = stage.run(stage.approved())
    fake.forget_requests()
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.DONE
    pushed = [request.path.rpartition("/")[2] for request in fake.seen("PUT")]
    assert pushed[-1] == index.digest
    assert set(pushed) == set(goes(plan))
    assert plan.freed_bytes == 0
    presence = Presence.objects.get(manifest__digest=index.digest)
    assert (presence.gone_at, presence.state) == (None, PresenceState.DANGLING)


def test_a_referrer_comes_back_behind_its_subject(fake: FakeRegistry, stage: Stage) -> None:
    fake.habits = oci()
    image = push(fake, f"{PATH}:1", layers=("base", "old"))
    push_referrers(fake, image, [attached := sbom(image.built)], fallback_tag=False)
    stage.sync()
    push(fake, f"{PATH}:1", layers=("base", "new"))
    stage.settle()
    plan = stage.run(stage.approved())
    fake.forget_requests()
    stage.undo(plan)
    pushed = [request.path.rpartition("/")[2] for request in fake.seen("PUT")]
    assert pushed == [image.digest, attached.digest]


def test_a_blob_that_is_gone_is_named_and_the_rest_comes_back(
    fake: FakeRegistry, stage: Stage
) -> None:
    lost, kept = dangling(fake, stage, "lost", "kept")
    plan = stage.run(stage.approved())
    fake.store.delete_blob(PATH, lost.layer_digests[1])
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.INCOMPLETE
    undone = {item.digest: item for item in plan.items.all()}
    assert undone[kept.digest].undo == ItemUndo.PUSHED
    assert undone[lost.digest].undo == ItemUndo.BLOB_GONE
    assert lost.layer_digests[1][:19] in undone[lost.digest].undo_detail


def test_what_failed_can_be_undone_again(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.run(stage.approved())
    rule = fake.faults.on("PUT", "/manifests/", Answer(403), skip=1)
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.INCOMPLETE
    fake.faults.remove(rule)
    fake.forget_requests()
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.DONE
    assert fake.count("PUT") == 1


def test_a_registry_out_of_reach_is_not_asked_for_ever(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, *"abcdef")
    plan = stage.run(stage.approved())
    fake.forget_requests()
    fake.faults.on("PUT", "/manifests/", Disconnect())
    plan = stage.undo(plan)
    assert {item.undo for item in plan.items.all()} == {ItemUndo.FAILED}
    assert fake.count("PUT") == 3


def test_an_undo_goes_on_behind_a_killed_worker(
    fake: FakeRegistry, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.run(stage.approved())

    async def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deletion_undo, "put_manifest", die)
        with pytest.raises(Killed):
            stage.undo(plan)
    stage.run(plan)
    assert plan.undo_state == UndoState.DONE
    assert {item.undo for item in plan.items.all()} == {ItemUndo.PUSHED}


def test_an_undo_goes_on_from_slice_to_slice_and_each_does_something(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.run(stage.approved())
    plan = request_undo(plan, actor="undoer", now=stage.clock())
    assert stage.slice(plan, seconds=-1) is SliceResult.MORE
    assert fake.count("PUT") == 1
    stage.run(plan, seconds=-1)
    assert plan.undo_state == UndoState.DONE
    assert fake.count("PUT") == 2


def test_an_undo_whose_registry_was_removed_ends_with_every_manifest_accounted_for(
    fake: FakeRegistry, stage: Stage
) -> None:
    dangling(fake, stage, "one", "two")
    plan = stage.run(stage.approved())
    request_undo(plan, actor="undoer", now=stage.clock())
    assert stage.slice(plan, seconds=-1) is SliceResult.MORE
    remove_registry(stage.registry, actor="admin", now=stage.clock())
    stage.run(plan)
    assert (plan.undo_state, plan.phase) == (UndoState.INCOMPLETE, PlanPhase.NONE)
    undone = plan.items.order_by("undo").values_list("undo", "undo_detail")
    assert list(undone) == [
        (ItemUndo.FAILED, "Not tried. The registry fake was removed."),
        (ItemUndo.PUSHED, ""),
    ]
    ended = AuditEvent.objects.latest("id")
    assert (ended.action, ended.actor) == ("deletion:undone", "undoer")


def test_a_push_that_does_not_stay_is_noticed(fake: FakeRegistry, stage: Stage) -> None:
    dangling(fake, stage, "old")
    plan = stage.run(stage.approved())
    fake.faults.on("PUT", "/manifests/", Answer(201))
    plan = stage.undo(plan)
    assert plan.undo_state == UndoState.INCOMPLETE
    assert "does not find it" in plan.items.get().undo_detail
