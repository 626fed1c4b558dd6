"""What the record holds of a scope, as plain values: all that a plan is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from registry_browser.deletion.graph import Node
from registry_browser.models import BlobRole


@dataclass(frozen=True, slots=True)
class KnownManifest:
    """A manifest of the record. `what` says it in a word or two, "linux/amd64", "index of 2"; empty
    where a tag reaches it.

    `problem` is why it could not be read; what it needs is then unknown.
    """

    digest: str
    what: str
    media_type: str
    node: Node
    problem: str = ""


@dataclass(frozen=True, slots=True)
class KnownPresence:
    """A manifest in a repository. `dangling` says that by the record's own closure no tag reaches
    it; whether something else keeps it, the plan finds out.
    """

    manifest: KnownManifest
    dangling: bool
    first_seen_at: datetime
    pushed_at: datetime | None = None
    untagged_since: datetime | None = None

    @property
    def settled_at(self) -> datetime:
        return settled_at(self.first_seen_at, self.pushed_at, self.untagged_since)


def settled_at(
    first_seen_at: datetime, pushed_at: datetime | None, untagged_since: datetime | None
) -> datetime:
    """Since when a presence is as it is: first seen, pushed, or untagged, whichever was last. A
    build date says nothing here: reproducible builds are born in 1970.
    """
    return max(moment for moment in (first_seen_at, pushed_at, untagged_since) if moment)


@dataclass(frozen=True, slots=True)
class KnownRepository:
    """A repository in scope. `incomplete` says why the record does not hold all of it, if so."""

    path: str
    tags: Mapping[str, str]
    presences: Mapping[str, KnownPresence]
    tags_complete_at: datetime | None
    incomplete: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A protection. An empty `path` is the whole registry, an empty `digest` all that is there."""

    path: str
    digest: str
    reason: str
    actor: str

    def covers(self, path: str) -> bool:
        """Whether the repository `path` is the place named, or below it."""
        return not self.path or path == self.path or path.startswith(f"{self.path}/")


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that the registry stores under a digest, once, and what they are."""

    size: int
    role: BlobRole


@dataclass(frozen=True, slots=True)
class Known:
    """What the record holds of a scope.

    `holdings` maps each dangling manifest to the digests the registry must keep for it;
    `stored` says how large those are, and `references` how many presences of the whole registry
    hold each, or that it is more than can go. `needed_by` names, for (path, digest), another
    repository with an index that names this manifest and does not have it itself.
    """

    repositories: tuple[KnownRepository, ...]
    locks: tuple[Lock, ...] = ()
    holdings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    stored: Mapping[str, Stored] = field(default_factory=dict)
    references: Mapping[str, int] = field(default_factory=dict)
    needed_by: Mapping[tuple[str, str], str] = field(default_factory=dict)
