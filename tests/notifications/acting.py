"""What the tests do inside of a stage, in its environment: see `tests.worker.acting`."""

from __future__ import annotations

import json
import sys
import threading
from datetime import timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402

from dashboard.prepare import prepare_database  # noqa: E402
from registry_browser import tasks  # noqa: E402
from registry_browser.models import ApiToken, Registry, Role, User  # noqa: E402
from registry_browser.notifications.endpoints import open_endpoint  # noqa: E402
from registry_browser.sync.registries import RegistryDetails, add_registry  # noqa: E402


def prepare(name: str, url: str) -> dict[str, str]:
    """Make the database, an admin, and a registry that is never due by itself; return the secret of
    its endpoint, and a token for the API.
    """
    prepare_database()
    now = timezone.now()
    registry = add_registry(
        RegistryDetails(name=name, url=url, sync_interval=None), actor="tests", now=now
    )
    Registry.objects.filter(pk=registry.pk).update(next_sync_at=None)
    admin = User.objects.create_user("tests", role=Role.ADMIN)
    return {
        "secret": open_endpoint(registry, actor="tests", now=now).secret,
        "token": ApiToken.objects.issue(admin, "tests", now),
    }


def tick_on(name: str, every: str) -> None:
    """Make the registry due every so many seconds, and do what the clock asks for, over and
    over.
    """
    Registry.objects.filter(name=name).update(
        sync_interval=timedelta(seconds=int(every)), next_sync_at=timezone.now()
    )
    pause = threading.Event()
    while not pause.wait(0.5):
        tasks.tick()


COMMANDS = {each.__name__: each for each in (prepare, tick_on)}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
