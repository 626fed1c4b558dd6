"""How each kind of sender writes: bytes and headers in, a Notice out. Pure.

Who sent something is seen from its shape, so that one endpoint serves whatever stands before a
registry.
"""

from typing import Any, Protocol

from registry_browser.models import NotificationKind
from registry_browser.notifications.formats import (
    distribution,
    docker_hub,
    ghcr,
    google,
    harbor,
    quay,
)
from registry_browser.notifications.formats.acr import CloudEvent, EventGrid, Webhook
from registry_browser.notifications.formats.told import Headers, Notice, Unreadable, load


class Format(Protocol):
    """What each module in here offers. `read` gets only what `matches`."""

    def matches(self, document: Any, headers: Headers) -> bool: ...

    def read(self, document: Any, headers: Headers) -> Notice: ...


# The most telling shapes first.
_KINDS: tuple[Format, ...] = (
    ghcr,
    distribution,
    EventGrid,
    CloudEvent,
    harbor,
    google,
    docker_hub,
    quay,
    Webhook,
)


def read(body: bytes, headers: Headers) -> Notice:
    """What a delivery says. Raises Unreadable where it is no JSON, or not the JSON it claims to be;
    a document of no known shape is a Notice of the kind UNKNOWN.
    """
    document = load(body)
    for kind in _KINDS:
        if kind.matches(document, headers):
            return kind.read(document, headers)
    return Notice(
        kind=NotificationKind.UNKNOWN,
        remark="No sender that is known writes like this. Nothing was synced.",
    )


__all__ = ["Notice", "Unreadable", "read"]
