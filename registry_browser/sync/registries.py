"""Adding, changing and removing a registry. Every refusal names the field and the next step."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from registry_browser.history import audit
from registry_browser.models import Registry, SecretIsLost, SyncRun
from registry_browser.models.registry import NAME_PATTERN, SLUG
from registry_browser.oci.dialects import DIALECTS
from registry_browser.oci.endpoint import Endpoint
from registry_browser.oci.errors import InvalidEndpoint
from registry_browser.oci.reference import is_valid_path

SYNC_EVERY = timedelta(minutes=15)
CHECK_EVERY = timedelta(days=1)
AUTO = "auto"
TAKEN_NAMES = ("add", "check")
"""`/registries/add/` and `/registries/check/` are pages, and no registries."""


class RegistryRefused(ValueError):
    """A registry cannot be stored as asked; `field` names the field, `message` is the sentence for
    the person.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDetails:
    """What an admin says about a registry. A `secret` of None keeps the stored one."""

    name: str
    url: str
    username: str = ""
    secret: str | None = ""
    dialect: str = AUTO
    token_realm: str = ""
    ca_certificate: str = ""
    verify_tls: bool = True
    concurrency: int = 16
    requests_per_second: float | None = None
    sync_interval: timedelta | None = SYNC_EVERY
    check_interval: timedelta | None = CHECK_EVERY
    follow: tuple[str, ...] = ()
    vanish_share: float = 0.25
    deletion_allowed: bool = False
    deletion_needs_second_person: bool = False


def add_registry(details: RegistryDetails, *, actor: str, now: datetime) -> Registry:
    """Store a new registry, due for its first sync at once. Raises RegistryRefused."""
    _validate(details)
    registry = Registry(name=details.name, created_at=now, next_sync_at=now, state_since=now)
    _apply(registry, details)
    try:
        with transaction.atomic():
            registry.save()
            audit.record(
                "registry:added",
                actor=actor,
                about=registry.name,
                detail=_public(_said(details)),
                now=now,
            )
    except IntegrityError as error:
        raise RegistryRefused(
            "name",
            f"A registry named {details.name} exists already; choose another name, or edit it.",
        ) from error
    return registry


def change_registry(
    registry: Registry, details: RegistryDetails, *, actor: str, now: datetime
) -> Registry:
    """Store what an admin changed and nothing else: a run may have written its figures since the
    registry was read. The name stays: addresses, scripts and history use it. Returns the registry
    as it is now. Raises RegistryRefused.
    """
    if details.name != registry.name:
        raise RegistryRefused(
            "name", "The name of a registry cannot change; add it anew under the other name."
        )
    _validate(details)
    with transaction.atomic():
        held = _hold(registry)
        if details.secret is None and held.secret and origin(details.url) != origin(held.url):
            raise RegistryRefused(
                "secret",
                "The address names another host: enter the password again, "
                "it is not sent elsewhere unasked.",
            )
        if details.secret is None and _stored_secret(held) is None:
            raise RegistryRefused(
                "secret",
                "The stored password cannot be decrypted: REGISTRY_KEYS lacks its key. "
                "Enter it again.",
            )
        changes = _changes(held, details)
        checks_before = held.check_interval
        if changes.keys() & {"url", "dialect"}:
            held.capabilities = {}  # What it can do is asked anew.
        if changes.keys() & {"url", "username", "secret"}:
            # Who asked us to wait was another, or asked somebody else to.
            runs = SyncRun.objects.filter(registry=held, rate_limited_until__gt=now)
            runs.update(rate_limited_until=None)
        applied = _apply(held, details)
        held.next_sync_at = now if held.sync_interval else None
        if held.check_interval != checks_before:
            held.next_check_at = now + held.check_interval if held.check_interval else None
        held.save(update_fields=[*applied, "capabilities", "next_sync_at", "next_check_at"])
        audit.record("registry:changed", actor=actor, about=held.name, detail=changes, now=now)
    return held


def _hold(registry: Registry) -> Registry:
    try:
        return Registry.objects.hold(registry.pk)
    except Registry.DoesNotExist:
        raise RegistryRefused(
            "name", f"{registry.name} was removed meanwhile; connect it again if it is wanted."
        ) from None


def _stored_secret(registry: Registry) -> str | None:
    """The secret as text; None where no key opens it."""
    try:
        return str(registry.secret)
    except SecretIsLost:
        return None


def _validate(details: RegistryDetails) -> None:
    if not re.fullmatch(NAME_PATTERN, details.name) or len(details.name) > 63:
        raise RegistryRefused("name", f"“{details.name}” is no usable name. {SLUG.message}")
    if details.name in TAKEN_NAMES:
        raise RegistryRefused(
            "name", f"“{details.name}” is an address of the dashboard itself; choose another name."
        )
    validate_terms(details)


def validate_terms(details: RegistryDetails) -> None:
    """Raise RegistryRefused where a registry cannot be asked as the details say; the name does not
    matter.
    """
    try:
        endpoint_of(details)
    except InvalidEndpoint as error:
        raise RegistryRefused(error.part, str(error)) from error
    if details.dialect != AUTO and details.dialect not in DIALECTS:
        known = ", ".join([AUTO, *sorted(DIALECTS)])
        raise RegistryRefused(
            "dialect", f"“{details.dialect}” is no known dialect; choose one of {known}."
        )
    if details.secret and not details.username:
        raise RegistryRefused(
            "username", "A password or token needs a user name; most token schemes accept any."
        )
    if not 1 <= details.concurrency <= 256:
        raise RegistryRefused("concurrency", "Choose between 1 and 256 requests at once.")
    if details.requests_per_second is not None and not 0.1 <= details.requests_per_second <= 10_000:
        raise RegistryRefused(
            "requests_per_second", "Choose between 0.1 and 10,000 requests per second, or none."
        )
    if not 0 < details.vanish_share <= 1:
        raise RegistryRefused("vanish_share", "Choose a share above 0 and up to 1.")
    if details.sync_interval is not None and details.sync_interval < timedelta(seconds=10):
        raise RegistryRefused("sync_interval", "Choose ten seconds or more between syncs, or none.")
    for path in details.follow:
        if not is_valid_path(path.rstrip("/")):
            raise RegistryRefused(
                "follow",
                f"“{path}” is no repository path or namespace; write it as team/app or team/.",
            )


def endpoint_of(registry: Registry | RegistryDetails) -> Endpoint:
    """Where a registry is, and on what terms we talk to it. Raises InvalidEndpoint.

    An address that an admin wrote with http:// is their leave to speak plain HTTP to it.
    """
    endpoint = Endpoint(
        registry.url,
        token_realm=registry.token_realm or None,
        ca_certificate=registry.ca_certificate or None,
        verify_tls=registry.verify_tls,
        allow_http=registry.url.lower().startswith("http://"),
    )
    _ = endpoint.tls  # Read here, where who asks expects InvalidEndpoint.
    return endpoint


def _apply(registry: Registry, details: RegistryDetails) -> list[str]:
    """Put onto the registry what the details say. Returns the fields to save; the secret is among
    them even if it stays, since the newest key encrypts it anew.
    """
    said = _said(details)
    for name, value in said.items():
        setattr(registry, name, value)
    if details.secret is not None:
        registry.secret = details.secret
    return [*said, "secret"]


def _said(details: RegistryDetails) -> dict[str, object]:
    """The details as a registry's fields hold them, without the secret."""
    return {
        "url": details.url.rstrip("/").removesuffix("/v2"),
        "username": details.username,
        "dialect": details.dialect,
        "token_realm": details.token_realm,
        "ca_certificate": details.ca_certificate,
        "verify_tls": details.verify_tls,
        "concurrency": details.concurrency,
        "requests_per_second": details.requests_per_second,
        "sync_interval": details.sync_interval,
        "check_interval": details.check_interval,
        "follow": list(details.follow),
        "vanish_share": details.vanish_share,
        "deletion_allowed": details.deletion_allowed,
        "deletion_needs_second_person": details.deletion_needs_second_person,
    }


def _changes(registry: Registry, details: RegistryDetails) -> dict[str, object]:
    """What the audit trail says of a change: each field that differs, from what to what; of the
    secret only that it does.
    """
    new = _said(details)
    old = _public({name: getattr(registry, name) for name in new})
    changes: dict[str, object] = {
        name: {"from": old[name], "to": value}
        for name, value in _public(new).items()
        if value != old[name]
    }
    if details.secret is not None and details.secret != _stored_secret(registry):
        changes["secret"] = "changed"
    return changes


def _public(said: Mapping[str, object]) -> dict[str, object]:
    """The fields as the audit trail holds them: intervals in seconds, a certificate authority by
    the hash of its text.
    """
    found: dict[str, object] = {}
    for name, value in said.items():
        if name.endswith("_interval"):
            seconds = int(value.total_seconds()) if isinstance(value, timedelta) else None
            found[f"{name}_seconds"] = seconds
        elif name == "ca_certificate" and value:
            found[name] = f"sha256:{sha256(str(value).encode()).hexdigest()}"
        else:
            found[name] = value
    return found


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: who is sent what is secret. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
