"""What a registry is and whether it can be read, asked now; changes nothing."""

import asyncio
from dataclasses import dataclass, field

from registry_browser.models import Registry, SecretIsLost
from registry_browser.oci.errors import InvalidEndpoint
from registry_browser.oci.probe import Probe, probe
from registry_browser.oci.transport import Retries, Timeouts
from registry_browser.sync.connect import connect
from registry_browser.sync.registries import RegistryDetails, RegistryRefused, validate_terms

PATIENCE = 10.0
"""Seconds for all questions together: a person is waiting, and so is a thread of the dashboard."""
# One quick try a question.
_TIMEOUTS = Timeouts(connect=5.0, silence=5.0, total=10.0)
_RETRIES = Retries(attempts=1)


@dataclass(frozen=True, slots=True)
class Check:
    """The answer for a person: a sentence, the raw cause and the next step where it failed.

    `realm` is the token service on another host that an admin must confirm before credentials go
    there.
    """

    ok: bool
    sentence: str
    cause: str = ""
    next_step: str = ""
    dialect: str = ""
    capabilities: dict[str, bool | None] = field(default_factory=dict)
    realm: str = ""


def check_registry(registry: Registry | RegistryDetails) -> Check:
    """Ask the registry who it is and what it can do, for as long as PATIENCE lasts."""
    try:
        if isinstance(registry, RegistryDetails):
            validate_terms(registry)
        client = connect(registry, timeouts=_TIMEOUTS, retries=_RETRIES)
    except (InvalidEndpoint, RegistryRefused) as error:
        return Check(False, str(error), next_step="Correct it and check again.")
    except SecretIsLost as error:
        return Check(False, str(error), next_step="Put it back, or enter the password again.")

    async def ask() -> Probe:
        async with asyncio.timeout(PATIENCE), client:
            return await probe(client)

    try:
        return _as_check(asyncio.run(ask()))
    except TimeoutError:
        return Check(
            False,
            f"{client.endpoint.host} did not answer all questions within {PATIENCE:g} seconds.",
            cause="timeout",
            next_step="See whether it, or what stands in front of it, is busy, and try again.",
        )


def _as_check(found: Probe) -> Check:
    diagnosis = found.diagnosis
    if diagnosis is not None:
        return Check(
            found.usable,
            diagnosis.sentence,
            cause=diagnosis.code,
            next_step=diagnosis.advice,
            dialect=found.dialect,
            capabilities=found.capabilities or {},
            realm=diagnosis.realm or "",
        )
    return Check(
        found.usable,
        " ".join(found.sentences),
        dialect=found.dialect,
        capabilities=found.capabilities or {},
    )
