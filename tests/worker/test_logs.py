"""Whoever reads a worker's log finds what belongs together: by request, by task, by run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.worker.waiting import until

if TYPE_CHECKING:
    from tests.worker.stage import Stage

pytestmark = pytest.mark.worker


def test_every_line_of_a_sync_names_its_request_task_and_run(stage: Stage) -> None:
    worker = stage.start_worker()
    run, request_id = stage.act("start_by_request", "disturbed")
    stage.wait_for_end(run)
    until(lambda: "task_succeeded" in worker.output(), "the task has ended")
    lines = [line for line in worker.lines() if line.get("task_id")]
    events = [line["event"] for line in lines]
    assert events == ["task_started", "sync_slice_started", "sync_slice_ended", "task_succeeded"]
    assert {line.get("request_id") for line in lines} == {request_id}
    assert len({line["task_id"] for line in lines}) == 1
    assert {line.get("run") for line in lines if line["event"].startswith("sync_")} == {run}
