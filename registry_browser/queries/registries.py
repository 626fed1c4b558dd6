"""Registries with their figures and health."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import Registry, RegistryState, Repository
from registry_browser.oci.dialects import DIALECTS
from registry_browser.queries.runs import active_runs
from registry_browser.queries.trends import Trend, stored_trends

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from registry_browser.models import User
    from registry_browser.queries.run_rows import RunRow

_LOOKS = {
    RegistryState.NEW: "unchecked",
    RegistryState.HEALTHY: "healthy",
    RegistryState.INCOMPLETE: "incomplete",
    RegistryState.UNREACHABLE: "unreachable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRow:
    """A registry as lists show it. `look` names its state; `run` is what works on it."""

    pk: int
    name: str
    host: str
    dialect: str
    state: str
    state_since: datetime | None
    reason: str
    synced_at: datetime | None
    next_sync_at: datetime | None
    complete: bool
    repositories: int
    incomplete: int
    tags: int
    manifests: int
    dangling: int
    apparent_bytes: int
    stored_bytes: int
    reclaimable_bytes: int
    trend: Trend | None
    run: RunRow | None

    @property
    def is_read(self) -> bool:
        """Whether its figures say anything: zero is not the same as not known."""
        return self.synced_at is not None or self.repositories > 0

    @property
    def look(self) -> str:
        return _LOOKS[RegistryState(self.state)]

    @property
    def others_incomplete(self) -> int:
        """How many there are besides the one that is named."""
        return max(0, self.incomplete - 1)

    @property
    def health(self) -> str:
        """The state in a few words."""
        match self.state:
            case RegistryState.NEW:
                return "Not synced yet"
            case RegistryState.INCOMPLETE if self.incomplete:
                noun = "repository" if self.incomplete == 1 else "repositories"
                return f"{self.incomplete:,} {noun} incomplete"
            case _:
                return str(RegistryState(self.state).label)


@dataclass(frozen=True, slots=True)
class IncompleteRow:
    """The first repository of a registry that could not be read, and why."""

    registry_id: int
    path: str
    reason: str


def registry_rows(user: User, now: datetime) -> list[RegistryRow]:
    """Every registry that `user` sees, by name, with its trend and what works on it."""
    registries = list(Registry.objects.visible_to(user).defer("secret", "ca_certificate"))
    trends = stored_trends([registry.pk for registry in registries], now)
    runs = {run.registry: run for run in active_runs(user, now)}
    return [
        RegistryRow(
            pk=registry.pk,
            name=registry.name,
            host=registry.host,
            dialect=dialect_title(registry),
            state=registry.state,
            state_since=registry.state_since,
            reason=registry.state_reason,
            synced_at=registry.synced_at,
            next_sync_at=registry.next_sync_at,
            complete=registry.complete,
            repositories=registry.repository_count,
            incomplete=registry.incomplete_count,
            tags=registry.tag_count,
            manifests=registry.manifest_count,
            dangling=registry.dangling_count,
            apparent_bytes=registry.apparent_bytes,
            stored_bytes=registry.stored_bytes,
            reclaimable_bytes=registry.reclaimable_bytes,
            trend=trends.get(registry.pk),
            run=runs.get(registry.name),
        )
        for registry in registries
    ]


def dialect_title(registry: Registry) -> str:
    """What the registry is, in words; "" until it has been found out."""
    dialect = DIALECTS.get(registry.dialect)
    return dialect.title if dialect else ""


def first_incomplete(registries: Iterable[int]) -> dict[int, IncompleteRow]:
    """For each registry, the first repository by path that is incomplete with a reason."""
    rows = (
        Repository.objects.filter(
            registry__in=list(registries), complete=False, gone_at=None, synced_at__isnull=False
        )
        .exclude(incomplete_reason="")
        .order_by("registry_id", "path")
        .distinct("registry_id")
    )
    return {
        registry: IncompleteRow(registry, path, reason)
        for registry, path, reason in rows.values_list("registry_id", "path", "incomplete_reason")
    }
