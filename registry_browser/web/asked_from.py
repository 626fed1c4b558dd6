"""Where a request comes from: for the audit trail, and for the limits on signing in."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

from registry_browser.history.audit import asked_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Address

    from django.http import HttpRequest, HttpResponse


def client_address(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: REMOTE_ADDR is the address of the client, also behind the proxies that are
    trusted; what a page or the API records has it, and each line of the log.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        address = _client(
            request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")
        )
        request.META["REMOTE_ADDR"] = address
        structlog.contextvars.bind_contextvars(ip=address)
        with asked_from(address or None):
            return get_response(request)

    return middleware


def _client(peer: str, forwarded: str) -> str:
    """The last address before a proxy that is trusted; empty where the peer has none.

    Each proxy adds at the end whom it was asked by. Whatever stands before what a stranger said may
    be invented, and so is not read.
    """
    client = _address(peer)
    hops = forwarded.split(",")
    while client is not None and hops and _is_trusted(client):
        before = _address(hops.pop())
        if before is None:
            break
        client = before
    return "" if client is None else str(client)


def _is_trusted(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in settings.REGISTRY_BROWSER_TRUSTED_PROXIES)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a hop, which may have a port behind it: `10.0.0.1:8000`, `[::1]:8000`."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        # Postgres knows no zones (`fe80::1%eth0`).
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
