"""SIGKILL to a worker that deletes or pushes back: nothing is done twice, no outcome is skipped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders import make_image, push
from tests.fake_registry import FakeRegistry
from tests.fake_registry.faults import Hold
from tests.worker.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web

    from tests.worker.stage import Stage

pytestmark = pytest.mark.worker

PATH = "team/web"
OLD = [make_image(("base", f"old {number}")) for number in range(6)]


class HoldAnswer(Hold):
    """Let the request take effect, and keep its answer back until ``release()``."""

    async def before(self, request: web.Request) -> None:
        return None

    async def after(self, request: web.Request, response: web.Response) -> web.StreamResponse:
        await super().before(request)
        return response


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def dangling(stage: Stage, registry: FakeRegistry) -> Stage:
    """A stage whose record knows six images that have lost their tags to another one."""
    for number, image in enumerate(OLD):
        push(registry, f"{PATH}:{number}", image)
    stage.act("allow_deletion", "disturbed")
    stage.act("sync", "disturbed")
    for number in range(len(OLD)):
        push(registry, f"{PATH}:{number}", make_image(("base", "current")))
    stage.act("sync", "disturbed")
    registry.forget_requests()
    return stage


def test_its_successor_deletes_nothing_twice_and_skips_no_outcome(
    dangling: Stage, registry: FakeRegistry
) -> None:
    dangling.redeliver_after(3)
    held = registry.faults.on("DELETE", "/manifests/", hold := HoldAnswer(), skip=2)
    plan = dangling.act("delete_dangling", "disturbed")
    worker = dangling.start_worker()
    until(hold.arrived.is_set, "the third deletion took effect and is not answered")
    assert outcomes(dangling, plan) == {"deleted": 2, "deleting": 1, "waiting": 3}
    worker.kill()
    registry.faults.remove(held)
    dangling.start_worker()
    until(lambda: state(dangling, plan) == ("done", "", ""), "the plan is done")
    assert outcomes(dangling, plan) == {"deleted": 6}
    cut_off = items(dangling, plan)[2]
    assert "cut off; a look afterwards shows that it is gone" in cut_off["detail"]
    assert (cut_off["attempts"], cut_off["status"]) == (1, None)
    assert sorted(asked(registry, "DELETE")) == sorted(image.digest for image in OLD)
    [(walk,)] = dangling.rows("SELECT walk FROM registry_browser_deletionplan WHERE id = %s", plan)
    assert (walk["tags"], walk["problems"]) == (6, [])


def test_an_undo_is_taken_up_where_it_was(dangling: Stage, registry: FakeRegistry) -> None:
    dangling.redeliver_after(3)
    plan = dangling.act("delete_dangling", "disturbed")
    worker = dangling.start_worker()
    until(lambda: state(dangling, plan) == ("done", "", ""), "the plan is done")
    held = registry.faults.on("PUT", "/manifests/", hold := HoldAnswer(), skip=2)
    dangling.act("undo", str(plan))
    until(hold.arrived.is_set, "the third push took effect and is not answered")
    assert undone(dangling, plan) == {"pushed": 2, "pushing": 1, "waiting": 3}
    worker.kill()
    registry.faults.remove(held)
    dangling.start_worker()
    until(lambda: state(dangling, plan) == ("done", "", "done"), "the plan is undone")
    assert undone(dangling, plan) == {"pushed": 6}
    # The same bytes by digest: pushing the one again that nobody recorded changes nothing.
    pushes = Counter(asked(registry, "PUT"))
    assert sorted(pushes.values()) == [1, 1, 1, 1, 1, 2]
    assert {image.digest for image in OLD} == set(pushes)
    assert set(pushes) <= set(registry.store.manifests(PATH))
    here = dangling.rows(
        "SELECT state FROM registry_browser_presence WHERE gone_at IS NULL AND state <> 1"
    )
    assert here == [(4,)] * 6


def asked(registry: FakeRegistry, method: str) -> list[str]:
    """The digests of all such requests."""
    return [request.path.rpartition("/")[2] for request in registry.seen(method)]


def items(stage: Stage, plan: int) -> list[dict[str, Any]]:
    found = stage.rows(
        "SELECT to_jsonb(item) FROM registry_browser_deletionitem item"
        " WHERE plan_id = %s ORDER BY position",
        plan,
    )
    return [row for (row,) in found]


def outcomes(stage: Stage, plan: int) -> dict[str, int]:
    return Counter(item["outcome"] for item in items(stage, plan))


def undone(stage: Stage, plan: int) -> dict[str, int]:
    return Counter(item["undo"] for item in items(stage, plan))


def state(stage: Stage, plan: int) -> tuple[str, str, str]:
    """The plan's state, what a worker is at, and the state of its undo."""
    query = "SELECT state, phase, undo_state FROM registry_browser_deletionplan WHERE id = %s"
    [row] = stage.rows(query, plan)
    return row
