"""The manifests of one repository as a list: each with its state, what it is, and why it is here.

Untagged is not unused: a child is reached through its index, a referrer through its subject. Only
what is left is dangling, unless something else keeps it (`PresenceState`), or unparsed where we
could not even read what it refers to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q, QuerySet

from registry_browser.models import Manifest, ManifestKind, Presence, PresenceState, Repository, Tag
from registry_browser.oci.mediatypes import artifact_name
from registry_browser.queries.exclusive import ManifestSet, exclusive_bytes, reach
from registry_browser.queries.neighbours import parents_of, referrers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

PAGE = 50
CSV_PAGE = 500

STATES = ("tagged", "child", "referrer", "dangling", "kept", "unparsed", "gone")
UNTAGGED = ("child", "referrer", "dangling", "kept", "unparsed")
USUAL = ("child", "referrer", "dangling")
"""Those that are worth a place in a filter even where there is none."""
ORDERINGS = {
    "-seen": ("-first_seen_at", "-id"),
    "seen": ("first_seen_at", "id"),
    "-size": ("-manifest__content_bytes", "-id"),
    "size": ("manifest__content_bytes", "id"),
}

_COSIGN_TAG = re.compile(r"^sha256-([0-9a-f]{64})\.[a-z]+$")
"""What stands for a subject where a registry has no referrers API (cosign's signature spec)."""

_UNPARSED = Q(state=PresenceState.DANGLING, manifest__kind=ManifestKind.UNPARSED)
_IN_STATE = {
    "tagged": Q(state=PresenceState.TAGGED, gone_at=None),
    "child": Q(state=PresenceState.CHILD, gone_at=None),
    "referrer": Q(state=PresenceState.REFERRER, gone_at=None),
    "dangling": Q(state=PresenceState.DANGLING, gone_at=None)
    & ~Q(manifest__kind=ManifestKind.UNPARSED),
    "kept": Q(state=PresenceState.KEPT, gone_at=None),
    "unparsed": Q(gone_at=None) & _UNPARSED,
    "gone": Q(gone_at__isnull=False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRow:
    """One manifest in one repository.

    `size_bytes` and `exclusive_bytes` are of the manifest with all that it reaches over index →
    child; the first counts layers and configs, the second bodies too. Lists of digests and tags
    name a few, the counts say how many.
    """

    digest: str
    kind: str
    media_type: str
    artifact_type: str
    body_bytes: int
    state: str
    what: str
    platform: str
    problem: str
    subject: str
    size_bytes: int
    exclusive_bytes: int
    tags: list[str]
    parents: list[str]
    parent_count: int
    referrers: list[str]
    image_created_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    pushed_at: datetime | None
    untagged_since: datetime | None
    gone_at: datetime | None

    @property
    def refers_to(self) -> str:
        """Its subject; else what cosign's tag of it names; empty where it refers to nothing."""
        tagged = (_COSIGN_TAG.match(name) for name in self.tags)
        return self.subject or next((f"sha256:{found[1]}" for found in tagged if found), "")

    @property
    def reasons(self) -> list[str]:
        """Why a dangling manifest is held to be that, beside since when it is untagged."""
        if self.subject:
            return ["refers to no live subject"]
        return ["child of no live index" if self.parents else "child of no index"]


@dataclass(frozen=True, slots=True)
class StateCounts:
    """How many present manifests of a repository are in which state; `unparsed` are not counted as
    dangling.
    """

    tagged: int
    child: int
    referrer: int
    dangling: int
    kept: int
    unparsed: int

    @property
    def untagged(self) -> int:
        return self.child + self.referrer + self.dangling + self.kept + self.unparsed

    @property
    def reached(self) -> int:
        return self.child + self.referrer


@dataclass(frozen=True, slots=True)
class ManifestPage:
    """One page of manifests; `total` counts all pages. `counts` go with a page of untagged ones."""

    rows: list[ManifestRow]
    total: int
    page: int
    size: int
    counts: StateCounts | None = None

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)

    @property
    def more(self) -> bool:
        return self.last < self.total


def state_of(presence: Presence) -> str:
    """One of STATES."""
    if presence.gone_at is not None:
        return "gone"
    if presence.state == PresenceState.DANGLING and presence.manifest.kind == ManifestKind.UNPARSED:
        return "unparsed"
    return PresenceState(presence.state).name.lower()


def what_it_is(manifest: Manifest, child_count: int = 0) -> str:
    """What people call it: `linux/amd64`, `index of 2`, `SPDX SBOM`, or the bare artifact type."""
    if manifest.kind == ManifestKind.UNPARSED:
        return "unknown type"
    if named := artifact_name(manifest.artifact_type):
        return named
    if manifest.kind == ManifestKind.INDEX:
        return f"index of {child_count}" if child_count else "empty index"
    if manifest.kind == ManifestKind.ARTIFACT:
        return manifest.artifact_type or "artifact"
    return manifest.platform or (
        "schema 1 image" if manifest.kind == ManifestKind.SCHEMA1 else "image"
    )


def state_counts(repository: Repository) -> StateCounts:
    """The counts behind the state filter; two statements."""
    present = Presence.objects.filter(repository=repository, gone_at=None)
    counted = dict(present.order_by().values_list("state").annotate(Count("pk")))
    unparsed = present.filter(_UNPARSED).count() if counted.get(PresenceState.DANGLING) else 0
    return StateCounts(
        tagged=counted.get(PresenceState.TAGGED, 0),
        child=counted.get(PresenceState.CHILD, 0),
        referrer=counted.get(PresenceState.REFERRER, 0),
        dangling=counted.get(PresenceState.DANGLING, 0) - unparsed,
        kept=counted.get(PresenceState.KEPT, 0),
        unparsed=unparsed,
    )


def untagged_count(repository: Repository) -> int:
    """How many present manifests have no tag of their own; one look into an index."""
    return _untagged(repository).count()


def _untagged(repository: Repository) -> QuerySet[Presence]:
    """All of them, without a look at what they are."""
    beside_tagged = set(PresenceState) - {PresenceState.TAGGED}
    return Presence.objects.filter(repository=repository, gone_at=None, state__in=beside_tagged)


def matching(repository: Repository, *states: str) -> QuerySet[Presence]:
    """The presences in any of these states; without one, all that are present."""
    found = Presence.objects.filter(repository=repository)
    if not states:
        return found.filter(gone_at=None)
    wanted = Q()
    for state in states:
        wanted |= _IN_STATE[state]
    return found.filter(wanted)


def untagged(
    repository: Repository,
    *,
    state: str = "",
    ordering: str = "-seen",
    page: int = 1,
    size: int = PAGE,
) -> ManifestPage:
    """One page of what is present without a tag, newest first; `state` is one of UNTAGGED, or empty
    for all.
    """
    states = (state,) if state in UNTAGGED else UNTAGGED
    counts = state_counts(repository)
    total = sum(getattr(counts, each) for each in states)
    found = matching(repository, state) if state in UNTAGGED else _untagged(repository)
    return _page(repository, found, ordering, page, size, total, counts)


def every_untagged(
    repository: Repository, *, state: str = "", ordering: str = "-seen"
) -> Iterator[ManifestRow]:
    """All of them, read a page at a time; memory stays bounded."""
    number = 1
    while True:
        page = untagged(repository, state=state, ordering=ordering, page=number, size=CSV_PAGE)
        yield from page.rows
        if page.last >= page.total or not page.rows:
            return
        number += 1


def referrer_count(repository: Repository) -> int:
    """How many present manifests refer to another one."""
    return _referring(repository).count()


def _referring(repository: Repository) -> QuerySet[Presence, Any]:
    """Ids of what names a subject, and of what cosign tagged `sha256-<hex>.sig` and the like
    instead.

    A union, so that each half is found by its own index, of what is here alone: all that names a
    subject anywhere in a registry is a thousand times as much.
    """
    here = matching(repository).order_by().values("pk")
    by_tag = Tag.objects.filter(
        repository=repository,
        name__gte="sha256-",
        name__lt="sha256.",
        name__regex=_COSIGN_TAG.pattern,
    )
    by_subject = here.filter(manifest__registry=repository.registry_id, manifest__subject__gt="")
    return by_subject.union(here.filter(manifest__in=by_tag.order_by().values("manifest")))


def referrers(repository: Repository, *, ordering: str = "-seen", page: int = 1) -> ManifestPage:
    """One page of the present manifests that refer to another one, live or not."""
    found = matching(repository).filter(pk__in=_referring(repository))
    return _page(repository, found, ordering, page, PAGE, found.count())


def _page(
    repository: Repository,
    found: QuerySet[Presence],
    ordering: str,
    page: int,
    size: int,
    total: int,
    counts: StateCounts | None = None,
) -> ManifestPage:
    start = (page - 1) * size
    order = ORDERINGS.get(ordering, ORDERINGS["-seen"])
    # Sorting narrow rows, then reading one page of wide ones, takes a third of the time.
    chosen = list(found.order_by(*order).values_list("pk", flat=True)[start : start + size])
    listed = Presence.objects.filter(pk__in=chosen).order_by(*order)
    return ManifestPage(manifest_rows(repository, listed), total, page, size, counts)


def manifest_rows(repository: Repository, found: QuerySet[Presence]) -> list[ManifestRow]:
    """Rows for these presences, in their order: a constant number of statements, however many they
    are.
    """
    listed = list(found.select_related("manifest"))
    manifests = [presence.manifest for presence in listed]
    reached = reach([manifest.pk for manifest in manifests])
    members = {member for each in reached.values() for member in each}
    content = dict(Manifest.objects.filter(pk__in=members).values_list("pk", "content_bytes"))
    exclusive = exclusive_bytes([ManifestSet.of(reached[manifest.pk]) for manifest in manifests])
    parents = parents_of(repository, [manifest.digest for manifest in manifests])
    subjects = referrers_of(repository, [manifest.digest for manifest in manifests])
    names = _tags_of(repository, [manifest.pk for manifest in manifests])
    counts = _child_counts(manifests)
    return [
        ManifestRow(
            digest=manifest.digest,
            kind=manifest.kind,
            media_type=manifest.media_type,
            artifact_type=manifest.artifact_type,
            body_bytes=manifest.body_bytes,
            state=state_of(presence),
            what=what_it_is(manifest, counts.get(manifest.pk, 0)),
            platform=manifest.platform,
            problem=manifest.problem,
            subject=manifest.subject,
            size_bytes=sum(content[member] for member in reached[manifest.pk]),
            exclusive_bytes=own,
            tags=names.get(manifest.pk, []),
            parents=parents.get(manifest.digest, ([], 0))[0],
            parent_count=parents.get(manifest.digest, ([], 0))[1],
            referrers=subjects.get(manifest.digest, []),
            image_created_at=manifest.image_created_at,
            first_seen_at=presence.first_seen_at,
            last_seen_at=presence.last_seen_at,
            pushed_at=presence.pushed_at,
            untagged_since=presence.untagged_since,
            gone_at=presence.gone_at,
        )
        for presence, manifest, own in zip(listed, manifests, exclusive, strict=True)
    ]


def _tags_of(repository: Repository, manifests: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    named = Tag.objects.filter(repository=repository, manifest__in=manifests).order_by(
        "-sort_key", "-name"
    )
    for manifest, name in named.values_list("manifest_id", "name"):
        found.setdefault(manifest, []).append(name)
    return found


def _child_counts(manifests: Sequence[Manifest]) -> dict[int, int]:
    indexes = [manifest.pk for manifest in manifests if manifest.kind == ManifestKind.INDEX]
    if not indexes:
        return {}
    counted = Manifest.objects.filter(pk__in=indexes, children__attests="")
    return dict(counted.values_list("pk").annotate(Count("children__pk")))
