"""The tags of one repository: filtered, in the order that people expect, with what each points to.

Latest first, then channels and versions, newest on top: that is `sort_key` descending, an index
scan however many tags there are (see `models.tagsort`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Exists, F, OrderBy, OuterRef, Q, QuerySet

from registry_browser.models import ManifestChild, ManifestKind, Repository, Tag
from registry_browser.queries.exclusive import ManifestSet, exclusive_bytes, reach
from registry_browser.queries.history.scope import is_glob, like_pattern
from registry_browser.queries.manifests import what_it_is
from registry_browser.queries.platforms import (
    ChildRow,
    children_of,
    default_child,
    metadata_labels,
)
from registry_browser.queries.tag_events import LastEvent, last_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

PAGE = 50
CSV_PAGE = 500

ORDERINGS: dict[str, tuple[str | OrderBy, ...]] = {
    "-name": ("-sort_key", "-name"),
    "name": ("sort_key", "name"),
    "-size": ("-manifest__pull_bytes", "-sort_key", "-name"),
    "size": ("manifest__pull_bytes", "-sort_key", "-name"),
    "-created": (F("manifest__image_created_at").desc(nulls_last=True), "-sort_key", "-name"),
    "created": (F("manifest__image_created_at").asc(nulls_last=True), "-sort_key", "-name"),
    "-changed": ("-changed_at", "-sort_key", "-name"),
    "changed": ("changed_at", "-sort_key", "-name"),
}
"""What a tag table may be ordered by. The default comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRow:
    """One tag and what it points to.

    `size_bytes` is what a plain pull transfers (compressed), and `exclusive_bytes` what the image
    pulled holds that nothing refers to but what this tag points to; None where it was not asked
    for. `size_platform` is the platform that both speak about. `platforms` and `attestations` are
    the entries of an index; for an image they are empty and `size_platform` is its own. `metadata`
    is filled for opened rows only.
    """

    name: str
    manifest: int
    digest: str
    media_type: str
    kind: str
    artifact_type: str
    what: str
    size_bytes: int
    size_platform: str
    exclusive_bytes: int | None
    image_created_at: datetime | None
    first_seen_at: datetime
    changed_at: datetime
    platforms: list[ChildRow]
    attestations: list[ChildRow]
    last_event: LastEvent | None
    is_open: bool = False
    metadata: tuple[tuple[str, int], ...] = ()
    metadata_bytes: int = 0
    metadata_exclusive_bytes: int = 0
    joins_previous: bool = False
    joins_next: bool = False

    @property
    def exclusive_part(self) -> int:
        """Of `size_bytes`: exclusive bytes hold the body too, which a size leaves out."""
        return min(self.exclusive_bytes or 0, self.size_bytes)

    @property
    def shared_bytes(self) -> int:
        return self.size_bytes - self.exclusive_part

    @property
    def platform_names(self) -> list[str]:
        """For chips: those of the index, or the image's own."""
        names = [child.platform or "other" for child in self.platforms]
        return names or [self.size_platform]

    @property
    def is_pinned(self) -> bool:
        return self.name == "latest"


@dataclass(frozen=True, slots=True)
class TagPage:
    """One page of tags; `total` tags on `digests` digests match the filter over all pages."""

    rows: list[TagRow]
    total: int
    digests: int
    page: int
    size: int

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)

    @property
    def more(self) -> bool:
        return self.last < self.total

    @property
    def largest_bytes(self) -> int:
        return max((row.size_bytes for row in self.rows), default=0)


def matching(
    repository: Repository,
    *,
    filter: str = "",
    platform: str = "",
    changed_since: datetime | None = None,
) -> QuerySet[Tag]:
    """The tags that contain the text `filter`, or match it as a whole where it has `*` or `?` (any
    text, any one character).

    `platform` is `linux/arm/v7`: tags whose image, or one of whose children, is for it.
    """
    found = Tag.objects.filter(repository=repository)
    if filter:
        found = (
            found.filter(name__ilike=like_pattern(filter))
            if is_glob(filter)
            else found.filter(name__icontains=filter)
        )
    if changed_since is not None:
        found = found.filter(changed_at__gte=changed_since)
    if platform:
        system, _, rest = platform.partition("/")
        architecture, _, variant = rest.partition("/")
        wanted = {"os": system, "architecture": architecture, "variant": variant}
        children = ManifestChild.objects.filter(manifest=OuterRef("manifest"), attests="", **wanted)
        own = Q(**{f"manifest__{key}": value for key, value in wanted.items()})
        found = found.filter(own | Exists(children))
    return found


# Grouped, not count(DISTINCT …): that sorts them all.
_COUNT = """
SELECT coalesce(sum(tags), 0)::bigint, count(*)
  FROM (SELECT count(*) AS tags FROM ({}) matching GROUP BY manifest_id) pointed_to
"""


def tags(
    repository: Repository,
    *,
    filter: str = "",
    platform: str = "",
    changed_since: datetime | None = None,
    ordering: str = "-name",
    page: int = 1,
    size: int = PAGE,
    opened: str = "",
) -> TagPage:
    """One page of the matching tags, `latest` first in the default order and its reverse.

    `opened` names the tag whose children are shown with their own figures.
    """
    found = matching(repository, filter=filter, platform=platform, changed_since=changed_since)
    total, digests = _counts(found)
    order: list[str | OrderBy] = list(ORDERINGS.get(ordering, ORDERINGS["-name"]))
    if ordering == "name":
        # `latest` is pinned in both directions; descending, its sort key puts it first by itself.
        found = found.annotate(is_latest=Q(name="latest"))
        order.insert(0, "-is_latest")
    start = (page - 1) * size
    # Sorting narrow rows, then reading one page of wide ones, takes a third of the time.
    names = list(found.order_by(*order).values_list("name", flat=True)[start : start + size])
    wide = Tag.objects.filter(repository=repository, name__in=names)
    by_name = {row.name: row for row in tag_rows(repository, wide, opened=opened)}
    rows = _joined([by_name[name] for name in names if name in by_name])
    return TagPage(rows, total, digests, page, size)


def every_tag(
    repository: Repository,
    *,
    filter: str = "",
    platform: str = "",
    changed_since: datetime | None = None,
    ordering: str = "-name",
) -> Iterator[TagRow]:
    """All matching tags, read a page at a time; memory stays bounded."""
    number = 1
    while True:
        page = tags(
            repository,
            filter=filter,
            platform=platform,
            changed_since=changed_since,
            ordering=ordering,
            page=number,
            size=CSV_PAGE,
        )
        yield from page.rows
        if page.last >= page.total or not page.rows:
            return
        number += 1


def _counts(found: QuerySet[Tag]) -> tuple[int, int]:
    statement, parameters = found.order_by().values("manifest_id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(statement), parameters)
        row = cursor.fetchone()
    return (row[0], row[1]) if row else (0, 0)


def tag_rows(
    repository: Repository, found: QuerySet[Tag], *, opened: str = "", space: bool = True
) -> list[TagRow]:
    """Rows for these tags, in their order; the number of statements does not depend on theirs."""
    listed = list(
        found.select_related("manifest").defer("manifest__annotations", "manifest__problem")
    )
    children = children_of(
        {tag.manifest_id for tag in listed if tag.manifest.kind == ManifestKind.INDEX}
    )
    events = last_events(repository, [tag.name for tag in listed])
    exclusive = _exclusive(listed, children) if space else {}
    rows = [
        _row(tag, children.get(tag.manifest_id, []), exclusive, events.get(tag.name))
        for tag in listed
    ]
    return [_opened(row) if row.name == opened else row for row in rows]


def _row(
    tag: Tag, children: list[ChildRow], exclusive: dict[int, int], event: LastEvent | None
) -> TagRow:
    manifest, default = tag.manifest, default_child(children)
    created = manifest.image_created_at or (default.image_created_at if default else None)
    return TagRow(
        name=tag.name,
        manifest=manifest.pk,
        digest=manifest.digest,
        media_type=manifest.media_type,
        kind=manifest.kind,
        artifact_type=manifest.artifact_type,
        what=what_it_is(manifest, len(children)),
        size_bytes=manifest.pull_bytes,
        size_platform=default.platform if default else manifest.platform,
        exclusive_bytes=exclusive.get(manifest.pk),
        image_created_at=created,
        first_seen_at=tag.first_seen_at,
        changed_at=tag.changed_at,
        platforms=[child for child in children if not child.is_attestation],
        attestations=[child for child in children if child.is_attestation],
        last_event=event,
    )


def _exclusive(listed: Sequence[Tag], children: Mapping[int, list[ChildRow]]) -> dict[int, int]:
    """For each manifest that is pointed to: what the pulled image holds that nothing outside of the
    manifest's reach does.
    """
    pointed_to = list(dict.fromkeys(tag.manifest_id for tag in listed))
    reached = reach(pointed_to)
    sets = []
    for manifest in pointed_to:
        default = default_child(children.get(manifest, []))
        pulled = default.manifest if default and default.manifest is not None else manifest
        sets.append(ManifestSet(measured=frozenset({pulled}), own=reached[manifest]))
    return dict(zip(pointed_to, exclusive_bytes(sets), strict=True))


def _opened(row: TagRow) -> TagRow:
    """The row with the figures of its children, each for itself: what another child shares is not
    exclusive to it.
    """
    known = [child for child in row.platforms if child.manifest is not None]
    attestations = [child.manifest for child in row.attestations if child.manifest is not None]
    sets = [ManifestSet.of([child.manifest]) for child in known if child.manifest is not None]
    *own, metadata = exclusive_bytes([*sets, ManifestSet.of(attestations)])
    figures = {child.position: figure for child, figure in zip(known, own, strict=True)}
    return replace(
        row,
        is_open=True,
        platforms=[
            replace(child, exclusive_bytes=figures.get(child.position)) for child in row.platforms
        ],
        metadata=tuple(metadata_labels(row.attestations)),
        metadata_bytes=sum(child.size_bytes or 0 for child in row.attestations),
        metadata_exclusive_bytes=metadata,
    )


def _joined(rows: list[TagRow]) -> list[TagRow]:
    """Mark neighbours on one digest, for the track that joins them."""
    digests = [None, *(row.digest for row in rows), None]
    return [
        replace(row, joins_previous=before == row.digest, joins_next=after == row.digest)
        for row, before, after in zip(rows, digests, digests[2:], strict=False)
    ]
