"""What the record should say, recomputed naively from what the fake registry holds.

Nothing here looks at the product's SQL: sets and sums in Python, repository by repository.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry_browser.models import PresenceState

if TYPE_CHECKING:
    from tests.builders import Built

TAGGED, CHILD, REFERRER, DANGLING, KEPT = PresenceState
_RANK = {state: rank for rank, state in enumerate((TAGGED, CHILD, REFERRER, KEPT, DANGLING))}


@dataclass
class Expected:
    """One registry as it must be recorded: tags and present manifests of each repository."""

    built: dict[str, Built] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    present: dict[str, set[str]] = field(default_factory=dict)

    def sees(self, path: str, tags: dict[str, str]) -> None:
        """A sync saw these tags: what they point to is present, with all that it names."""
        self.tags[path] = tags
        present = self.present.setdefault(path, set())
        for digest in tags.values():
            present |= {each.digest for each in self.built[digest].walk()}

    def finds_gone(self, path: str, held: set[str]) -> None:
        """A full check asked for everything."""
        self.present[path] &= held

    def states(self, path: str) -> dict[str, PresenceState]:
        """The closure from the tags over children and referrers, one step at a time; what a tag is
        attached to, and the subject of what stays, are kept.
        """
        present = self.present[path]
        states = dict.fromkeys(present, DANGLING)
        for name in self.tags[path]:
            algorithm, _, rest = name.partition("-")
            if (named := f"{algorithm}:{rest.partition('.')[0]}") in present:
                states[named] = KEPT
        for digest in self.tags[path].values():
            states[digest] = TAGGED
        changed = True
        while changed:
            changed = False
            for digest in present:
                for target, edge in self._edges(digest, present):
                    state = KEPT if states[digest] == KEPT else edge
                    if states[digest] != DANGLING and _RANK[states[target]] > _RANK[state]:
                        states[target] = state
                        changed = True
        return states

    def _edges(self, digest: str, present: set[str]) -> list[tuple[str, PresenceState]]:
        children = [(child.digest, CHILD) for child in self.built[digest].children]
        referrers = [(other, REFERRER) for other in present if self._subject(other) == digest]
        subject = [(self._subject(digest), KEPT)]
        edges = (*children, *referrers, *subject)
        return [(target, state) for target, state in edges if target in present]

    def _subject(self, digest: str) -> str:
        subject = self.built[digest].document.get("subject")
        return subject["digest"] if subject else ""

    def blobs(self, digest: str) -> dict[str, int]:
        """Digest → stored bytes of everything that one manifest keeps, its own body included."""
        built = self.built[digest]
        sizes = {blob.digest: blob.size if blob.stored else 0 for blob in built.blobs}
        return {**sizes, digest: len(built.body)}

    def apparent(self, path: str) -> int:
        return sum(
            sum({blob.digest: blob.size for blob in self.built[digest].blobs}.values())
            + len(self.built[digest].body)
            for digest in self.present[path]
        )

    def holders(self) -> dict[str, set[str]]:
        """Blob → repositories that hold it."""
        found: dict[str, set[str]] = {}
        for path, present in self.present.items():
            for digest in present:
                for blob in self.blobs(digest):
                    found.setdefault(blob, set()).add(path)
        return found

    def live_holders(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path in self.present:
            for digest, state in self.states(path).items():
                if state != DANGLING:
                    for blob in self.blobs(digest):
                        found.setdefault(blob, set()).add(path)
        return found

    def bytes_of(self, paths: set[str]) -> dict[str, int]:
        """Stored, exclusive and reclaimable bytes of a set of repositories."""
        sizes: dict[str, int] = {}
        for path in paths:
            for digest in self.present[path]:
                sizes |= self.blobs(digest)
        holders, live = self.holders(), self.live_holders()
        exclusive = {blob for blob in sizes if holders[blob] <= paths}
        return {
            "stored_bytes": sum(sizes.values()),
            "exclusive_bytes": sum(sizes[blob] for blob in exclusive),
            "reclaimable_bytes": sum(sizes[blob] for blob in exclusive if not live.get(blob)),
        }

    def counts_of(self, paths: set[str]) -> dict[str, int]:
        return {
            "tag_count": sum(len(self.tags[path]) for path in paths),
            "manifest_count": sum(len(self.present[path]) for path in paths),
            "dangling_count": sum(
                list(self.states(path).values()).count(DANGLING) for path in paths
            ),
            "apparent_bytes": sum(self.apparent(path) for path in paths),
        }
