"""SIGKILL to a worker at any moment loses nothing: its successor ends in the same record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fake_registry.faults import Hold
from tests.worker import company
from tests.worker.company import THE_LAST_HUNDRED, assert_same_record

if TYPE_CHECKING:
    from tests.fake_registry import FakeRegistry
    from tests.worker.stage import Stage

pytestmark = pytest.mark.worker


def test_its_successor_ends_in_the_record_of_an_undisturbed_sync(
    stage: Stage, registry: FakeRegistry
) -> None:
    stage.redeliver_after(3)
    _sync_while_workers_are_killed(stage, registry)
    company.change(registry)
    _sync_while_workers_are_killed(stage, registry)


def _sync_while_workers_are_killed(stage: Stage, registry: FakeRegistry) -> None:
    held = registry.faults.on("GET", THE_LAST_HUNDRED, Hold())
    run = stage.act("start", "disturbed")
    for repositories in (50, 200):
        worker = stage.start_worker()
        stage.wait_for_progress(run, repositories)
        worker.kill()
    registry.faults.remove(held)
    worker = stage.start_worker()
    assert stage.wait_for_end(run)["state"] == "done"
    assert stage.wait_for_end(stage.act("start", "undisturbed"))["state"] == "done"
    worker.kill()
    assert_same_record(stage, "disturbed", "undisturbed")


def test_the_task_of_a_killed_pool_process_is_taken_up_again(
    stage: Stage, registry: FakeRegistry
) -> None:
    stage.redeliver_after(3)
    held = registry.faults.on("GET", THE_LAST_HUNDRED, Hold())
    worker = stage.start_worker()
    run = stage.act("start", "disturbed")
    stage.wait_for_progress(run, 100)
    worker.kill_child()
    registry.faults.remove(held)
    assert stage.wait_for_end(run)["state"] == "done"
    stage.wait_for_end(stage.act("start", "undisturbed"))
    assert_same_record(stage, "disturbed", "undisturbed")


def test_a_run_whose_message_is_lost_is_found_by_the_next_tick(
    stage: Stage, registry: FakeRegistry
) -> None:
    held = registry.faults.on("GET", THE_LAST_HUNDRED, Hold())
    worker = stage.start_worker()
    run = stage.act("start", "disturbed")
    stage.wait_for_progress(run, 100)
    worker.kill()
    stage.forget_messages()
    registry.faults.remove(held)
    stage.start_worker()
    stage.act("tick")
    assert stage.wait_for_end(run)["state"] == "done"
    assert stage.wait_for_end(stage.act("start", "undisturbed"))["state"] == "done"
    assert_same_record(stage, "disturbed", "undisturbed")
