"""Credentials go to the registry and nowhere else: not into rows, logs, errors or the trail."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from registry_browser import tasks
from registry_browser.models import (
    AuditEvent,
    Registry,
    Repository,
    RunState,
    SecretIsLost,
    SyncItem,
    SyncRun,
)
from registry_browser.sync.check import check_registry
from registry_browser.sync.registries import RegistryDetails, RegistryRefused, change_registry
from tests.builders import push
from tests.fake_registry import Auth
from tests.fake_registry.faults import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Clock, Sync

SECRET = "hunter2-correct-horse"
OLD, NEW = "A" * 43 + "=", "B" * 43 + "="


def secret_in_the_database(registry: Registry) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM registry_browser_registry WHERE id = %s", [registry.pk])
        return bytes(cursor.fetchone()[0])


@pytest.fixture
def private(fake: FakeRegistry, add: Callable[..., Registry]) -> Registry:
    push(fake, "team/web:1.0")
    fake.habits.auth = Auth.BEARER
    fake.habits.users = {"robot": SECRET}
    return add(fake, username="robot", secret=SECRET)


def test_a_secret_is_encrypted_at_rest(private: Registry) -> None:
    assert SECRET.encode() not in secret_in_the_database(private)
    assert Registry.objects.get(pk=private.pk).secret == SECRET


def test_keys_rotate_by_putting_a_new_one_in_front(settings: Settings, private: Registry) -> None:
    settings.REGISTRY_KEYS = [OLD]
    private.save()
    settings.REGISTRY_KEYS = [NEW, OLD]
    registry = Registry.objects.get(pk=private.pk)
    assert registry.secret == SECRET
    registry.save()
    settings.REGISTRY_KEYS = [NEW]
    assert Registry.objects.get(pk=private.pk).secret == SECRET


def test_a_secret_that_no_key_opens_names_the_setting_and_not_the_secret(
    settings: Settings, private: Registry
) -> None:
    settings.REGISTRY_KEYS = [NEW]
    registry = Registry.objects.get(pk=private.pk)
    with pytest.raises(SecretIsLost, match="REGISTRY_KEYS") as raised:
        str(registry.secret)
    assert SECRET not in str(raised.value)


def test_a_sync_whose_secret_is_lost_fails_with_the_reason(
    settings: Settings, private: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    settings.REGISTRY_KEYS = [NEW]
    run = sync(Registry.objects.get(pk=private.pk))
    assert run.state == RunState.FAILED
    assert "REGISTRY_KEYS" in run.error
    assert fake.requests == ()


def test_a_lost_secret_keeps_no_other_registry_from_its_sync(
    settings: Settings, private: Registry, fake: FakeRegistry, add: Callable[..., Registry]
) -> None:
    settings.REGISTRY_KEYS = [NEW]
    other = add(fake, "zoo")
    tasks.tick()
    assert set(SyncRun.objects.values_list("registry", flat=True)) == {private.pk, other.pk}


def test_a_lost_secret_is_entered_again(
    settings: Settings, private: Registry, clock: Clock
) -> None:
    settings.REGISTRY_KEYS = [NEW]
    kept = RegistryDetails(name="fake", url=private.url, username="robot", secret=None)
    with pytest.raises(RegistryRefused, match="REGISTRY_KEYS") as refused:
        change_registry(private, kept, actor="admin", now=clock())
    assert refused.value.field == "secret"
    change_registry(private, replace(kept, secret=SECRET), actor="admin", now=clock())
    assert Registry.objects.get(pk=private.pk).secret == SECRET
    assert AuditEvent.objects.get(action="registry:changed").detail["secret"] == "changed"


def test_a_check_with_a_lost_secret_says_what_to_do(settings: Settings, private: Registry) -> None:
    settings.REGISTRY_KEYS = [NEW]
    found = check_registry(Registry.objects.get(pk=private.pk))
    assert not found.ok
    assert "REGISTRY_KEYS" in found.sentence
    assert "enter the password again" in found.next_step


@pytest.mark.parametrize("wrong", [False, True], ids=["a good sync", "refused credentials"])
def test_no_row_and_no_line_holds_the_secret(
    private: Registry,
    fake: FakeRegistry,
    sync: Sync,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    wrong: bool,
) -> None:
    if wrong:
        fake.habits.users = {"robot": "another"}
    caplog.set_level(logging.DEBUG)
    sync(private)
    output = capfd.readouterr()
    assert SECRET not in caplog.text + output.out + output.err
    for model in (AuditEvent, SyncRun, SyncItem, Repository):
        assert SECRET not in repr(list(model._default_manager.values()))


def test_an_error_that_repeats_our_credentials_is_redacted(
    private: Registry, fake: FakeRegistry, sync: Sync
) -> None:
    sync(private)
    echo = f'{{"errors":[{{"code":"DENIED","message":"Bearer abcdefghijkl password={SECRET}"}}]}}'
    fake.faults.on("GET", "/tags/list", answer(403, echo, {"Content-Type": "application/json"}))
    run = sync(private)
    rows = repr([list(SyncItem.objects.values()), list(Repository.objects.values()), vars(run)])
    assert SECRET not in rows
    assert "abcdefghijkl" not in rows


def test_a_secret_is_kept_when_it_is_not_named_and_never_follows_to_another_host(
    private: Registry, clock: Clock
) -> None:
    details = RegistryDetails(name="fake", url=private.url, username="robot", secret=None)
    changed = change_registry(private, details, actor="admin", now=clock())
    assert Registry.objects.get(pk=changed.pk).secret == SECRET
    elsewhere = RegistryDetails(
        name="fake", url="https://elsewhere.example", username="robot", secret=None
    )
    with pytest.raises(RegistryRefused) as refused:
        change_registry(private, elsewhere, actor="admin", now=clock())
    assert refused.value.field == "secret"
    assert Registry.objects.get(pk=changed.pk).url == private.url


def test_the_trail_says_who_changed_a_registry_and_leaves_the_secret_out(
    private: Registry, clock: Clock
) -> None:
    details = RegistryDetails(name="fake", url=private.url, username="robot", secret="another")
    change_registry(private, details, actor="ada", now=clock())
    trail = list(AuditEvent.objects.order_by("id").values_list("action", "actor", "about"))
    assert trail == [("registry:added", "admin", "fake"), ("registry:changed", "ada", "fake")]
    assert not {"another", SECRET} & set(repr(list(AuditEvent.objects.values())).split("'"))
