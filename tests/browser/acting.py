"""What the tests do inside of a dashboard, in its environment: `python -m tests.browser.acting`.

Writes what it made as one JSON object. The tests' own process keeps its own settings and database.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

import django

django.setup()

from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from dashboard.prepare import prepare_database, prepare_static_files  # noqa: E402
from registry_browser.models import (  # noqa: E402
    Presence,
    PresenceState,
    Registry,
    RepositoryBlob,
    Role,
    SyncRun,
    User,
)
from registry_browser.sync.registries import RegistryDetails, add_registry  # noqa: E402
from registry_browser.tasks import sync_in_foreground  # noqa: E402
from tests.browser.acting_later import be_told, delete_some, remember  # noqa: E402

PASSWORD = "correct horse battery"
# Two working days in which tags move and manifests lose their last tag.
STEPS = 2


def prepare(url: str, closed_url: str) -> dict[str, Any]:
    """Make people of each role, and the record of the registry at `url` after two days of change,
    with plans of deletion at every stage and what the registry told, and an older history.

    `closed_url` is an address where nothing answers: the record of an unreachable registry.
    """
    prepare_database()
    prepare_static_files()
    sessions = {role: _sign_in(f"some-{role}", role) for role in Role.values}
    acme = _connect("acme", url)
    first = _sync(acme)
    for _ in range(STEPS):
        change = urllib.request.Request(f"{url}/_fake/evolve", method="POST")
        urllib.request.urlopen(change, timeout=60).close()
        last = _sync(acme)
    failed = _sync(_connect("down", closed_url))
    remember()
    return {
        "sessions": sessions,
        "numbers": {
            "first": first.pk,
            "last": last.pk,
            "failed": failed.pk,
            **delete_some(acme),
            **be_told(acme),
        },
        "names": _names(acme),
    }


def _sign_in(name: str, role: str) -> str:
    """The key of a session in which a new person is signed in."""
    client = Client()
    client.force_login(User.objects.create_user(name, role=role, password=PASSWORD))
    return client.cookies["sessionid"].value


def _connect(name: str, url: str) -> Registry:
    details = RegistryDetails(name=name, url=url, sync_interval=None, check_interval=None)
    registry = add_registry(details, actor="some-admin", now=timezone.now())
    # Nothing changes by itself while the tests look.
    Registry.objects.filter(pk=registry.pk).update(next_sync_at=None)
    return registry


def _sync(registry: Registry) -> SyncRun:
    return sync_in_foreground(registry, now=timezone.now(), actor="some-admin")


def _names(registry: Registry) -> dict[str, str]:
    """One of each sort that has a page of its own, as `repository@digest` (a layer: its digest)."""
    here = Presence.objects.filter(repository__registry=registry, gone_at=None)
    here = here.order_by("repository__path", "manifest__digest")
    held = RepositoryBlob.objects.filter(repository__registry=registry, live=True)
    most_shared = held.order_by("-blob__live_holders", "blob__digest")[0]
    return {
        "index": _name(here.filter(state=PresenceState.TAGGED, manifest__kind="index")[0]),
        "child": _name(here.filter(state=PresenceState.CHILD, manifest__kind="image")[0]),
        "dangling": _name(here.filter(state=PresenceState.DANGLING)[0]),
        "layer": most_shared.blob.digest,
    }


def _name(presence: Presence) -> str:
    return f"{presence.repository.path}@{presence.manifest.digest}"


if __name__ == "__main__":
    sys.stdout.write(json.dumps(prepare(*sys.argv[1:])))
