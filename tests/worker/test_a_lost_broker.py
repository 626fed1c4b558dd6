"""Redis goes away in the middle of a sync. (PGMQ goes with Postgres: `test_a_lost_database`.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fake_registry.faults import Hold
from tests.worker.company import THE_LAST_HUNDRED, assert_same_record

if TYPE_CHECKING:
    from tests.fake_registry import FakeRegistry
    from tests.worker.stage import Stage

pytestmark = [pytest.mark.worker, pytest.mark.parametrize("stage", ["redis"], indirect=True)]


@pytest.mark.parametrize("forget", [False, True], ids=["and keeps its messages", "and forgets"])
def test_a_sync_goes_on_while_redis_restarts(
    stage: Stage, registry: FakeRegistry, forget: bool
) -> None:
    assert stage.redis is not None
    held = registry.faults.on("GET", THE_LAST_HUNDRED, Hold())
    worker = stage.start_worker()
    run = stage.act("start", "disturbed")
    stage.wait_for_progress(run, 100)
    stage.redis.kill(forget=forget)
    registry.faults.remove(held)
    assert stage.wait_for_end(run)["state"] == "done"
    stage.redis.start()
    assert stage.wait_for_end(stage.act("start", "undisturbed"))["state"] == "done"
    assert worker.is_running
    assert_same_record(stage, "disturbed", "undisturbed")


def test_a_sync_that_was_asked_for_while_redis_was_away_starts_with_the_next_tick(
    stage: Stage,
) -> None:
    assert stage.redis is not None
    stage.redis.kill()
    run = stage.act("start", "disturbed")
    assert stage.run(run)["state"] == "queued"
    stage.redis.start()
    stage.start_worker()
    stage.act("tick")
    assert stage.wait_for_end(run)["state"] == "done"
