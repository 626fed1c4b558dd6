"""Who did what in the dashboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from registry_browser.models import AuditEvent

AT_TERMINAL = " (command)"
"""Ends the name of who gives a command: an account of the machine, which is nobody's sign-in. No
account of the dashboard can have a name with a space in it.
"""

_address: ContextVar[str | None] = ContextVar("address", default=None)


def person(actor: str) -> str:
    """Who an actor is taken for where two people are asked for: `ada` at a terminal of the machine
    for the `ada` of the dashboard.
    """
    return actor.removesuffix(AT_TERMINAL)


@contextmanager
def asked_from(address: str | None) -> Iterator[None]:
    """Whatever is recorded meanwhile was asked for from this IP address."""
    before = _address.set(address)
    try:
        yield
    finally:
        _address.reset(before)


def record(
    action: str,
    *,
    actor: str,
    now: datetime,
    about: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one event in the caller's transaction. `action` reads `subject:verb`; `detail` must
    hold no secret. The address is the one that `asked_from` names, if any.
    """
    AuditEvent.objects.create(
        at=now,
        actor=actor,
        action=action,
        about=about[:500],
        detail=detail or {},
        address=_address.get(),
    )
