"""Which addresses we connect to, and which never, whoever asks for it.

A hostile registry can name any address in a redirect, a realm or a `Link`, and cloud machines
answer on link-local addresses with credentials of their own. Names are therefore judged by the
addresses they resolve to, at the moment of connecting, so that a second DNS answer cannot differ.
"""

import ipaddress
import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORBIDDEN = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local; the metadata service of AWS, Azure, Google and others
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # metadata of AWS over IPv6
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the host agent of Azure
        "192.0.0.192/32",  # metadata of Oracle Cloud
        "224.0.0.0/4",
        "ff00::/8",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddress(OSError):
    """A name led to an address that we refuse to talk to."""


def as_address(host: str) -> Address | None:
    """Return the IP address that this host is written as, None if it is a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_forbidden(host: str) -> bool:
    """Whether this is a literal link-local, metadata or multicast address."""
    address = as_address(host)
    return address is not None and any(address in network for network in _FORBIDDEN)


def is_public(host: str) -> bool:
    """Whether this is not a literal private, loopback or otherwise special address."""
    address = as_address(host)
    return address is None or address.is_global


def is_loopback(host: str) -> bool:
    """Whether this host is written as the machine that we run on."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = as_address(host)
    return address is not None and address.is_loopback


class GuardedResolver(AbstractResolver):
    """DNS that drops forbidden addresses.

    Hosts in `public_only` (token services that no admin has confirmed, storage that a public
    registry redirects to) must moreover resolve to public addresses only.
    """

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()
        self.public_only: set[str] = set()
        self._private: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found: Sequence[ResolveResult] = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if not is_forbidden(result["host"])]
        if not all(is_public(result["host"]) for result in found):
            self._private.add(host)
            if host in self.public_only:
                allowed = []
        if found and not allowed:
            raise ForbiddenAddress(None, f"{host} resolves to an address that is never contacted")
        return allowed

    def is_private(self, host: str) -> bool:
        """Whether this host is a private address, or a name that led to one."""
        return not is_public(host) or host in self._private

    async def close(self) -> None:
        await self._inner.close()
