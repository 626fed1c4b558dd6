"""A registry that asks for a long time without us gets it, over slices, runs and workers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser import tasks
from registry_browser.models import ItemState, RunState, SyncPhase
from registry_browser.sync.registries import change_registry
from registry_browser.sync.requests import cancel_sync
from registry_browser.sync.run import SliceResult
from registry_browser.sync.upkeep import orphaned_runs
from tests.builders import push
from tests.fake_registry.faults import too_many_requests
from tests.sync import recorded
from tests.sync.test_changing import details_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_browser.models import Registry, SyncRun
    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Clock, Sync

HOUR = 3600


@pytest.fixture
def registry(fake: FakeRegistry, add: Callable[..., Registry]) -> Registry:
    for number in range(12):
        push(fake, f"team/app-{number:02}:1.0")
    return add(fake, concurrency=1)


def limit(fake: FakeRegistry, pattern: str, *, skip: int = 0) -> None:
    fake.faults.on("GET", pattern, too_many_requests(str(HOUR)), skip=skip)


def waits(sync: Sync, run: SyncRun) -> None:
    """Nothing is asked, however often a worker comes by."""
    sync.finish(run)
    assert sync.slice(run) is SliceResult.WAITS
    run.refresh_from_db()
    assert run.rate_limited_until is not None


def test_nobody_is_asked_before_the_time_is_over_and_the_run_goes_on_then(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    limit(fake, "/tags/list", skip=5)
    run = sync.request(registry)
    assert sync.slice(run) is SliceResult.WAITS

    assert len(fake.seen("GET", "/tags/list")) == 6
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    assert run.rate_limited_until is not None
    assert abs(run.rate_limited_until - clock.now - timedelta(hours=1)) < timedelta(minutes=1)
    assert set(run.items.values_list("state", flat=True)) == {ItemState.DONE, ItemState.QUEUED}
    assert (run.done, len(recorded.tags(registry))) == (5, 5)

    fake.faults.clear()
    fake.forget_requests()
    assert sync.slice(run) is SliceResult.WAITS
    assert not fake.requests

    clock.advance(hours=2)
    run = sync.finish(run)
    assert (run.state, run.done, run.rate_limited_until) == (RunState.DONE, 12, None)
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_a_repository_that_takes_longer_than_the_limit_allows_is_read_in_parts(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync, clock: Clock
) -> None:
    for number in range(10):
        push(fake, f"team/big:{number}")
    registry = add(fake, name="other", follow=("team/big",), concurrency=1)
    run = sync.request(registry)
    for read in (4, 8):
        limit(fake, r"/team/big/manifests/\d+$", skip=4)
        assert sync.slice(run) is SliceResult.WAITS
        assert len(recorded.tags(registry)) == read
        fake.faults.clear()
        clock.advance(hours=2)

    assert sync.finish(run).state == RunState.DONE
    assert len(recorded.tags(registry)) == 10
    assert recorded.repository(registry, "team/big").problems == []


def test_a_listing_that_was_refused_is_made_anew_after_the_wait(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    sync(registry)
    limit(fake, "/v2/_catalog")
    run = sync.request(registry)
    assert sync.slice(run) is SliceResult.WAITS
    run.refresh_from_db()
    assert (run.phase, run.error) == (SyncPhase.LISTING, "")

    fake.faults.clear()
    clock.advance(hours=2)
    assert sync.finish(run).state == RunState.DONE


def test_the_clock_sends_a_waiting_run_when_the_time_is_over(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    limit(fake, "/tags/list")
    run = sync.request(registry)
    waits(sync, run)
    assert orphaned_runs(clock.advance(minutes=10), silent_for=tasks.ORPHANED_AFTER) == []
    assert orphaned_runs(clock.advance(hours=1), silent_for=tasks.ORPHANED_AFTER) == [run]


def test_who_signs_in_otherwise_need_not_wait(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    limit(fake, "/tags/list")
    run = sync.request(registry)
    waits(sync, run)
    fake.faults.clear()

    details = replace(details_of(registry), username="reader", secret="of the account")
    change_registry(registry, details, actor="ann", now=clock())

    assert sync.finish(run).state == RunState.DONE


def test_a_run_that_waits_can_be_cancelled_and_the_next_one_waits_as_long(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    limit(fake, "/tags/list")
    run = sync.request(registry)
    waits(sync, run)
    cancel_sync(run, actor="ann", now=clock())
    assert orphaned_runs(clock.advance(minutes=1), silent_for=tasks.ORPHANED_AFTER) == [run]
    assert sync.slice(run) is SliceResult.OVER
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED

    fake.faults.clear()
    fake.forget_requests()
    following = sync.request(registry)
    waits(sync, following)
    assert following.rate_limited_until == run.rate_limited_until
    assert not fake.requests
    clock.advance(hours=2)
    assert sync.finish(following).state == RunState.DONE
