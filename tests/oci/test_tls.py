"""Real TLS: an authority of one's own, and every way in which a certificate is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.oci.client import RegistryClient
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import NotARegistry, Unreachable
from registry_browser.oci.probe import diagnose, probe
from tests.builders import push
from tests.certificates import Authority, server_context
from tests.fake_registry import FakeRegistry
from tests.real_registry import RealRegistry

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)


def registry_with(authority: Authority, folder: Path, **certificate: Any) -> FakeRegistry:
    return FakeRegistry(tls=server_context(*authority.write_certificate(folder, **certificate)))


async def failure_at(endpoint: Endpoint) -> Unreachable:
    """Why this registry cannot be reached."""
    async with RegistryClient(endpoint) as client:
        with pytest.raises(Unreachable) as caught:
            await client.ping()
    return caught.value


async def test_an_authority_of_ones_own_is_trusted_when_its_certificate_is_given(
    tmp_path: Path,
) -> None:
    authority = Authority()
    with registry_with(authority, tmp_path) as fake:
        push(fake, "team/web:1.0")
        async with RegistryClient(Endpoint(fake.url, ca_certificate=authority.pem)) as client:
            assert (await client.tags("team/web")).tags == ("1.0",)


async def test_a_real_registry_is_found_behind_an_authority_of_ones_own(tmp_path: Path) -> None:
    authority = Authority()
    certificate = authority.write_certificate(tmp_path)
    with RealRegistry(tmp_path, certificate=certificate) as real:
        async with RegistryClient(Endpoint(real.url, ca_certificate=authority.pem)) as client:
            found = await probe(client)

    assert real.url.startswith("https://")
    assert found.usable
    assert found.dialect == "distribution"


@pytest.mark.parametrize(
    ("certificate", "sentence", "advice"),
    [
        ({"since": -2 * DAY, "until": -DAY}, "has expired.", "put right"),
        ({"since": DAY, "until": 2 * DAY}, "is not valid yet; is a clock wrong?", "put right"),
        ({"host": "registry.example"}, "is for another host name.", "name"),
        ({"host": "127.0.0.2"}, "is for another host name.", "name"),
    ],
)
async def test_a_certificate_that_is_not_accepted_is_named_with_its_reason(
    tmp_path: Path, certificate: dict[str, Any], sentence: str, advice: str
) -> None:
    authority = Authority()
    with registry_with(authority, tmp_path, **certificate) as fake:
        failure = await failure_at(Endpoint(fake.url, ca_certificate=authority.pem))

    assert failure.kind == "tls"
    assert str(failure) == f"The TLS certificate of {fake.host} {sentence}"
    assert advice in diagnose(failure).advice


@pytest.mark.parametrize("trusted", [None, Authority("Another one").pem])
async def test_an_unknown_authority_is_said_to_be_not_trusted(
    tmp_path: Path, trusted: str | None
) -> None:
    with registry_with(Authority(), tmp_path) as fake:
        failure = await failure_at(Endpoint(fake.url, ca_certificate=trusted))

    assert "signed by an authority that is not trusted" in str(failure)
    assert "CA certificate" in diagnose(failure).advice


async def test_without_verification_any_certificate_will_do(tmp_path: Path) -> None:
    with registry_with(Authority(), tmp_path, until=-timedelta(hours=1)) as fake:
        async with RegistryClient(Endpoint(fake.url, verify_tls=False)) as client:
            assert (await client.ping()).status == 200


async def test_plain_http_to_a_tls_port_is_not_taken_for_a_registry(tmp_path: Path) -> None:
    with registry_with(Authority(), tmp_path) as fake:
        async with RegistryClient(Endpoint(fake.url.replace("https", "http"))) as client:
            with pytest.raises((NotARegistry, Unreachable)) as caught:
                await client.ping()

    assert fake.host in str(caught.value)
