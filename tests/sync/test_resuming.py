"""Runs that are killed, joined, cancelled, delivered twice, lost, or due."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection, connections, transaction

from registry_browser import tasks
from registry_browser.models import (
    Blob,
    ItemState,
    Manifest,
    Registry,
    RegistryState,
    RunState,
    Seal,
    SyncItem,
    SyncPhase,
    SyncRun,
    SyncTrigger,
)
from registry_browser.models.work_lock import CRAWL, DELETION
from registry_browser.oci.client import RegistryClient
from registry_browser.sync import crawl
from registry_browser.sync.reading import listing
from registry_browser.sync.removal import remove_registry
from registry_browser.sync.requests import cancel_sync, request_sync
from registry_browser.sync.run import SliceResult, work_on
from registry_browser.sync.storing.changes import store_changes
from registry_browser.sync.upkeep import forget_old_runs, orphaned_runs
from tests.builders import make_image, make_index, push
from tests.fake_registry.faults import Disconnect, Hold
from tests.sync import recorded
from tests.sync.conftest import START
from tests.worker.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Clock, Sync


class Killed(BaseException):
    """What a worker's end looks like from inside."""


@pytest.fixture
def company(fake: FakeRegistry, registry: Registry) -> Registry:
    for number in range(6):
        push(fake, f"team/app-{number}:1.0", make_index(attestations=True))
        push(fake, f"team/app-{number}:latest", make_image(("base", f"{number}")))
    return registry


@pytest.fixture
def undisturbed(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> Callable[[], dict[str, object]]:
    """What a sync that nobody disturbs makes of the registry as it is now."""

    def record() -> dict[str, object]:
        other = add(fake, "undisturbed")
        sync(other)
        return recorded.everything(other)

    return record


def kill(monkeypatch: pytest.MonkeyPatch, where: str, *, after: int = 0) -> Callable[[], None]:
    """Have the worker die when it comes to this step of the crawl for the `after`-th time."""
    calls = 0
    real = getattr(crawl, where)

    def dies(*args: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed(where)
        return real(*args, **options)

    monkeypatch.setattr(crawl, where, dies)
    return monkeypatch.undo


STEPS = ["load_known", "known_manifests", "store_content", "store_changes"]


@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_dies_at_any_step_is_gone_on_with(
    company: Registry,
    sync: Sync,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    undisturbed: Callable[[], dict[str, object]],
    step: str,
) -> None:
    if step == "known_manifests":
        sync(company, paths=["team/app-0"])
    run = sync.request(company)
    survive = kill(monkeypatch, step)
    with pytest.raises(Killed):
        sync.slice(run)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    gc.collect()
    assert "never retrieved" not in caplog.text
    survive()
    assert sync.finish(run).state == RunState.DONE
    assert (run.done, run.total) == (6, 6)
    after = recorded.everything(company)
    expected = undisturbed()
    assert {**after, "events": 0} == {**expected, "events": 0}
    assert sorted(after["events"]) == sorted(expected["events"])  # type: ignore[call-overload]


@pytest.mark.parametrize("step", ["load_known", "store_content"])
def test_a_run_ends_quietly_when_its_registry_is_removed(
    company: Registry, sync: Sync, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    real = getattr(crawl, step)

    def remove_first(*args: object, **options: object) -> object:
        if Registry.objects.filter(pk=company.pk).exists():
            remove_registry(Registry.objects.get(pk=company.pk), actor="admin", now=sync.clock())
        return real(*args, **options)

    run = sync.request(company)
    monkeypatch.setattr(crawl, step, remove_first)
    assert sync.slice(run) is SliceResult.OVER
    assert not SyncRun.objects.filter(pk=run.pk).exists()
    assert not Manifest.objects.filter(registry_id=company.pk).exists()
    assert not Blob.objects.filter(registry_id=company.pk).exists()


def test_content_that_was_stored_before_the_end_is_not_fetched_again(
    company: Registry, fake: FakeRegistry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sync.request(company)
    survive = kill(monkeypatch, "store_changes")
    with pytest.raises(Killed):
        sync.slice(run)
    survive()
    fetched = {request.path for request in fake.seen("GET", "/manifests/sha256:")}
    stored = set(company.manifests.values_list("digest", flat=True))
    fake.forget_requests()
    sync.finish(run)
    again = {request.path.rpartition("/")[2] for request in fake.seen("GET", "/manifests/sha256:")}
    assert fetched
    assert not again & stored


def test_a_store_that_fails_at_the_very_end_does_not_leave_the_worker_waiting(
    fake: FakeRegistry, registry: Registry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(fake, "team/web:1.0")
    survive = kill(monkeypatch, "store_changes")
    run = sync.request(registry)
    with pytest.raises(Killed):
        sync.slice(run)
    survive()
    assert sync.finish(run).state == RunState.DONE


def test_a_killed_listing_is_listed_anew(
    company: Registry, fake: FakeRegistry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(company)
    fake.habits.page_limit, fake.habits.clamp_page_size = 2, True
    run = sync.request(company)
    real, calls = listing.queue_items, 0

    def dies(*args: object, **options: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(listing, "queue_items", dies)
    with pytest.raises(Killed):
        sync.slice(run)
    monkeypatch.undo()
    fake.store.remove_repository("team/app-0")
    assert sync.finish(run).state == RunState.DONE
    assert recorded.repository(company, "team/app-0").gone_at is not None
    assert recorded.tags(company) == recorded.served_tags(fake)


def test_slices_of_no_time_come_to_an_end_one_after_another(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    run = sync.request(company)
    assert sync.slice(run, seconds=0) is SliceResult.MORE
    run.refresh_from_db()
    assert (run.state, run.phase, run.done) == (RunState.RUNNING, SyncPhase.READING, 0)
    assert sync.finish(run).state == RunState.DONE
    assert recorded.tags(company) == recorded.served_tags(fake)


def test_a_run_that_is_delivered_again_when_it_is_over_changes_nothing(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    run = sync(company)
    before = recorded.everything(company)
    fake.forget_requests()
    assert sync.slice(run) is SliceResult.OVER
    assert sync.slice(SyncRun(pk=run.pk + 1000)) is SliceResult.OVER
    assert fake.requests == ()
    assert recorded.everything(company) == before


def test_two_requests_are_one_run(company: Registry, sync: Sync) -> None:
    assert sync.request(company) == sync.request(company)
    assert SyncRun.objects.count() == 1


def test_a_request_for_all_makes_a_run_of_one_repository_whole(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    run = sync.request(company, paths=["team/app-0"])
    assert sync.request(company) == run
    assert sync.finish(run).state == RunState.DONE
    assert (run.whole, run.total, run.catalog_complete) == (True, 6, True)
    assert recorded.tags(company) == recorded.served_tags(fake)


def test_a_repository_that_was_named_first_and_listed_then_is_listed(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    sync(registry)
    run = sync.request(registry, paths=["team/web"])
    sync.request(registry)
    assert sync.finish(run).question == ""
    assert run.state == RunState.DONE


def test_a_request_for_all_that_comes_while_one_repository_is_read_is_heard(
    company: Registry, fake: FakeRegistry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sync.request(company, paths=["team/app-0"])
    while_storing(monkeypatch, lambda: sync.request(company))
    assert sync.finish(run).state == RunState.DONE
    assert (run.whole, run.total, run.done) == (True, 6, 6)
    assert recorded.tags(company) == recorded.served_tags(fake)


def test_a_repository_that_is_named_while_it_is_read_is_read_again(
    company: Registry, fake: FakeRegistry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push that arrives between the answer and its storing must not be lost."""

    def push_and_tell() -> None:
        push(fake, "team/app-3:latest", make_image(("newer",)))
        sync.request(company, paths=["team/app-3"])

    run = sync.request(company, paths=["team/app-3"])
    while_storing(monkeypatch, push_and_tell)
    assert sync.finish(run).state == RunState.DONE
    assert (run.done, run.total) == (1, 1)
    served = recorded.served_tags(fake)
    assert recorded.tags(company) == {
        place: digest for place, digest in served.items() if place[0] == "team/app-3"
    }


def test_a_repository_that_was_read_and_is_named_again_counts_once(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    run = sync.request(company)
    sync.slice(run, seconds=0)
    SyncItem.objects.filter(run=run).update(state=ItemState.DONE)
    SyncRun.objects.filter(pk=run.pk).update(done=6)
    sync.request(company, paths=["team/app-1"])
    run.refresh_from_db()
    assert (run.done, run.total) == (5, 6)
    sync.finish(run)
    assert (run.done, run.total) == (6, 6)
    assert fake.count("GET", "/tags/list") == 1


def test_a_full_check_that_joins_a_run_is_made(
    fake: FakeRegistry, registry: Registry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = push(fake, "app:latest", make_image(("old",)))
    sync(registry)
    push(fake, "app:latest")
    sync(registry)
    fake.store.delete_manifest("app", old.digest)
    run = sync.request(registry)
    while_storing(monkeypatch, lambda: sync.request(registry, full_check=True))
    assert sync.finish(run).state == RunState.DONE
    assert run.full_check
    assert recorded.gone(registry, "app") == {old.digest}


def test_a_person_who_believes_joins_the_run_that_is_about_to_ask(
    fake: FakeRegistry, registry: Registry, sync: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        push(fake, f"team/app-{number}:1.0")
    sync(registry)
    for number in range(3):
        fake.store.remove_repository(f"team/app-{number}")
    run = sync.request(registry)
    while_storing(monkeypatch, lambda: sync.request(registry, believe_absences=True))
    assert sync.finish(run).state == RunState.DONE
    assert run.question == ""
    assert recorded.tags(registry) == recorded.served_tags(fake)


def while_storing(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once, just before what was read is stored."""
    real = store_changes
    done = False

    def store(*args: object) -> object:
        nonlocal done
        if not done:
            done = True
            act()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(crawl, "store_changes", store)


def test_a_run_that_no_worker_has_begun_is_cancelled_at_once(
    company: Registry, fake: FakeRegistry, sync: Sync, clock: Clock
) -> None:
    run = sync.request(company)
    cancel_sync(run, actor="admin", now=clock())
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert sync.slice(run) is SliceResult.OVER
    assert fake.requests == ()
    assert sync(company).state == RunState.DONE


def test_a_run_that_is_cancelled_in_the_middle_keeps_what_it_has(
    company: Registry, fake: FakeRegistry, sync: Sync, clock: Clock
) -> None:
    sync(company)
    synced_at = company.synced_at
    push(fake, "team/app-0:2.0")
    run = sync.request(company)
    sync.slice(run, seconds=0)
    cancel_sync(run, actor="admin", now=clock())
    assert sync.slice(run) is SliceResult.OVER
    run.refresh_from_db()
    company.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.finished_at is not None
    assert (company.state, company.complete) == (RegistryState.HEALTHY, True)
    assert company.synced_at == synced_at
    assert sync(company).state == RunState.DONE
    assert recorded.tags(company) == recorded.served_tags(fake)


def test_who_cancels_does_not_wait_for_a_repository_that_is_being_read(
    company: Registry, fake: FakeRegistry, sync: Sync, clock: Clock
) -> None:
    fake.faults.on("GET", "/team/app-3/manifests/", hold := Hold())
    run = sync.request(company)

    def cancel() -> None:
        if hold.arrived.is_set():
            cancel_sync(run, actor="admin", now=clock())

    assert sync.slice(run, on_progress=cancel) is SliceResult.OVER
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    states = SyncItem.objects.filter(run=run).values_list("path", "state")
    assert dict(states)["team/app-3"] == ItemState.QUEUED

    hold.release()
    assert sync(company).state == RunState.DONE
    assert recorded.tags(company) == recorded.served_tags(fake)


def test_what_is_asked_for_while_a_run_is_being_cancelled_is_done_by_the_next(
    company: Registry, sync: Sync, clock: Clock
) -> None:
    stopping = sync.request(company)
    sync.slice(stopping, seconds=0)
    cancel_sync(stopping, actor="admin", now=clock())

    asked = sync.request(company, paths=["team/app-3"])

    assert asked != stopping
    assert sync.slice(stopping) is SliceResult.OVER
    stopping.refresh_from_db()
    assert stopping.state == RunState.CANCELLED
    assert sync.finish(asked).state == RunState.DONE
    assert recorded.item(asked, "team/app-3").state == ItemState.DONE


@pytest.mark.parametrize("deletes", [False, True])
def test_a_crawl_leaves_half_its_pace_to_a_deletion(
    company: Registry, sync: Sync, monkeypatch: pytest.MonkeyPatch, deletes: bool
) -> None:
    workers: list[int] = []
    monkeypatch.setattr(RegistryClient, "share_pace", lambda client, share: workers.append(share))

    with DELETION.taken(company.pk) if deletes else nullcontext():
        sync(company)

    assert set(workers) == {2 if deletes else 1}


def test_what_somebody_waits_for_is_read_before_all_else(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    Registry.objects.filter(pk=company.pk).update(concurrency=1)
    sync(company)
    fake.forget_requests()
    run = sync.request(company)
    sync.slice(run, seconds=0)
    request_sync(company, trigger=SyncTrigger.NOTIFICATION, now=START, paths=["team/app-4"])

    sync.finish(run)

    listed = [seen.path for seen in fake.requests if seen.path.endswith("/tags/list")]
    assert listed[0] == "/v2/team/app-4/tags/list"
    assert len(listed) == 6


@pytest.mark.django_db(transaction=True)
def test_a_registry_that_somebody_else_crawls_is_left_to_them(
    transactional_db: None, company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    run = sync.request(company)
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [0x52420001, company.pk])
        assert CRAWL.is_taken(company.pk)
        assert sync.slice(run) is SliceResult.BUSY
        assert fake.requests == ()
        # Closing alone would let go of it a little later.
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
    finally:
        other.close()
    assert sync.finish(run).state == RunState.DONE
    assert not CRAWL.is_taken(company.pk)


@pytest.mark.django_db(transaction=True)
def test_who_joins_a_run_and_who_works_on_it_do_not_wait_for_each_other(
    transactional_db: None, company: Registry, sync: Sync, clock: Clock
) -> None:
    run = sync.request(company)
    listing.queue_items(run, ["team/app-1"])

    def join() -> None:
        with closing(connection):
            request_sync(
                company, trigger=SyncTrigger.NOTIFICATION, now=clock(), paths=["team/app-1"]
            )

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            SyncItem.objects.filter(path="team/app-1").update(tags_done=1)
            joining = pool.submit(join)
            until(_somebody_waits_for_a_lock, "the item is waited for")
            SyncItem.objects.create(run=run, path="team/app-2")
        joining.result()
    assert SyncItem.objects.filter(run=run, urgent=True).count() == 1


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # Within a transaction it would show the same again and again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


def test_the_lock_is_freed_when_the_work_fails(company: Registry) -> None:
    with pytest.raises(Killed), CRAWL.taken(company.pk) as locked:
        assert locked
        assert CRAWL.is_taken(company.pk)
        raise Killed
    assert not CRAWL.is_taken(company.pk)
    assert connection.is_usable()


def test_runs_that_nobody_works_on_are_orphans(company: Registry, sync: Sync, clock: Clock) -> None:
    run = sync.request(company)
    patience = tasks.ORPHANED_AFTER
    assert orphaned_runs(clock.now + patience - timedelta(seconds=2), silent_for=patience) == []
    assert orphaned_runs(clock.now + patience + timedelta(seconds=2), silent_for=patience) == [run]
    with CRAWL.taken(company.pk):
        assert orphaned_runs(clock.now + patience + timedelta(seconds=2), silent_for=patience) == []
    sync.slice(run, seconds=0)
    run.refresh_from_db()
    assert run.heartbeat_at is not None
    assert orphaned_runs(run.heartbeat_at + patience, silent_for=tasks.ORPHANED_AFTER) == []
    assert orphaned_runs(run.heartbeat_at + patience * 2, silent_for=tasks.ORPHANED_AFTER) == [run]
    sync.finish(run)
    assert orphaned_runs(clock.now + patience * 2, silent_for=tasks.ORPHANED_AFTER) == []


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[int]:
    """The runs that were sent to a worker; `tick` sees the time of the tests."""
    runs: list[int] = []
    monkeypatch.setattr(tasks.crawl, "delay", runs.append)
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock.now)
    monkeypatch.setattr(transaction, "on_commit", lambda act, robust=False: act())
    return runs


def test_a_tick_starts_what_is_due_once(
    company: Registry, sync: Sync, clock: Clock, sent: list[int]
) -> None:
    tasks.tick()
    run = SyncRun.objects.get()
    assert sent == [run.pk]
    assert (run.trigger, run.whole, run.full_check) == (SyncTrigger.SCHEDULE, True, False)
    tasks.tick()
    assert sent == [run.pk]
    assert sync.finish(run).state == RunState.DONE
    company.refresh_from_db()
    assert company.next_sync_at == run.finished_at + company.sync_interval  # type: ignore[operator]
    tasks.tick()
    assert sent == [run.pk]
    clock.advance(minutes=15)
    tasks.tick()
    assert len(sent) == 2


def test_syncs_of_some_repositories_put_off_no_sync_of_all(
    company: Registry, sync: Sync, clock: Clock, sent: list[int]
) -> None:
    company.next_sync_at = clock.advance(minutes=1)
    company.save()
    sync(company, paths=["team/app-1"])
    under_way = sync.request(company, paths=["team/app-2"])
    clock.advance(minutes=1)

    tasks.tick()

    assert set(sent) == {under_way.pk}
    assert sync.finish(under_way).whole


def test_a_tick_sends_a_lost_run_again(
    company: Registry, sync: Sync, clock: Clock, sent: list[int]
) -> None:
    tasks.tick()
    clock.advance(seconds=30)
    tasks.tick()
    (run,) = SyncRun.objects.all()
    assert sent == [run.pk, run.pk]


def test_a_part_of_a_tick_that_fails_keeps_no_other_from_it(
    company: Registry, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(now: datetime) -> None:
        raise ValueError("cannot settle")

    monkeypatch.setattr(tasks, "settle_held", fail)
    with pytest.raises(ExceptionGroup) as failed:
        tasks.tick()

    assert [str(failure) for failure in failed.value.exceptions] == ["cannot settle"]
    assert len(sent) == 1
    assert Seal.objects.exists()


def test_a_full_check_is_due_once_a_day(
    company: Registry, sync: Sync, clock: Clock, sent: list[int]
) -> None:
    checks = []
    for _ in range(14):
        tasks.tick()
        run = SyncRun.objects.latest("id")
        if run.is_active:
            checks.append(run.full_check)
            SyncRun.objects.filter(pk=run.pk).update(
                state=RunState.RUNNING, started_at=clock.now, phase=SyncPhase.READING
            )
            sync.finish(run)
        clock.advance(hours=4)
    assert len(checks) == 14
    assert checks.count(True) == 2
    assert not checks[0]


def test_a_registry_without_an_interval_is_synced_once_and_then_left_alone(
    fake: FakeRegistry,
    add: Callable[..., Registry],
    sync: Sync,
    clock: Clock,
    sent: list[int],
) -> None:
    add(fake, "quiet", sync_interval=None)
    tasks.tick()
    sync.finish(SyncRun.objects.get())
    clock.advance(days=30)
    tasks.tick()
    assert SyncRun.objects.count() == 1


def test_a_failed_run_is_tried_again_after_the_interval(
    fake: FakeRegistry, company: Registry, sync: Sync, clock: Clock, sent: list[int]
) -> None:
    fake.faults.on(None, "", Disconnect())
    tasks.tick()
    run = sync.finish(SyncRun.objects.get())
    assert run.state == RunState.FAILED
    fake.faults.clear()
    clock.advance(minutes=16)
    tasks.tick()
    assert sync.finish(SyncRun.objects.latest("id")).state == RunState.DONE


def test_old_runs_are_forgotten_and_their_changes_later(
    company: Registry, fake: FakeRegistry, sync: Sync, clock: Clock
) -> None:
    sync(company)
    push(fake, "team/app-0:2.0")
    run = sync(company)
    forget_old_runs(clock.now + timedelta(days=1))
    assert run.items.count() == 6
    forget_old_runs(clock.now + timedelta(days=3))
    assert [item.path for item in run.items.all()] == ["team/app-0"]
    forget_old_runs(clock.now + timedelta(days=200))
    assert SyncRun.objects.count() == 0


def test_old_runs_are_looked_for_once_a_day_and_not_with_every_tick(
    company: Registry, sync: Sync, clock: Clock, sent: list[int]
) -> None:
    sync(company)
    quiet = sync(company)
    clock.advance(days=20)
    tasks.tick()
    assert quiet.items.count() == 6
    tasks.forget()
    assert not quiet.items.exists()


def test_a_waiting_registry_does_not_hold_up_the_heartbeat(
    company: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    hold = Hold()
    fake.faults.on("GET", "/team/app-0/tags/list", hold)
    beats: list[object] = []

    def beat() -> None:
        beats.append(SyncRun.objects.latest("id").heartbeat_at)
        hold.release()

    run = sync.request(company)
    work_on(run.pk, clock=sync.clock, connect=sync.connect, on_progress=beat)
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert beats[0] > START  # type: ignore[operator]
