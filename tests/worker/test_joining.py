"""Two syncs of one registry at once are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fake_registry.faults import Hold
from tests.worker.company import REPOSITORIES, THE_LAST_HUNDRED, assert_same_record

if TYPE_CHECKING:
    from tests.fake_registry import FakeRegistry
    from tests.worker.stage import Stage

pytestmark = pytest.mark.worker


def test_syncs_that_are_asked_for_at_once_join(stage: Stage, registry: FakeRegistry) -> None:
    held = registry.faults.on("GET", THE_LAST_HUNDRED, Hold())
    workers = [stage.start_worker(), stage.start_worker()]
    run, *others = stage.act("start_at_once", "disturbed", "4")
    assert others == [run] * 3
    stage.wait_for_progress(run, 100)
    assert stage.act("start", "disturbed") == run
    registry.faults.remove(held)
    assert stage.wait_for_end(run)["state"] == "done"
    assert registry.count("GET", "/tags/list") == REPOSITORIES
    assert stage.wait_for_end(stage.act("start", "undisturbed"))["state"] == "done"
    assert all(worker.is_running for worker in workers)
    assert_same_record(stage, "disturbed", "undisturbed")
