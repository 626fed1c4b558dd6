"""Which manifests are needed: presences that follow from what was seen, and the state of each.

Live is what can be reached from a tag: over index → child, any depth, and subject → referrer of
what is live. Kept is what no tag reaches and no plan would ever offer all the same. Whatever else
is present is dangling. The closure stays inside a repository, as the registry's own garbage
collection does; only what an index in another repository names, which does not hold it itself, is
kept for that one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from registry_browser.models import KnownBy, ManifestKind, PresenceState
from registry_browser.models.presence import UNREACHED

# An index that was seen in a repository brings its children: registries accept an index only with
# what it names (distribution 2.8.2 answers MANIFEST_BLOB_UNKNOWN otherwise). What proves to be
# missing is marked gone by a full check, and stays so until it is seen itself, or its index is
# tagged anew: an old index that is still there says nothing about its children. What comes back
# begins a life of its own: it is as young as what was never seen before.
_ADD_PRESENCES = """
WITH RECURSIVE seen (repository_id, manifest_id, known_by, seen_at, revives, spreads) AS (
    SELECT root.repository_id, manifest.id, root.known_by, root.seen_at, true,
           root.known_by = %(tag)s
      FROM unnest(%(repositories)s::bigint[], %(digests)s::text[], %(known_by)s::text[],
        %(seen_at)s::timestamptz[])
           AS root (repository_id, digest, known_by, seen_at)
      JOIN registry_browser_manifest manifest
        ON manifest.registry_id = %(registry)s AND manifest.digest = root.digest COLLATE "C"
  UNION
    SELECT seen.repository_id, target.id, 'child', seen.seen_at, seen.spreads, seen.spreads
      FROM seen
      JOIN registry_browser_manifestchild child ON child.manifest_id = seen.manifest_id
      JOIN registry_browser_manifest target
        ON target.registry_id = %(registry)s AND target.digest = child.digest
)
INSERT INTO registry_browser_presence (
    repository_id, manifest_id, state, known_by, first_seen_at, last_seen_at)
SELECT DISTINCT ON (repository_id, manifest_id) repository_id, manifest_id,
       CASE WHEN known_by = %(tag)s THEN %(tagged)s ELSE %(dangling)s END, known_by, seen_at,
       seen_at
  FROM seen
 WHERE revives OR NOT EXISTS (SELECT FROM registry_browser_presence was
                               WHERE was.repository_id = seen.repository_id
                                 AND was.manifest_id = seen.manifest_id)
 ORDER BY repository_id, manifest_id, known_by = 'child'
ON CONFLICT (repository_id, manifest_id) DO UPDATE SET first_seen_at = excluded.first_seen_at,
  last_seen_at = excluded.last_seen_at, untagged_since = NULL, gone_at = NULL
      WHERE registry_browser_presence.gone_at IS NOT NULL
RETURNING manifest_id
"""

# Edges first, then the walk: both stay linear in what is present in these repositories.
#
# Beside what tags reach stands what is kept without them. A tag `sha256-<hex>.sig` holds the
# manifest that it is named after, whatever became of that one's own tags; an admin's lock holds
# what it covers; an index elsewhere may need what is missing beside it. What stays keeps its
# subject, since some registries delete referrers together with it. What cannot be parsed may need
# every digest that stands in it; itself it stays what it is.
# `deletion.graph` holds by the same ties, which property tests compare.
_REFRESH_STATES = """
WITH RECURSIVE present AS MATERIALIZED (
    SELECT presence.id, presence.repository_id, presence.state, manifest.id AS manifest_id,
           manifest.digest, manifest.subject, manifest.kind
      FROM registry_browser_presence presence
      JOIN registry_browser_manifest manifest ON manifest.id = presence.manifest_id
     WHERE presence.repository_id = ANY(%(repositories)s) AND presence.gone_at IS NULL
),
mention AS MATERIALIZED (
    SELECT present.repository_id, present.manifest_id, mentioned.digest[1] COLLATE "C" AS digest
      FROM present
      JOIN registry_browser_manifestbody stored ON stored.manifest_id = present.manifest_id
     CROSS JOIN LATERAL regexp_matches(encode(stored.body, 'escape'),
           'sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}', 'g') AS mentioned (digest)
     WHERE present.kind = %(unparsed)s
),
edge AS MATERIALIZED (
    SELECT parent.repository_id, parent.manifest_id AS source, target.manifest_id AS target,
           %(child)s AS state
      FROM present parent
      JOIN registry_browser_manifestchild child ON child.manifest_id = parent.manifest_id
      JOIN present target
        ON target.digest = child.digest AND target.repository_id = parent.repository_id
     WHERE parent.kind = %(index)s
  UNION ALL
    SELECT subject.repository_id, ends.source, ends.target, ends.state
      FROM present referrer
      JOIN present subject
        ON subject.digest = referrer.subject AND subject.repository_id = referrer.repository_id
     CROSS JOIN LATERAL (VALUES (subject.manifest_id, referrer.manifest_id, %(referrer)s),
                                (referrer.manifest_id, subject.manifest_id, %(kept)s))
           AS ends (source, target, state)
     WHERE referrer.subject <> ''
  UNION ALL
    SELECT mention.repository_id, mention.manifest_id, target.manifest_id, %(kept)s
      FROM mention
      JOIN present target
        ON target.digest = mention.digest AND target.repository_id = mention.repository_id
),
attached AS MATERIALIZED (
    SELECT repository_id, replace(split_part(name, '.', 1), '-', ':') COLLATE "C" AS digest
      FROM registry_browser_tag
     WHERE repository_id = ANY(%(repositories)s)
       AND (name >= 'sha256-' AND name < 'sha256.' OR name >= 'sha512-' AND name < 'sha512.')
       AND name ~ '^sha(256|512)-[0-9a-f]{64,128}([.].+)?$'
),
lock AS MATERIALIZED (
    SELECT repository.id AS repository_id, lock.digest
      FROM registry_browser_protection lock
      JOIN registry_browser_repository repository
        ON repository.id = ANY(%(repositories)s) AND (lock.path = '' OR lock.path = repository.path
           OR starts_with(repository.path, lock.path || '/'))
     WHERE lock.registry_id = %(registry)s
),
root (repository_id, manifest_id, state) AS MATERIALIZED (
    SELECT repository_id, manifest_id, %(tagged)s
      FROM registry_browser_tag WHERE repository_id = ANY(%(repositories)s)
  UNION ALL
    SELECT repository_id, manifest_id, %(kept)s
      FROM present JOIN attached USING (repository_id, digest)
  UNION ALL
    -- The tag schema of referrers cuts a sha512 after 64 digits.
    SELECT repository_id, manifest_id, %(kept)s
      FROM present JOIN attached USING (repository_id)
     WHERE attached.digest ~ '^sha512:' AND starts_with(present.digest, attached.digest)
  UNION ALL
    SELECT present.repository_id, present.manifest_id, %(kept)s
      FROM lock
      JOIN present ON present.repository_id = lock.repository_id
       AND lock.digest IN ('', present.digest)
  UNION ALL
    SELECT repository_id, manifest_id, %(kept)s
      FROM unnest(%(needed_in)s::bigint[], %(needed)s::bigint[])
           AS elsewhere (repository_id, manifest_id)
  UNION ALL
    SELECT repository_id, manifest_id, %(dangling)s FROM present WHERE kind = %(unparsed)s
),
-- Only what something hangs on is walked from: a repository of plain images has no edges at all.
reached (repository_id, manifest_id, state) AS (
    SELECT repository_id, manifest_id, state
      FROM root
     WHERE EXISTS (SELECT FROM edge WHERE edge.source = root.manifest_id
                                      AND edge.repository_id = root.repository_id)
  UNION
    -- What hangs on something kept is kept itself: no tag reaches it.
    SELECT reached.repository_id, edge.target,
           CASE WHEN reached.state IN (%(kept)s, %(dangling)s) THEN %(kept)s ELSE edge.state END
      FROM reached
      JOIN edge
        ON edge.source = reached.manifest_id AND edge.repository_id = reached.repository_id
),
best AS MATERIALIZED (
    SELECT repository_id, manifest_id, min(state) AS state
      FROM (SELECT * FROM root UNION ALL SELECT * FROM reached) needed
     GROUP BY repository_id, manifest_id
)
UPDATE registry_browser_presence presence
   SET state = wanted.state,
       untagged_since = CASE WHEN wanted.state = %(tagged)s THEN NULL
                             WHEN presence.state = %(tagged)s THEN moment.seen_at
                             ELSE presence.untagged_since END
  FROM (SELECT present.id, present.repository_id, coalesce(best.state, %(dangling)s) AS state
          FROM present LEFT JOIN best USING (repository_id, manifest_id)
         WHERE present.state <> coalesce(best.state, %(dangling)s)) wanted
  JOIN unnest(%(repositories)s::bigint[], %(seen_at)s::timestamptz[])
       AS moment (repository_id, seen_at) USING (repository_id)
 WHERE presence.id = wanted.id
"""

# What dangles while an index in another repository names it, which does not hold it itself. It is
# asked behind the walk, since little dangles.
_NEEDED_ELSEWHERE = """
SELECT presence.repository_id, presence.manifest_id
  FROM registry_browser_presence presence
  JOIN registry_browser_manifest manifest ON manifest.id = presence.manifest_id
 WHERE presence.repository_id = ANY(%(repositories)s) AND presence.gone_at IS NULL
   AND presence.state = %(dangling)s
   AND EXISTS (
    SELECT FROM registry_browser_manifestchild child
      JOIN registry_browser_manifest parent
        ON parent.id = child.manifest_id AND parent.registry_id = %(registry)s
      JOIN registry_browser_presence elsewhere
        ON elsewhere.manifest_id = parent.id AND elsewhere.gone_at IS NULL
       AND elsewhere.repository_id <> presence.repository_id
     WHERE child.digest = manifest.digest
       AND NOT EXISTS (SELECT FROM registry_browser_presence beside
                        WHERE beside.repository_id = elsewhere.repository_id
                          AND beside.manifest_id = presence.manifest_id
                          AND beside.gone_at IS NULL))
"""

# Other repositories where no tag reaches something that came or went, or that an index names which
# did. OFFSET: by index, since few did.
_TIED = """
SELECT DISTINCT elsewhere.repository_id
  FROM unnest(%(came_or_went)s::bigint[]) AS changed (manifest_id)
 CROSS JOIN LATERAL (
    SELECT target.id
      FROM registry_browser_manifestchild child
      JOIN registry_browser_manifest target
        ON target.registry_id = %(registry)s AND target.digest = child.digest
     WHERE child.manifest_id = changed.manifest_id
  UNION ALL
    SELECT changed.manifest_id
    OFFSET 0) named
 CROSS JOIN LATERAL (
    SELECT presence.repository_id
      FROM registry_browser_presence presence
     WHERE presence.manifest_id = named.id AND presence.gone_at IS NULL
       AND presence.state = ANY(%(unreached)s)
    OFFSET 0) elsewhere
 WHERE elsewhere.repository_id <> ALL(%(repositories)s)
"""

_CONFIRM = """
UPDATE registry_browser_presence presence SET last_seen_at = %(seen_at)s
  FROM registry_browser_manifest manifest
 WHERE presence.repository_id = %(repository)s AND manifest.id = presence.manifest_id
   AND manifest.registry_id = %(registry)s AND manifest.digest = ANY(%(digests)s)
RETURNING presence.manifest_id
"""

_MARK_GONE = """
UPDATE registry_browser_presence presence SET gone_at = %(seen_at)s
  FROM registry_browser_manifest manifest
 WHERE presence.repository_id = %(repository)s AND manifest.id = presence.manifest_id
   AND presence.gone_at IS NULL
   AND manifest.registry_id = %(registry)s AND manifest.digest = ANY(%(digests)s)
   AND NOT EXISTS (SELECT FROM registry_browser_tag tag
                    WHERE tag.repository_id = presence.repository_id
                      AND tag.manifest_id = presence.manifest_id)
RETURNING presence.manifest_id
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A manifest that was seen in a repository, how, and when."""

    repository_id: int
    digest: str
    known_by: KnownBy
    at: datetime


def add_presences(registry_id: int, seen: Sequence[Seen]) -> set[int]:
    """Note that manifests are present, with all that they name. Returns those that were not."""
    if not seen:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_PRESENCES,
            {
                "registry": registry_id,
                "repositories": [sight.repository_id for sight in seen],
                "digests": [sight.digest for sight in seen],
                "known_by": [sight.known_by.value for sight in seen],
                "seen_at": [sight.at for sight in seen],
                "dangling": PresenceState.DANGLING.value,
                "tagged": PresenceState.TAGGED.value,
                "tag": KnownBy.TAG.value,
            },
        )
        return {manifest for (manifest,) in cursor.fetchall()}


def confirm(
    registry_id: int, repository_id: int, digests: Sequence[str], *, seen_at: datetime
) -> None:
    """Note that manifests without a tag were asked for by digest, and were there."""
    _by_digest(_CONFIRM, registry_id, repository_id, digests, seen_at)


def mark_gone(
    registry_id: int, repository_id: int, digests: Sequence[str], *, seen_at: datetime
) -> set[int]:
    """Note that the registry says it does not have these manifests any more. What a tag points to
    is never marked. Returns those that were present.
    """
    return _by_digest(_MARK_GONE, registry_id, repository_id, digests, seen_at)


def refresh_states(
    registry_id: int, repositories: Mapping[int, datetime], came_or_went: Collection[int] = ()
) -> list[int]:
    """Recompute the state of every presence in `repositories` from the tags that are stored now,
    and in those where something may be kept for an index in one of them. Returns all of these: the
    figures of each follow.

    Each repository comes with the moment of its observation: from then on is untagged what lost its
    last tag. `came_or_went` are the manifests that were not present there before, or are no more.
    """
    parameters: dict[str, Any] = {
        "registry": registry_id,
        "repositories": list(repositories),
        "seen_at": list(repositories.values()),
        "came_or_went": list(came_or_went),
        "tagged": PresenceState.TAGGED.value,
        "child": PresenceState.CHILD.value,
        "referrer": PresenceState.REFERRER.value,
        "dangling": PresenceState.DANGLING.value,
        "kept": PresenceState.KEPT.value,
        "index": ManifestKind.INDEX.value,
        "unparsed": ManifestKind.UNPARSED.value,
        "unreached": [state.value for state in UNREACHED],
    }
    with connection.cursor() as cursor:
        _walk(cursor, parameters)
        if not came_or_went:
            return list(repositories)
        cursor.execute(_TIED, parameters)
        tied = [repository for (repository,) in cursor.fetchall()]
        if tied:
            # No tag came or went there, so that no moment is asked for.
            moments = [max(repositories.values())] * len(tied)
            _walk(cursor, {**parameters, "repositories": tied, "seen_at": moments})
    return [*repositories, *tied]


def _walk(cursor: Any, parameters: dict[str, Any]) -> None:
    cursor.execute(_REFRESH_STATES, {**parameters, "needed_in": [], "needed": []})
    cursor.execute(_NEEDED_ELSEWHERE, parameters)
    if needed := cursor.fetchall():
        places, manifests = zip(*needed, strict=True)
        cursor.execute(
            _REFRESH_STATES,
            {**parameters, "needed_in": list(places), "needed": list(manifests)},
        )


def _by_digest(
    statement: str, registry_id: int, repository_id: int, digests: Sequence[str], seen_at: datetime
) -> set[int]:
    if not digests:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "registry": registry_id,
                "repository": repository_id,
                "digests": list(digests),
                "seen_at": seen_at,
            },
        )
        return {manifest for (manifest,) in cursor.fetchall()}
