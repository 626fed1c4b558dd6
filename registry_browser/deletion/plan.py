"""What may be deleted, why, and what it brings. Pure: the record's values in, a plan out.

A manifest may go when nothing that stays needs it. What stays is found from the ground up: whatever
a tag points to, whatever is locked, too young, unreadable or not chosen, and from there everything
tied to it (`graph`). All else that is dangling goes, in one set whose bytes are counted as a set.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from registry_browser.deletion.graph import Graph, attached_to, deletion_order
from registry_browser.deletion.known import (
    Known,
    KnownManifest,
    KnownPresence,
    KnownRepository,
    Lock,
)
from registry_browser.models import BlobRole, KeptBecause

LISTING_TRUSTED_FOR = timedelta(days=1)
"""A repository whose tags were last seen completely longer ago contributes nothing."""

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One deletion, with its chain of reasons."""

    path: str
    manifest: KnownManifest
    reasons: tuple[str, ...]
    because_of: str
    depth: int
    bytes_alone: int


@dataclass(frozen=True, slots=True)
class KeptManifest:
    """A manifest without a tag that stays, why, and the digest that holds it, if one does."""

    path: str
    digest: str
    because: KeptBecause
    reason: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class SetBytes:
    """What a set of deletions frees, by role: how many blobs, and their bytes."""

    blobs: Mapping[BlobRole, int]
    bytes: Mapping[BlobRole, int]

    @property
    def total(self) -> int:
        return sum(self.bytes.values())


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it: what goes, in order; what stays; what comes back."""

    items: tuple[PlannedItem, ...]
    kept: tuple[KeptManifest, ...]
    frees: SetBytes
    unusable: tuple[tuple[str, str], ...]
    """Repositories that contribute nothing, each with the sentence that says why."""


def make_plan(
    known: Known, *, now: datetime, grace: timedelta, digests: Iterable[str] = ()
) -> Plan:
    """The plan for a scope, or for the manifests of it that are chosen in `digests`, with what
    they free.
    """
    chosen = frozenset(digests)
    items: list[PlannedItem] = []
    kept: list[KeptManifest] = []
    unusable: list[tuple[str, str]] = []
    for repository in sorted(known.repositories, key=lambda each: each.path):
        decision = _Decision(known, repository, now, grace, chosen)
        if why := _why_unusable(repository, now):
            unusable.append((repository.path, why))
            kept += decision.all_kept(KeptBecause.INCOMPLETE, why)
        else:
            items += decision.items()
            kept += decision.kept()
    frees = freed_by([(item.path, item.manifest.digest) for item in items], known)
    return Plan(tuple(items), tuple(kept), frees, tuple(unusable))


def freed_by(items: Sequence[tuple[str, str]], known: Known) -> SetBytes:
    """What comes back when these (path, digest) are gone: all that nothing else holds."""
    released = Counter(blob for _, digest in items for blob in known.holdings.get(digest, ()))
    free = [
        known.stored[blob] for blob, count in released.items() if count == known.references[blob]
    ]
    blobs, sizes = Counter[BlobRole](), Counter[BlobRole]()
    for each in free:
        blobs[each.role] += 1
        sizes[each.role] += each.size
    return SetBytes(blobs, sizes)


def _why_unusable(repository: KnownRepository, now: datetime) -> str:
    if repository.incomplete:
        return f"The record of this repository is incomplete: {repository.incomplete}"
    if repository.tags_complete_at is None:
        return "Its tags were never listed completely."
    if now - repository.tags_complete_at > LISTING_TRUSTED_FOR:
        return (
            f"Its tags were last listed completely on {moment(repository.tags_complete_at)}; "
            "sync it first."
        )
    return ""


class _Decision:
    """What becomes of one repository."""

    def __init__(
        self,
        known: Known,
        repository: KnownRepository,
        now: datetime,
        grace: timedelta,
        chosen: frozenset[str],
    ) -> None:
        self._known = known
        self._repository = repository
        self._presences = repository.presences
        self._now = now
        self._grace = grace
        self._graph = Graph(
            {digest: presence.manifest.node for digest, presence in self._presences.items()}
        )
        self._names: dict[str, list[str]] = {}
        for name in sorted(repository.tags):
            self._names.setdefault(repository.tags[name], []).append(name)
        self._live = self._graph.live(repository.tags.values())
        # Children and referrers of what is chosen go along, or they would be left as garbage that
        # nobody chose.
        self._chosen = self._graph.with_all_below(chosen) if chosen else frozenset(self._presences)
        self._own_reasons = self._find_own_reasons()
        self._stays = self._graph.kept_by(
            digest
            for digest in self._presences
            if digest in self._live
            or digest in self._own_reasons
            or digest not in self._chosen
            or not self._presences[digest].dangling
        )
        self._goes = [digest for digest in self._presences if digest not in self._stays]

    def items(self) -> list[PlannedItem]:
        goes = frozenset(self._goes)
        return [
            PlannedItem(
                self._repository.path,
                self._presences[digest].manifest,
                self._reasons(digest, goes),
                because_of,
                depth,
                self._bytes_alone(digest),
            )
            for digest, because_of, depth in deletion_order(self._graph, self._oldest_first())
        ]

    def kept(self) -> list[KeptManifest]:
        """What has no tag of its own, and stays. Of a selection, only what was chosen."""
        return [
            self._why_kept(digest)
            for digest in self._presences
            if digest in self._stays and digest in self._chosen and digest not in self._names
        ]

    def all_kept(self, because: KeptBecause, why: str) -> list[KeptManifest]:
        """Whatever is dangling here, for one reason."""
        return [
            KeptManifest(self._repository.path, digest, because, why)
            for digest, presence in self._presences.items()
            if presence.dangling and digest in self._chosen
        ]

    def _oldest_first(self) -> list[str]:
        return sorted(self._goes, key=lambda each: (self._presences[each].settled_at, each))

    def _find_own_reasons(self) -> dict[str, tuple[KeptBecause, str, str]]:
        """Why a manifest stays by itself, whatever it is tied to."""
        found: dict[str, tuple[KeptBecause, str, str]] = {}
        for tag, target in self._repository.tags.items():
            if (digest := attached_to(tag, self._presences)) is not None:
                reason = f"The tag {tag} is attached to it."
                found[digest] = (KeptBecause.ATTACHED, reason, target)
        locks = [lock for lock in self._known.locks if lock.covers(self._repository.path)]
        for digest, presence in self._presences.items():
            if (own := self._own_reason(digest, presence, locks)) is not None:
                found[digest] = own
        return found

    def _own_reason(
        self, digest: str, presence: KnownPresence, locks: Sequence[Lock]
    ) -> tuple[KeptBecause, str, str] | None:
        for lock in locks:
            if lock.digest in ("", digest):
                where = "" if lock.digest else f" with all of {lock.path or 'the registry'}"
                reason = f"Locked by {lock.actor}{where}: “{lock.reason}”"
                return KeptBecause.LOCKED, reason, ""
        if problem := presence.manifest.problem:
            reason = f"It could not be parsed ({presence.manifest.media_type}): {problem}"
            return KeptBecause.UNPARSED, reason, ""
        if elsewhere := self._known.needed_by.get((self._repository.path, digest)):
            reason = f"An index in {elsewhere} names it, and {elsewhere} does not hold it itself."
            return KeptBecause.ELSEWHERE, reason, ""
        if self._now - presence.settled_at < self._grace:
            reason = (
                f"Younger than the grace period of {hours(self._grace)}: "
                f"{self._settled(presence)} {moment(presence.settled_at)}. "
                f"It may go after {moment(presence.settled_at + self._grace)}."
            )
            return KeptBecause.YOUNG, reason, ""
        return None

    def _settled(self, presence: KnownPresence) -> str:
        if presence.settled_at == presence.untagged_since:
            return "untagged since"
        return "pushed" if presence.settled_at == presence.pushed_at else "first seen"

    def _why_kept(self, digest: str) -> KeptManifest:
        path = self._repository.path
        if digest in self._live:
            return self._tied(digest, self._live[digest], "live ")
        if digest in self._own_reasons:
            because, reason, holder = self._own_reasons[digest]
            return KeptManifest(path, digest, because, reason, holder)
        if not self._presences[digest].dangling:
            reason = "The record counts it as live."
            return KeptManifest(path, digest, KeptBecause.ELSEWHERE, reason)
        return self._tied(digest, self._stays[digest], "")

    def _tied(self, digest: str, holder: str, live: str) -> KeptManifest:
        """Kept by what holds it: an index, a subject, or (what is kept keeps its subject) a
        referrer.
        """
        path, stays = self._repository.path, "" if live else ", which stays"
        if digest in self._graph.nodes[holder].children:
            reason = f"Child of a {live}index{self._tags_of(holder)}{stays}."
            return KeptManifest(path, digest, KeptBecause.CHILD, reason, holder)
        if self._graph.nodes[digest].subject == holder:
            reason = f"Refers to a {live}subject{self._tags_of(holder)}{stays}."
            return KeptManifest(path, digest, KeptBecause.REFERRER, reason, holder)
        reason = f"A manifest{self._tags_of(holder)} refers to it and stays."
        return KeptManifest(path, digest, KeptBecause.SUBJECT, reason, holder)

    def _tags_of(self, digest: str) -> str:
        names = self._names.get(digest)
        if not names:
            return ""
        more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        return f" tagged {names[0]}{more}"

    def _reasons(self, digest: str, goes: frozenset[str]) -> tuple[str, ...]:
        presence = self._presences[digest]
        parents = self._graph.parents.get(digest, [])
        subject = self._graph.nodes[digest].subject
        if presence.untagged_since:
            tagged = f"untagged since {moment(presence.untagged_since)}"
        else:
            tagged = f"never tagged since first seen on {moment(presence.first_seen_at)}"
        match len(parents):
            case 0:
                child = "child of no index"
            case 1:
                child = "its only index is in this plan"
            case _:
                child = f"all {len(parents)} indexes that name it are in this plan"
        if subject in goes:
            refers = "its subject is in this plan"
        elif subject:
            refers = "its subject is not here any more"
        else:
            refers = "refers to no live subject"
        held = len(self._graph.referrers.get(digest, []))
        about = (f"its {held:,} referrers go along" if held > 1 else "its referrer goes along",)
        # What goes because of something else is explained by that.
        chain = [] if parents or subject in goes else [tagged]
        chain += [] if subject in goes and not parents else [child]
        chain += [refers, *(about if held else ())]
        chain += [f"older than {hours(self._grace)}"] if self._grace else []
        return tuple(chain)

    def _bytes_alone(self, digest: str) -> int:
        known = self._known
        return sum(
            known.stored[blob].size
            for blob in known.holdings.get(digest, ())
            if known.references[blob] == 1
        )


def moment(at: datetime) -> str:
    """`2 Mar 2026 14:05 UTC`."""
    return f"{at.day} {at:%b %Y %H:%M} UTC"


def hours(grace: timedelta) -> str:
    """`24 h`, `30 min`, `7 days`."""
    seconds = round(grace.total_seconds())
    if seconds % 86400 == 0 and seconds > 86400:
        return f"{seconds // 86400} days"
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def read_grace(text: str) -> timedelta:
    """`90s`, `30m`, `24h`, `7d` as a time; a bare number is seconds. Raises ValueError."""
    number, unit = text.strip()[:-1], text.strip()[-1:]
    if unit.isdigit():
        number, unit = text.strip(), "s"
    if not (number.isascii() and number.isdigit() and len(number) < 9) or unit not in _UNITS:
        raise ValueError(f"“{text[:20]}” is no time; write it as 30m, 24h or 7d.")
    return int(number) * _UNITS[unit]
