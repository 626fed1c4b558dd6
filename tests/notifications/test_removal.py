"""Removing a registry while it tells us things."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.db.models.signals import pre_delete

from registry_browser import tasks
from registry_browser.models import Delivery, NotificationEndpoint, Registry, SyncRun
from registry_browser.sync.removal import remove_registry
from tests.notifications.bodies import distribution, pushed
from tests.notifications.conftest import NOW
from tests.worker.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from tests.notifications.conftest import Sender

pytestmark = pytest.mark.django_db(transaction=True)


def remove_beside(registry: Registry, act: Callable[[], object]) -> object:
    """Remove the registry while somebody else does this: they begin when all that is to go has been
    found and none of it has gone yet, and the removal goes on once they are through, or wait for
    it. Returns what came of theirs.
    """
    others: list[Future[object]] = []

    def at_work() -> object:
        with closing(connection):
            return act()

    def begin(**_: object) -> None:
        others.append(pool.submit(at_work))
        until(lambda: others[0].done() or somebody_waits_for_us(), "the other is through")

    pre_delete.connect(begin, sender=Registry)
    try:
        with ThreadPoolExecutor() as pool:
            remove_registry(registry, actor="admin", now=NOW)
    finally:
        pre_delete.disconnect(begin, sender=Registry)
    return others[0].result()


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def test_a_registry_that_tells_us_something_can_be_removed(
    registry: Registry, sender: Sender
) -> None:
    sender.post(distribution(pushed("team/app", "v1")))

    told = distribution(pushed("team/app", "v2"))
    answer = remove_beside(registry, lambda: sender.post(told).status_code)

    assert answer == 404
    assert not Registry.objects.exists()
    assert not Delivery.objects.exists()


def test_a_registry_can_be_removed_while_what_it_told_becomes_a_sync(
    registry: Registry, sender: Sender, endpoint: NotificationEndpoint
) -> None:
    sender.post(distribution(pushed("team/app", "v1")))

    remove_beside(registry, lambda: tasks.sync_told(endpoint.pk))

    assert not Registry.objects.exists()
    assert not SyncRun.objects.exists()
