"""What is present without a tag in a registry or below a path: what may go, what only looks so.

Untagged is not unused: children are reached through their index and referrers through their
subject. Only what is dangling may ever be offered: not what could not be parsed, and not what is
kept by a lock, by a tag like `sha256-<hex>.sig` that is attached to it, by something that stays, or
by an index in another repository which does not hold it itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import ManifestKind, PresenceState
from registry_browser.models.rows import fetch
from registry_browser.reports.scope import IN_SCOPE, below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from registry_browser.models import Registry

PAGE = 50
CSV_PAGE = 500

STATES = ("dangling", "child", "referrer", "kept", "unparsed")
ORDERINGS = {
    "since": "since, presence.id",
    "-since": "since DESC, presence.id DESC",
    "-size": "manifest.content_bytes DESC, presence.id",
    "path": "repository.path, presence.id",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UntaggedRow:
    """One manifest without a tag in one repository.

    `since` is when it lost its last tag, or else when it was first seen (`was_tagged` tells).
    `parent` is a present index that names it, `parent_live` whether that is live, `parents` how
    many there are. `attached` are tags of the repository that say they belong to it, `locked` the
    reason of a lock, `referrer` something that stays and refers to it, `elsewhere` the path of
    another repository that needs it. Of its own blobs, `alone_bytes` come back if it alone goes,
    `set_bytes` if all that dangle in scope go.
    """

    path: str
    digest: str
    kind: str
    media_type: str
    artifact_type: str
    platform: str
    problem: str
    state: str
    since: datetime
    was_tagged: bool
    first_seen_at: datetime
    size_bytes: int
    subject: str
    parent: str
    parent_live: bool
    parents: int
    children: int
    attached: list[str]
    locked: str
    referrer: str
    elsewhere: str
    alone_bytes: int
    set_bytes: int

    @property
    def may_go(self) -> bool:
        """Whether it may be offered for deletion. A plan looks closer still: at age and locks."""
        return self.state == "dangling"

    @property
    def reasons(self) -> list[str]:
        """Why a dangling manifest is held to be that, beside since when."""
        if self.subject:
            return ["refers to no live subject"]
        return ["child of no live index" if self.parents else "child of no index"]


@dataclass(frozen=True, slots=True)
class UntaggedPage:
    """One page of rows; `more` says whether there are others behind it."""

    rows: list[UntaggedRow]
    page: int
    size: int
    total: int

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return (self.page - 1) * self.size + len(self.rows)

    @property
    def more(self) -> bool:
        return self.last < self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCounts:
    """How many untagged manifests there are in scope, and in how many repositories some dangle."""

    child: int
    referrer: int
    dangling: int
    kept: int
    unparsed: int
    dangling_repositories: int
    oldest_since: datetime | None

    @property
    def untagged(self) -> int:
        return self.child + self.referrer + self.dangling + self.kept + self.unparsed

    @property
    def reached(self) -> int:
        return self.child + self.referrer


# OFFSET: manifests are looked up for what is untagged, which is few of them; by size, the planner
# would rather sort all manifests of all registries.
_PRESENT = f"""
  FROM registry_browser_presence presence
  JOIN registry_browser_repository repository ON repository.id = presence.repository_id
 CROSS JOIN LATERAL (SELECT kind, content_bytes FROM registry_browser_manifest
                      WHERE id = presence.manifest_id OFFSET 0) manifest
 WHERE repository.registry_id = %(registry)s AND presence.gone_at IS NULL AND {IN_SCOPE}
"""

# A range of `repository_path`; each repository's row keeps the counts.
_COUNTS = f"""
SELECT coalesce(sum(child_count), 0)::int AS child,
       coalesce(sum(referrer_count), 0)::int AS referrer,
       coalesce(sum(dangling_count), 0)::int AS dangling,
       coalesce(sum(kept_count), 0)::int AS kept,
       coalesce(sum(unparsed_count), 0)::int AS unparsed,
       count(*) FILTER (WHERE dangling_count > 0)::int AS dangling_repositories,
       min(oldest_dangling_at) AS oldest_since
  FROM registry_browser_repository repository
 WHERE repository.registry_id = %(registry)s AND repository.gone_at IS NULL AND {IN_SCOPE}
"""

_CONDITIONS = {
    "dangling": "presence.state = %(dangling)s AND manifest.kind <> %(unparsed)s",
    "unparsed": "presence.state = %(dangling)s AND manifest.kind = %(unparsed)s",
    "child": "presence.state = %(child)s",
    "referrer": "presence.state = %(referrer)s",
    "kept": "presence.state = %(kept)s",
    "": "presence.state IN (%(child)s, %(referrer)s, %(dangling)s, %(kept)s)",
}

# The page is chosen first; what is costly is asked for its rows alone. A blob comes back with the
# set if nothing live holds it and no repository outside does.
_ROWS = f"""
WITH page AS MATERIALIZED (
    SELECT presence.id AS presence_id, presence.repository_id, presence.manifest_id, presence.state,
           coalesce(presence.untagged_since, presence.first_seen_at) AS since,
           presence.untagged_since IS NOT NULL AS was_tagged, presence.first_seen_at,
           row_number() OVER () AS place
      FROM (SELECT presence.*, coalesce(presence.untagged_since, presence.first_seen_at) AS since
            {_PRESENT} AND {{condition}}
             ORDER BY {{ordering}} LIMIT %(limit)s OFFSET %(offset)s) presence)
SELECT repository.path, manifest.digest, manifest.kind, manifest.media_type,
       manifest.artifact_type,
       concat_ws('/', nullif(manifest.os, ''), nullif(manifest.architecture, ''),
                 nullif(manifest.variant, '')) AS platform, manifest.problem,
       CASE WHEN page.state = %(child)s THEN 'child' WHEN page.state = %(referrer)s THEN 'referrer'
            WHEN page.state = %(kept)s THEN 'kept'
            WHEN manifest.kind = %(unparsed)s THEN 'unparsed' ELSE 'dangling' END AS state,
       page.since, page.was_tagged, page.first_seen_at,
       manifest.content_bytes + manifest.body_bytes AS size_bytes, manifest.subject,
       coalesce(above.digests[1], '') AS parent, coalesce(above.live, false) AS parent_live,
       coalesce(above.total, 0)::int AS parents,
       (SELECT count(*)::int FROM registry_browser_manifestchild child
         WHERE child.manifest_id = manifest.id) AS children,
       ARRAY(SELECT tag.name FROM registry_browser_tag tag
              WHERE tag.repository_id = repository.id
                AND tag.name >= replace(manifest.digest, ':', '-')
                AND tag.name < replace(manifest.digest, ':', '-') || '/'
              ORDER BY tag.name LIMIT 5) AS attached,
       coalesce((SELECT lock.reason FROM registry_browser_protection lock
         WHERE lock.registry_id = %(registry)s AND lock.digest IN ('', manifest.digest)
           AND (lock.path = '' OR lock.path = repository.path
                OR starts_with(repository.path, lock.path || '/'))
         ORDER BY lock.id LIMIT 1), '') AS locked,
       coalesce((SELECT referrer.digest FROM registry_browser_manifest referrer
          JOIN registry_browser_presence held
            ON held.manifest_id = referrer.id AND held.repository_id = page.repository_id
           AND held.gone_at IS NULL AND held.state <> %(dangling)s
         WHERE referrer.registry_id = %(registry)s AND referrer.subject <> ''
           AND referrer.subject = manifest.digest LIMIT 1), '') AS referrer,
       CASE WHEN page.state <> %(kept)s THEN '' ELSE coalesce((
         SELECT min(elsewhere.path)
           FROM registry_browser_manifestchild child
           JOIN registry_browser_presence held
             ON held.manifest_id = child.manifest_id AND held.gone_at IS NULL
           JOIN registry_browser_repository elsewhere
             ON elsewhere.id = held.repository_id AND elsewhere.id <> page.repository_id
            AND elsewhere.registry_id = %(registry)s
          WHERE child.digest = manifest.digest AND NOT EXISTS (
            SELECT FROM registry_browser_presence beside
             WHERE beside.repository_id = elsewhere.id
               AND beside.manifest_id = page.manifest_id AND beside.gone_at IS NULL)), '')
         END AS elsewhere,
       bytes.alone::bigint AS alone_bytes, bytes.together::bigint AS set_bytes
  FROM page
  JOIN registry_browser_repository repository ON repository.id = page.repository_id
  JOIN registry_browser_manifest manifest ON manifest.id = page.manifest_id
  LEFT JOIN LATERAL (
    SELECT array_agg(parent.digest ORDER BY live DESC, parent.id DESC) AS digests, bool_or(live)
             AS live, count(*) AS total
      FROM (SELECT DISTINCT parent.id, parent.digest, held.state <> %(dangling)s AS live
              FROM registry_browser_manifestchild child
              JOIN registry_browser_manifest parent ON parent.id = child.manifest_id
              JOIN registry_browser_presence held
                ON held.manifest_id = parent.id AND held.repository_id = page.repository_id
               AND held.gone_at IS NULL
             WHERE child.digest = manifest.digest LIMIT 1000) parent) above ON true
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(held.stored_bytes) FILTER (WHERE held.holders = 1 AND NOT EXISTS (
             SELECT FROM registry_browser_manifestblob other
               JOIN registry_browser_presence beside
                 ON beside.manifest_id = other.manifest_id
                AND beside.repository_id = page.repository_id AND beside.gone_at IS NULL
              WHERE other.blob_id = held.id AND other.manifest_id <> page.manifest_id)), 0)
             AS alone,
           coalesce(sum(held.stored_bytes) FILTER (WHERE held.live_holders = 0 AND NOT EXISTS (
             SELECT FROM registry_browser_repositoryblob holding
               JOIN registry_browser_repository repository
                 ON repository.id = holding.repository_id
              WHERE holding.blob_id = held.id AND NOT {IN_SCOPE})), 0) AS together
      FROM (SELECT DISTINCT blob.id, blob.stored_bytes, blob.holders, blob.live_holders
              FROM registry_browser_manifestblob link
              JOIN registry_browser_blob blob ON blob.id = link.blob_id
             WHERE link.manifest_id = page.manifest_id) held) bytes
 ORDER BY page.place
"""


def state_counts(registry: Registry, prefix: str = "") -> StateCounts:
    """The counts behind the state filter; one statement."""
    [row] = fetch(StateCounts, _COUNTS, _parameters(registry, prefix))
    return row


def untagged(
    registry: Registry,
    prefix: str = "",
    *,
    counts: StateCounts,
    state: str = "",
    ordering: str = "since",
    page: int = 1,
    size: int = PAGE,
) -> UntaggedPage:
    """One page of what is untagged, longest first; `state` is one of STATES, or empty for all."""
    state = state if state in STATES else ""
    rows = fetch(
        UntaggedRow,
        _ROWS.format(
            condition=_CONDITIONS[state], ordering=ORDERINGS.get(ordering, ORDERINGS["since"])
        ),
        {**_parameters(registry, prefix), "limit": size, "offset": (page - 1) * size},
    )
    total = getattr(counts, state) if state else counts.untagged
    return UntaggedPage(rows, page, size, total)


def every_untagged(
    registry: Registry, prefix: str = "", *, state: str = "", ordering: str = "since"
) -> Iterator[UntaggedRow]:
    """All of them, read a page at a time; memory stays bounded."""
    counts = state_counts(registry, prefix)
    number = 1
    while True:
        found = untagged(
            registry,
            prefix,
            counts=counts,
            state=state,
            ordering=ordering,
            page=number,
            size=CSV_PAGE,
        )
        yield from found.rows
        if len(found.rows) < CSV_PAGE:
            return
        number += 1


def _parameters(registry: Registry, prefix: str) -> Mapping[str, object]:
    return {
        "registry": registry.pk,
        **below(prefix),
        "child": PresenceState.CHILD.value,
        "referrer": PresenceState.REFERRER.value,
        "dangling": PresenceState.DANGLING.value,
        "kept": PresenceState.KEPT.value,
        "unparsed": ManifestKind.UNPARSED.value,
    }
