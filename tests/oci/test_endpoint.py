from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from registry_browser.oci.addresses import (
    ForbiddenAddress,
    GuardedResolver,
    is_forbidden,
    is_loopback,
    is_public,
)
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import InvalidEndpoint

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("https://r.io", "https://r.io", ""),
        ("https://r.io/", "https://r.io", ""),
        ("https://r.io/v2/", "https://r.io", ""),
        (" https://r.io:8443/api/docker/x/v2 ", "https://r.io:8443", "/api/docker/x"),
        ("http://localhost:5000", "http://localhost:5000", ""),
        ("http://[::1]:5000", "http://[::1]:5000", ""),
    ],
)
def test_an_address_has_an_origin_and_perhaps_a_prefix(url: str, origin: str, prefix: str) -> None:
    endpoint = Endpoint(url)

    assert (endpoint.origin, endpoint.prefix) == (origin, prefix)
    assert endpoint.url == origin + prefix


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("r.io", "write it as https"),
        ("ftp://r.io", "write it as https"),
        ("https://", "write it as https"),
        ("https://r.io:99999", "write it as https"),
        ("https://user:secret@r.io", "fields of their own"),
        ("https://r.io/?a=b", "neither"),
        ("http://r.io", "Plain HTTP is not allowed"),
        ("https://169.254.169.254", "link-local"),
        ("https://[fe80::1]", "link-local"),
    ],
)
def test_an_unusable_address_says_why(url: str, complaint: str) -> None:
    with pytest.raises(InvalidEndpoint, match=complaint):
        Endpoint(url)


def test_plain_http_is_used_where_it_was_allowed() -> None:
    assert Endpoint("http://r.io", allow_http=True).scheme == "http"


def test_a_certificate_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidEndpoint, match="PEM"):
        _ = Endpoint("https://r.io", ca_certificate="not a certificate").tls


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "[fe80::1%eth0]",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_metadata_addresses_are_forbidden_in_every_spelling(host: str) -> None:
    assert is_forbidden(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "127.0.0.1", "::1", "8.8.8.8", "r.io", "2130706433"])
def test_other_addresses_are_not_forbidden(host: str) -> None:
    assert not is_forbidden(host)


def test_public_and_loopback_are_told_apart() -> None:
    assert is_public("8.8.8.8")
    assert not is_public("192.168.1.1")
    assert is_loopback("127.0.0.2")
    assert is_loopback("registry.localhost")
    assert not is_loopback("localhost.example.com")


class FixedResolver(GuardedResolver):
    """Knows one answer for every name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for address in self.addresses
        ]

    async def close(self) -> None:
        await asyncio.sleep(0)


async def test_a_name_that_leads_to_metadata_is_refused() -> None:
    resolver = GuardedResolver(FixedResolver("169.254.169.254"))

    with pytest.raises(ForbiddenAddress):
        await resolver.resolve("innocent.example")


async def test_forbidden_addresses_are_left_out_among_others() -> None:
    resolver = GuardedResolver(FixedResolver("169.254.169.254", "10.0.0.1"))

    assert [found["host"] for found in await resolver.resolve("r.example")] == ["10.0.0.1"]


async def test_a_public_only_name_must_not_lead_inside() -> None:
    resolver = GuardedResolver(FixedResolver("8.8.8.8", "10.0.0.1"))
    resolver.public_only.add("auth.example")

    with pytest.raises(ForbiddenAddress):
        await resolver.resolve("auth.example")
    assert len(await resolver.resolve("other.example")) == 2
