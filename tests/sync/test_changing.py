"""Changing a registry beside the runs that write what they found on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from registry_browser import tasks
from registry_browser.models import AuditEvent, Registry, RunState, SyncRun
from registry_browser.sync.registries import RegistryDetails, RegistryRefused, change_registry
from registry_browser.sync.removal import remove_registry
from tests.builders import push
from tests.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Clock, Sync


def details_of(registry: Registry) -> RegistryDetails:
    """What an admin would send who changes nothing."""
    return RegistryDetails(name=registry.name, url=registry.url, dialect=registry.dialect)


def columns_of(registry: Registry) -> dict[str, object]:
    return dict(Registry.objects.values().get(pk=registry.pk))


def test_what_a_run_found_since_the_form_was_read_stays(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    push(fake, "team/web:1.0")
    as_read = Registry.objects.get(pk=registry.pk)
    sync(registry)
    found = columns_of(registry)

    wanted = replace(details_of(registry), concurrency=3)
    change_registry(as_read, wanted, actor="admin", now=clock())

    after = columns_of(registry)
    differ = {name for name, value in after.items() if value != found[name]}
    assert differ == {"concurrency", "next_sync_at"}
    assert after["tag_count"] == 1


def test_a_registry_that_was_removed_meanwhile_does_not_come_back(
    registry: Registry, clock: Clock
) -> None:
    as_read = Registry.objects.get(pk=registry.pk)
    remove_registry(registry, actor="ben", now=clock())

    with pytest.raises(RegistryRefused, match="removed") as refused:
        change_registry(as_read, details_of(as_read), actor="ada", now=clock())

    assert refused.value.field == "name"
    assert not Registry.objects.exists()


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Callable[[], SyncRun]:
    """The run that the schedule starts a year later."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock.now)

    def scheduled() -> SyncRun:
        clock.advance(days=365)
        tasks.tick()
        return SyncRun.objects.get(state=RunState.QUEUED)

    return scheduled


def test_without_full_checks_the_schedule_asks_for_none(
    registry: Registry, sync: Sync, clock: Clock, scheduled: Callable[[], SyncRun]
) -> None:
    sync(registry)
    assert registry.next_check_at is not None
    wanted = replace(details_of(registry), check_interval=None)
    change_registry(registry, wanted, actor="admin", now=clock())

    assert not scheduled().full_check


def test_a_new_rhythm_of_full_checks_counts_from_now(
    registry: Registry, sync: Sync, clock: Clock, scheduled: Callable[[], SyncRun]
) -> None:
    sync(registry)
    wanted = replace(details_of(registry), check_interval=timedelta(hours=1))

    changed = change_registry(registry, wanted, actor="admin", now=(now := clock()))

    assert changed.next_check_at == now + timedelta(hours=1)
    assert scheduled().full_check


def trail(action: str) -> dict[str, object]:
    return dict(AuditEvent.objects.get(action=action).detail)


def test_the_trail_says_what_a_change_was_from_and_to(registry: Registry, clock: Clock) -> None:
    authority = Authority().pem
    wanted = replace(
        details_of(registry),
        username="robot",
        secret="hunter2-correct-horse",
        verify_tls=False,
        follow=("team/",),
        sync_interval=None,
        vanish_share=1.0,
        ca_certificate=authority,
    )

    change_registry(registry, wanted, actor="ada", now=clock())

    digest = sha256(authority.encode()).hexdigest()
    assert trail("registry:changed") == {
        "username": {"from": "", "to": "robot"},
        "secret": "changed",
        "verify_tls": {"from": True, "to": False},
        "follow": {"from": [], "to": ["team/"]},
        "sync_interval_seconds": {"from": 900, "to": None},
        "vanish_share": {"from": 0.25, "to": 1.0},
        "ca_certificate": {"from": "", "to": f"sha256:{digest}"},
    }


def test_the_trail_names_nothing_where_nothing_was_changed(
    registry: Registry, clock: Clock
) -> None:
    change_registry(registry, details_of(registry), actor="ada", now=clock())

    assert trail("registry:changed") == {}


def test_the_trail_says_how_a_registry_was_connected(registry: Registry) -> None:
    connected = trail("registry:added")

    assert connected["url"] == registry.url
    assert connected["verify_tls"] is True
    assert connected["check_interval_seconds"] == 86400
    assert "secret" not in connected


def test_a_sync_that_cannot_start_keeps_no_other_from_starting(
    fake: FakeRegistry, add: Callable[..., Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = add(fake, "bad"), add(fake, "good")
    real = tasks.start_sync

    def start(registry: Registry, **wanted: Any) -> SyncRun:
        if registry == bad:
            raise ValueError("no")
        return real(registry, **wanted)

    monkeypatch.setattr(tasks, "start_sync", start)
    with pytest.raises(ExceptionGroup, match="Parts of a tick failed"):
        tasks.tick()

    assert SyncRun.objects.get().registry == good
