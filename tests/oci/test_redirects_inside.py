"""A registry out in the world leads nobody into the network that the dashboard runs in."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from registry_browser.oci.addresses import GuardedResolver
from registry_browser.oci.errors import RegistryError
from tests.oci.serving import client_of, json_answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.abc import ResolveResult

OUTSIDE, INSIDE, DEEPER = "127.0.0.1", "127.0.0.2", "127.0.0.3"
TAGS = {"name": "a", "tags": ["v1"]}


class Names(AbstractResolver):
    """Knows these names and no others."""

    def __init__(self, **addresses: str) -> None:
        self._addresses = {f"{name}.example": address for name, address in addresses.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": self._addresses[host],
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address of this machine plays the world outside."""
    is_global = property(lambda address: str(address) == OUTSIDE)
    monkeypatch.setattr(ipaddress.IPv4Address, "is_global", is_global)


def to(url: str) -> Callable[[web.BaseRequest], web.Response]:
    return lambda request: web.Response(status=307, headers={"Location": f"{url}/there"})


def named(url: str, name: str) -> str:
    return f"http://{name}.example:{urlsplit(url).port}"


@pytest.mark.parametrize("name", ["", "inside"])
async def test_a_public_registry_leads_to_no_private_address(name: str) -> None:
    resolver = GuardedResolver(Names(inside=INSIDE, registry=OUTSIDE))
    async with serving(lambda request: json_answer(TAGS), host=INSIDE) as private:
        target = named(private.url, name) if name else private.url
        async with serving(to(target), host=OUTSIDE) as served:
            url = named(served.url, "registry")
            async with client_of(served, url=url, resolver=resolver) as client:
                with pytest.raises(RegistryError, match="private"):
                    await client.tags("a")

    assert private.asked == []


async def test_a_token_service_that_an_admin_confirmed_may_be_private() -> None:
    resolver = GuardedResolver(Names(registry=OUTSIDE))
    async with serving(lambda request: json_answer(TAGS), host=INSIDE) as private:
        realm = f"{private.url}/token"
        async with serving(to(private.url), host=OUTSIDE) as served:
            url = named(served.url, "registry")
            async with client_of(served, url=url, resolver=resolver, token_realm=realm) as client:
                assert (await client.tags("a")).tags == ("v1",)


@pytest.mark.parametrize(
    ("registry", "storage"), [(OUTSIDE, OUTSIDE), (INSIDE, DEEPER), (INSIDE, OUTSIDE)]
)
@pytest.mark.parametrize("are_named", [True, False])
async def test_a_registry_keeps_its_storage_where_it_is_itself_or_outside(
    registry: str, storage: str, are_named: bool
) -> None:
    resolver = GuardedResolver(Names(registry=registry, storage=storage))
    async with serving(lambda request: json_answer(TAGS), host=storage) as stored:
        target = named(stored.url, "storage") if are_named else stored.url
        async with serving(to(target), host=registry) as served:
            url = named(served.url, "registry") if are_named else served.url
            async with client_of(served, url=url, resolver=resolver) as client:
                assert (await client.tags("a")).tags == ("v1",)
