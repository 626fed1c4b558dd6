"""Connects the registry of `make run REGISTRY=…` under a name made from its address."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dashboard.celery import app
from registry_browser.models import Registry
from registry_browser.sync.registries import RegistryDetails, add_registry, validate_terms

if TYPE_CHECKING:
    from datetime import datetime


def connect(url: str, *, name: str | None, now: datetime) -> Registry:
    """Return the registry at this address, added if it is new and due for a sync at once.

    Raises RegistryRefused.
    """
    address = url.rstrip("/").removesuffix("/v2")
    registry = Registry.objects.filter(url=address).first()
    if registry is None:
        # A name is made only from what is an address.
        validate_terms(RegistryDetails(name="", url=address))
        details = RegistryDetails(name=name or _free_name(address), url=address)
        registry = add_registry(details, actor="manage.py up", now=now)
    else:
        Registry.objects.filter(pk=registry.pk).update(next_sync_at=now)
    # Nobody wants to wait for the scheduler's next round.
    app.send_task("registry_browser.tasks.tick")
    return registry


def _free_name(url: str) -> str:
    """Return `registry.example.com` for that host, with its port where it has one."""
    name = re.sub(r"[^a-z0-9.-]+", "-", urlsplit(url).netloc.rpartition("@")[2].lower())
    name = name.strip("-.")[:55].rstrip("-.") or "registry"
    taken = set(Registry.objects.filter(name__startswith=name).values_list("name", flat=True))
    return next(free for n in count(1) if (free := name if n == 1 else f"{name}-{n}") not in taken)
