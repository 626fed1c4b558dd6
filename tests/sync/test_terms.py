"""What an admin writes about a registry is refused where it is written, or never stops anything;
and what a check says of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import Registry, RegistryState, RunState
from registry_browser.sync import check
from registry_browser.sync.check import check_registry
from registry_browser.sync.registries import (
    RegistryDetails,
    RegistryRefused,
    add_registry,
    change_registry,
)

if TYPE_CHECKING:
    from registry_browser.oci.client import RegistryClient
    from registry_browser.oci.probe import Probe
    from tests.sync.conftest import Clock, Sync

DAMAGED = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----"
GOOD = RegistryDetails(name="new", url="https://registry.example")
REFUSED = {
    "half an IPv6 address": ("url", {"url": "http://[x/"}),
    "a port beyond all ports": ("url", {"url": "http://host:99999999"}),
    "port 0": ("url", {"url": "http://host:0"}),
    "no host name": ("url", {"url": "http://xn--/"}),
    "a metadata service": ("url", {"url": "http://169.254.169.254"}),
    "a password in the address": ("url", {"url": "https://me:pw@host"}),
    "a query": ("url", {"url": "https://host/?a=b"}),
    "a realm's port beyond all ports": ("token_realm", {"token_realm": "http://h:99999999/"}),
    "half a realm": ("token_realm", {"token_realm": "https://[x/token"}),
    "a realm without a host": ("token_realm", {"token_realm": "https://"}),
    "a realm that is no web address": ("token_realm", {"token_realm": "ftp://host/token"}),
    "a damaged authority": ("ca_certificate", {"ca_certificate": DAMAGED}),
    "an authority in other letters": ("ca_certificate", {"ca_certificate": f"{DAMAGED}é"}),
    "an authority for nothing": (
        "ca_certificate",
        {"ca_certificate": DAMAGED, "verify_tls": False},
    ),
    "nobody at a time": ("concurrency", {"concurrency": 0}),
    "less than no rate": ("requests_per_second", {"requests_per_second": -1.0}),
}
CASES = pytest.mark.parametrize(("field", "wrong"), REFUSED.values(), ids=list(REFUSED))


@CASES
def test_a_registry_that_could_not_be_asked_is_refused_at_its_field(
    db: None, clock: Clock, field: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(RegistryRefused) as refused:
        add_registry(replace(GOOD, **wrong), actor="ann", now=clock())  # type: ignore[arg-type]

    assert refused.value.field == field
    assert not Registry.objects.exists()


@CASES
def test_a_change_that_could_not_be_asked_is_refused_at_its_field(
    db: None, clock: Clock, field: str, wrong: dict[str, object]
) -> None:
    registry = add_registry(GOOD, actor="ann", now=clock())
    changed = replace(GOOD, **wrong)  # type: ignore[arg-type]
    with pytest.raises(RegistryRefused) as refused:
        change_registry(registry, changed, actor="ann", now=clock())

    assert refused.value.field == field


@CASES
def test_a_check_says_what_is_wrong_before_anything_is_stored(
    field: str, wrong: dict[str, object]
) -> None:
    found = check_registry(replace(GOOD, **wrong))  # type: ignore[arg-type]

    assert not found.ok
    assert len(found.sentence.split()) > 3
    assert found.next_step


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://[x/"},
        {"token_realm": "http://h:99999999/"},
        {"ca_certificate": DAMAGED},
    ],
)
def test_a_registry_that_was_stored_like_that_fails_and_says_so(
    db: None, clock: Clock, sync: Sync, wrong: dict[str, str]
) -> None:
    registry = add_registry(GOOD, actor="ann", now=clock())
    Registry.objects.filter(pk=registry.pk).update(**wrong)
    registry.refresh_from_db()

    found, run = check_registry(registry), sync(registry)

    assert not found.ok
    assert (run.state, run.error) == (RunState.FAILED, found.sentence)
    assert registry.state == RegistryState.UNREACHABLE


def test_a_check_has_an_end_however_slow_the_registry_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_ends(client: RegistryClient) -> Probe:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(check, "probe", never_ends)
    monkeypatch.setattr(check, "PATIENCE", 0.01)
    found = check_registry(GOOD)

    assert (found.ok, found.cause) == (False, "timeout")
    assert "registry.example did not answer all questions within" in found.sentence
    assert found.next_step
