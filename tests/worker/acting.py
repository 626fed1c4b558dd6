"""What the tests do inside of a stage, in its environment: `python -m tests.worker.acting COMMAND`.

Each command writes one JSON value. The tests' own process keeps its own settings and database.
"""

from __future__ import annotations

import json
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import django
import structlog

django.setup()

from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_structlog.middlewares import RequestMiddleware  # noqa: E402

from dashboard.prepare import prepare_database  # noqa: E402
from registry_browser import tasks  # noqa: E402
from registry_browser.deletion.requests import approve  # noqa: E402
from registry_browser.deletion.store import plan_deletion  # noqa: E402
from registry_browser.models import DeletionPlan, Registry, SyncTrigger  # noqa: E402
from registry_browser.sync.registries import RegistryDetails, add_registry  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


def prepare(url: str, *names: str) -> None:
    """Make the database and connect one registry under several names, none of them due."""
    prepare_database()
    for name in names:
        details = RegistryDetails(name=name, url=url, sync_interval=None)
        registry = add_registry(details, actor="tests", now=timezone.now())
        Registry.objects.filter(pk=registry.pk).update(next_sync_at=None)


def start(name: str) -> int:
    """Ask for a sync; return the id of its run."""
    registry = Registry.objects.get(name=name)
    return tasks.start_sync(registry, trigger=SyncTrigger.PERSON, now=timezone.now()).pk


def start_at_once(name: str, people: str) -> list[int]:
    """Have several people ask for a sync at the same moment; return the run that each was given."""
    together = threading.Barrier(int(people))
    runs: list[int] = []

    def ask() -> None:
        connection.ensure_connection()
        together.wait()
        runs.append(start(name))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(int(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return runs


def start_by_request(name: str) -> tuple[int, str]:
    """Ask for a sync as a page does; return its run, and the id of the request."""
    answer: list[tuple[int, str]] = []

    def view(_request: HttpRequest) -> HttpResponse:
        answer.append((start(name), structlog.contextvars.get_contextvars()["request_id"]))
        return HttpResponse()

    RequestMiddleware(view)(RequestFactory().post("/"))
    return answer[0]


def allow_deletion(name: str) -> None:
    """Switch deletion on for a registry."""
    Registry.objects.filter(name=name).update(deletion_allowed=True)


def sync(name: str) -> None:
    """Sync a registry here, without a worker."""
    tasks.sync_in_foreground(Registry.objects.get(name=name), now=timezone.now())


def delete_dangling(name: str) -> int:
    """Have all that dangles deleted by a worker, however young it is; return the id of the plan."""
    now = timezone.now()
    registry = Registry.objects.get(name=name)
    plan = plan_deletion(registry, actor="planner", now=now, grace=timedelta(0))
    approve(plan, actor="approver", now=now, words=plan.words)
    return tasks.start_deletion(plan, actor="runner", now=now).pk


def undo(plan: str) -> None:
    """Have a worker push back what a plan deleted."""
    found = DeletionPlan.objects.get(pk=int(plan))
    tasks.start_undo(found, actor="undoer", now=timezone.now())


def tick() -> None:
    """One round of the scheduler that takes any silence of a run for the loss of its worker."""
    tasks.ORPHANED_AFTER = timedelta(0)
    tasks.tick()


COMMANDS: dict[str, Callable[..., object]] = {
    each.__name__: each
    for each in (
        *(prepare, start, start_at_once, start_by_request, tick),
        *(allow_deletion, sync, delete_dangling, undo),
    )
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
