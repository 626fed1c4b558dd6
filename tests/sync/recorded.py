"""What the record says, in the words of the registry: names and digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.models import (
    Presence,
    PresenceState,
    Registry,
    Repository,
    SyncItem,
    SyncRun,
    Tag,
    TagEvent,
)

if TYPE_CHECKING:
    from tests.fake_registry import FakeRegistry


def tags(registry: Registry) -> dict[tuple[str, str], str]:
    """Repository and tag → digest."""
    rows = Tag.objects.filter(repository__registry=registry).values_list(
        "repository__path", "name", "manifest__digest"
    )
    return {(path, name): digest for path, name, digest in rows}


def served_tags(fake: FakeRegistry) -> dict[tuple[str, str], str]:
    """The same, as the fake registry holds it."""
    return {(path, name): digest for path, name, digest in fake.store.all_tags()}


def repository(registry: Registry, path: str) -> Repository:
    return Repository.objects.get(registry=registry, path=path)


def states(registry: Registry, path: str) -> dict[str, PresenceState]:
    """Digest → state of everything that is present in a repository."""
    rows = Presence.objects.filter(
        repository__registry=registry, repository__path=path, gone_at=None
    ).values_list("manifest__digest", "state")
    return {digest: PresenceState(state) for digest, state in rows}


def gone(registry: Registry, path: str) -> set[str]:
    """Digests that were seen to be gone from a repository."""
    rows = Presence.objects.filter(repository__registry=registry, repository__path=path)
    return set(rows.exclude(gone_at=None).values_list("manifest__digest", flat=True))


def events(registry: Registry) -> list[tuple[str, str, str]]:
    """Repository, tag and what happened to it, in order."""
    rows = TagEvent.objects.filter(registry_id=registry.pk).order_by("id")
    return list(rows.values_list("path", "tag", "kind"))


def item(run: SyncRun, path: str) -> SyncItem:
    return SyncItem.objects.get(run=run, path=path)


def problems(registry: Registry, path: str) -> str:
    """All sentences about single tags and manifests of a repository."""
    return " ".join(problem["reason"] for problem in repository(registry, path).problems)


def everything(registry: Registry) -> dict[str, object]:
    """All that a failure must leave as it was: tags, presences, figures and the trail."""
    registry.refresh_from_db()
    figures = (
        "repository_count",
        "tag_count",
        "manifest_count",
        "dangling_count",
        "apparent_bytes",
        "stored_bytes",
        "reclaimable_bytes",
    )
    of_repositories = (
        "path",
        "gone_at",
        "tag_count",
        "manifest_count",
        "dangling_count",
        "apparent_bytes",
        "stored_bytes",
        "exclusive_bytes",
        "reclaimable_bytes",
    )
    return {
        "tags": tags(registry),
        "presences": set(
            Presence.objects.filter(repository__registry=registry).values_list(
                "repository__path", "manifest__digest", "state", "gone_at"
            )
        ),
        "events": events(registry),
        "registry": {name: getattr(registry, name) for name in figures},
        "repositories": set(
            Repository.objects.filter(registry=registry).values_list(*of_repositories)
        ),
    }
