"""Postgres goes away in the middle of a sync, and with it the broker where that is PGMQ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fake_registry.faults import Hold
from tests.worker.company import THE_LAST_HUNDRED, assert_same_record

if TYPE_CHECKING:
    from tests.fake_registry import FakeRegistry
    from tests.worker.stage import Stage

pytestmark = pytest.mark.worker


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_the_same_worker_ends_in_the_record_of_an_undisturbed_sync(
    stage: Stage, registry: FakeRegistry, how: str
) -> None:
    held = registry.faults.on("GET", THE_LAST_HUNDRED, Hold())
    worker = stage.start_worker()
    run = stage.act("start", "disturbed")
    stage.wait_for_progress(run, 100)
    if how == "killed":
        stage.kill_postgres()
    else:
        stage.server.stop()
    registry.faults.remove(held)
    stage.act("tick")
    assert stage.wait_for_end(run)["state"] == "done"
    assert stage.wait_for_end(stage.act("start", "undisturbed"))["state"] == "done"
    assert worker.is_running
    assert_same_record(stage, "disturbed", "undisturbed")
