"""Names that a registry lists and nobody can ask for are said, not hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.models import RegistryState, RunState
from tests.builders import push
from tests.fake_registry.faults import Body
from tests.sync import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_browser.models import Registry
    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Sync

CATALOG = b'{"repositories":["team/web","Team/Web","a//b\\u0000","../x","team/_"]}'


def test_tags_that_cannot_be_are_problems_of_their_repository(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    listed = b'{"name":"team/web","tags":["1.0","-x","\\u0000y"]}'
    fake.faults.on("GET", "/tags/list", Body(listed))

    run = sync(registry)

    assert run.state == RunState.DONE
    problems = recorded.repository(registry, "team/web").problems
    assert [problem["tag"] for problem in problems] == ["-x", "y"]
    assert all("no tag can have this name" in problem["reason"] for problem in problems)
    assert set(recorded.tags(registry)) == {("team/web", "1.0")}
    fake.faults.clear()
    sync(registry)
    assert recorded.repository(registry, "team/web").problems == []


def test_many_names_that_cannot_be_push_no_other_problem_out(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    odd = ",".join(f'"-{number}"' for number in range(2000)).encode()
    fake.faults.on("GET", "/tags/list", Body(b'{"name":"team/web","tags":["1.0",%b]}' % odd))

    sync(registry)

    problems = recorded.repository(registry, "team/web").problems
    assert len(problems) == 5
    assert "Neither can 999 more" in problems[0]["reason"]


def test_repositories_that_cannot_be_make_the_run_incomplete_and_are_named(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    rule = fake.faults.on("GET", "/v2/_catalog", Body(CATALOG))

    run = sync(registry)

    assert (run.state, run.catalog_complete) == (RunState.INCOMPLETE, True)
    assert run.error == (
        "The registry lists 4 names that no repository can have, so that what is there cannot be "
        "read: Team/Web, a//b, ../x …"
    )
    assert (registry.state, registry.state_reason) == (RegistryState.INCOMPLETE, run.error)
    assert set(recorded.tags(registry)) == {("team/web", "1.0")}
    fake.faults.remove(rule)
    assert sync(registry).state == RunState.DONE


def test_names_that_nobody_follows_are_no_concern(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    fake.faults.on("GET", "/v2/_catalog", Body(CATALOG))
    registry = add(fake, follow=("team/web",))

    assert sync(registry).state == RunState.DONE
