"""From the record to the values that a plan is made of; reads, and never asks a registry.

The evidence is taken first: whatever changes while the rest is read shows as a plan that has
expired before anybody can approve it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from registry_browser.deletion.evidence import Evidence, Scope, evidence_of
from registry_browser.deletion.graph import Node, digests_in
from registry_browser.deletion.known import (
    Known,
    KnownManifest,
    KnownPresence,
    KnownRepository,
    Lock,
    Stored,
)
from registry_browser.models import (
    BlobRole,
    Manifest,
    ManifestKind,
    Protection,
    Registry,
    Repository,
)
from registry_browser.models.presence import UNREACHED
from registry_browser.oci import mediatypes
from registry_browser.oci.descriptor import Child

_PRESENCES = """
SELECT presence.repository_id, manifest.id, manifest.digest, manifest.kind, manifest.media_type,
       manifest.artifact_type, manifest.subject, manifest.os, manifest.architecture,
       manifest.variant, manifest.problem, presence.state, presence.first_seen_at,
       presence.pushed_at, presence.untagged_since
  FROM registry_browser_presence presence
  JOIN registry_browser_manifest manifest ON manifest.id = presence.manifest_id
 WHERE presence.repository_id = ANY(%(repositories)s) AND presence.gone_at IS NULL
"""

_TAGS = """
SELECT tag.repository_id, tag.name, manifest.digest
  FROM registry_browser_tag tag JOIN registry_browser_manifest manifest
    ON manifest.id = tag.manifest_id
 WHERE tag.repository_id = ANY(%(repositories)s)
"""

_CHILDREN = """
SELECT child.manifest_id, child.digest, child.media_type, child.attests
  FROM registry_browser_manifestchild child WHERE child.manifest_id = ANY(%(manifests)s)
 ORDER BY child.manifest_id, child.position
"""

_BODIES = """
SELECT manifest_id, body FROM registry_browser_manifestbody WHERE manifest_id = ANY(%(manifests)s)
"""

# What the registry's own garbage collection would find referred to by a manifest: its body, its
# config and layers, and whatever it names as children (a cache export names blobs there).
_HOLDINGS = """
SELECT link.manifest_id, blob.digest, blob.stored_bytes, link.role, ''
  FROM registry_browser_manifestblob link JOIN registry_browser_blob blob ON blob.id = link.blob_id
 WHERE link.manifest_id = ANY(%(manifests)s)
UNION ALL
SELECT child.manifest_id, child.digest, coalesce(blob.stored_bytes, child.size),
       CASE WHEN body.id IS NULL THEN %(layer)s ELSE %(body)s END,
       CASE WHEN blob.id IS NULL THEN child.media_type ELSE '' END
  FROM registry_browser_manifestchild child
  LEFT JOIN registry_browser_blob blob
    ON blob.registry_id = %(registry)s AND blob.digest = child.digest
  LEFT JOIN registry_browser_manifest body
    ON body.registry_id = %(registry)s AND body.digest = child.digest
 WHERE child.manifest_id = ANY(%(manifests)s)
"""

# A presence counts once for what it links and names. What something holds that a tag reaches never
# comes back, so that its other holders are not counted: base layers have them by the ten thousand.
# Digests come as one text: as an array each is looked at for what must be quoted.
_REFERENCES = """
WITH asked AS MATERIALIZED (
    SELECT digest COLLATE "C" AS digest
      FROM unnest(string_to_array(%(digests)s, ',')) AS asked (digest)
),
wanted AS MATERIALIZED (
    SELECT blob.id, blob.digest,
           (SELECT true
              FROM registry_browser_manifestblob link
              JOIN registry_browser_presence presence
                ON presence.manifest_id = link.manifest_id AND presence.gone_at IS NULL
               AND presence.state <> ALL(%(unreached)s)
             WHERE link.blob_id = blob.id LIMIT 1) AS is_reached
      FROM asked
      JOIN registry_browser_blob blob
        ON blob.registry_id = %(registry)s AND blob.digest = asked.digest
)
SELECT digest, sum(presences)::bigint FROM (
    SELECT digest, CASE WHEN is_reached THEN %(always)s ELSE (
             SELECT count(DISTINCT presence.id)
               FROM registry_browser_manifestblob link
               JOIN registry_browser_presence presence
                 ON presence.manifest_id = link.manifest_id AND presence.gone_at IS NULL
              WHERE link.blob_id = wanted.id) END AS presences
      FROM wanted
  UNION ALL
    SELECT child.digest, count(DISTINCT presence.id)
      FROM registry_browser_manifestchild child
      JOIN registry_browser_manifest parent
        ON parent.id = child.manifest_id AND parent.registry_id = %(registry)s
      JOIN registry_browser_presence presence
        ON presence.manifest_id = parent.id AND presence.gone_at IS NULL
     WHERE child.digest IN (SELECT digest FROM asked)
       AND NOT EXISTS (SELECT FROM registry_browser_manifestblob own
                         JOIN wanted ON wanted.id = own.blob_id
                        WHERE own.manifest_id = parent.id AND wanted.digest = child.digest)
     GROUP BY child.digest
) AS reference GROUP BY digest
"""
_ALWAYS = 1 << 40
"""Presences that hold what is never free: more than there can be."""

_NEEDED_BY = """
SELECT DISTINCT ON (candidate.repository_id, candidate.digest)
       candidate.repository_id, candidate.digest, elsewhere.path
  FROM unnest(%(repositories)s::bigint[], string_to_array(%(digests)s, ','))
       AS candidate (repository_id, digest)
  JOIN registry_browser_manifestchild child ON child.digest = candidate.digest COLLATE "C"
  JOIN registry_browser_manifest parent
    ON parent.id = child.manifest_id AND parent.registry_id = %(registry)s
  JOIN registry_browser_presence presence
    ON presence.manifest_id = parent.id AND presence.gone_at IS NULL
   AND presence.repository_id <> candidate.repository_id
  JOIN registry_browser_repository elsewhere ON elsewhere.id = presence.repository_id
 WHERE NOT EXISTS (
    SELECT FROM registry_browser_presence own
      JOIN registry_browser_manifest manifest ON manifest.id = own.manifest_id
     WHERE own.repository_id = presence.repository_id AND own.gone_at IS NULL
       AND manifest.registry_id = %(registry)s AND manifest.digest = child.digest)
 ORDER BY candidate.repository_id, candidate.digest, elsewhere.path
"""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The values of a scope with the evidence for them."""

    known: Known
    evidence: Evidence


def gather(scope: Scope) -> Gathered:
    """Read everything that a plan for the scope needs, in a fixed number of statements."""
    evidence = evidence_of(scope)
    presences = _fetch(_PRESENCES, repositories=scope.ids)
    manifests = _manifests(presences)
    by_repository: dict[int, dict[str, KnownPresence]] = {pk: {} for pk in scope.ids}
    dangling: list[tuple[int, str, int]] = []
    for repository_id, pk, digest, *_, state, first_seen_at, pushed_at, untagged in presences:
        is_dangling = state in UNREACHED
        by_repository[repository_id][digest] = KnownPresence(
            manifests[pk], is_dangling, first_seen_at, pushed_at, untagged
        )
        if is_dangling:
            dangling.append((repository_id, digest, pk))
    tags: dict[int, dict[str, str]] = {pk: {} for pk in scope.ids}
    for repository_id, name, digest in _fetch(_TAGS, repositories=scope.ids):
        tags[repository_id][name] = digest
    unread = _unread_indexes(scope)
    known = Known(
        tuple(
            KnownRepository(
                repository.path,
                tags[repository.pk],
                by_repository[repository.pk],
                repository.tags_complete_at,
                _incomplete(repository) or unread.get(repository.pk, ""),
            )
            for repository in scope.repositories
        ),
        locks=locks_of(scope.registry.pk),
    )
    holdings, stored = _holdings(scope.registry, {pk: digest for _, digest, pk in dangling})
    paths = {repository.pk: repository.path for repository in scope.repositories}
    return Gathered(
        replace(
            known,
            holdings=holdings,
            stored=stored,
            references=references(scope.registry.pk, stored),
            needed_by={
                (paths[repository_id], digest): path
                for repository_id, digest, path in _fetch(
                    _NEEDED_BY,
                    registry=scope.registry.pk,
                    repositories=[repository_id for repository_id, _, _ in dangling],
                    digests=",".join(digest for _, digest, _ in dangling),
                )
            },
        ),
        evidence,
    )


def references(registry_id: int, digests: Iterable[str]) -> dict[str, int]:
    """How many presences of the registry hold each of `digests`; those that none holds are 0. Of
    what a tag reaches it is only said that there are more than any set of deletions has.
    """
    counted = dict.fromkeys(digests, 0)
    rows = _fetch(
        _REFERENCES,
        registry=registry_id,
        digests=",".join(counted),
        unreached=[state.value for state in UNREACHED],
        always=_ALWAYS,
    )
    counted.update(rows)
    for digest, count in _mentions(registry_id).items():
        if digest in counted:
            counted[digest] += count
    return counted


def holdings_of(
    registry: Registry, digests: Iterable[str]
) -> tuple[dict[str, frozenset[str]], dict[str, Stored]]:
    """What the registry must keep for each of these manifests, and how large that is."""
    rows = Manifest.objects.filter(registry=registry, digest__in=list(digests))
    return _holdings(registry, dict(rows.values_list("id", "digest")))


def _mentions(registry_id: int) -> dict[str, int]:
    """How many present manifests that nobody can parse mention a digest besides what is linked."""
    counts: dict[str, int] = {}
    rows = _fetch(
        "SELECT manifest.digest, stored.body, count(*) FROM registry_browser_manifest manifest"
        " JOIN registry_browser_manifestbody stored ON stored.manifest_id = manifest.id"
        " JOIN registry_browser_presence presence"
        " ON presence.manifest_id = manifest.id AND presence.gone_at IS NULL"
        " WHERE manifest.registry_id = %(registry)s AND manifest.kind = %(kind)s"
        " GROUP BY manifest.digest, stored.body",
        registry=registry_id,
        kind=ManifestKind.UNPARSED.value,
    )
    for own, body, count in rows:
        for digest in digests_in(bytes(body), own):
            counts[digest] = counts.get(digest, 0) + count
    return counts


def _manifests(presences: Sequence[tuple[Any, ...]]) -> dict[int, KnownManifest]:
    rows = {row[1]: row for row in presences}
    indexes = [pk for pk, row in rows.items() if row[3] == ManifestKind.INDEX]
    children: dict[int, list[str]] = {}
    platforms: dict[int, int] = {}
    for pk, digest, _, attests in _fetch(_CHILDREN, manifests=indexes):
        children.setdefault(pk, []).append(digest)
        platforms[pk] = platforms.get(pk, 0) + (not attests)
    unparsed = [pk for pk, row in rows.items() if row[3] == ManifestKind.UNPARSED]
    for pk, body in _fetch(_BODIES, manifests=unparsed):
        children[pk] = list(digests_in(bytes(body), rows[pk][2]))
    # Only what may be in a plan is ever named there.
    named = {row[1] for row in presences if row[11] in UNREACHED}
    found = {}
    for pk, row in rows.items():
        _, _, digest, kind, media_type, artifact_type, subject, *platform, problem = row[:11]
        what = ""
        if pk in named:
            what = _what(kind, media_type, artifact_type, platform, platforms.get(pk, 0))
        unknown = (problem or "its format is not known") if kind == ManifestKind.UNPARSED else ""
        node = Node(tuple(children.get(pk, ())), subject)
        found[pk] = KnownManifest(digest, what, media_type, node, unknown)
    return found


def _what(
    kind: str, media_type: str, artifact_type: str, platform: Sequence[str], platforms: int
) -> str:
    if kind == ManifestKind.INDEX:
        return f"index of {platforms:,}"
    named = mediatypes.artifact_name(artifact_type) or mediatypes.artifact_name(media_type)
    if kind == ManifestKind.ARTIFACT:
        return (named or artifact_type or "artifact")[:120]
    where = "/".join(part for part in platform if part)
    return where or named or str(ManifestKind(kind).label).lower()


def _incomplete(repository: Repository) -> str:
    if repository.complete:
        return ""
    return repository.incomplete_reason or "its last observation did not see everything."


def _unread_indexes(scope: Scope) -> dict[int, str]:
    """Repositories with an index that names another index which was never seen there: what that one
    holds is unknown. One that is gone holds nothing.
    """
    rows = _fetch(
        "SELECT DISTINCT presence.repository_id, child.digest"
        " FROM registry_browser_presence presence"
        " JOIN registry_browser_manifestchild child ON child.manifest_id = presence.manifest_id"
        " WHERE presence.repository_id = ANY(%(repositories)s) AND presence.gone_at IS NULL"
        " AND child.media_type = ANY(%(indexes)s) AND NOT EXISTS ("
        " SELECT FROM registry_browser_presence seen"
        " JOIN registry_browser_manifest named ON named.id = seen.manifest_id"
        " WHERE seen.repository_id = presence.repository_id AND named.digest = child.digest)",
        repositories=scope.ids,
        indexes=sorted(mediatypes.INDEX_TYPES),
    )
    return {
        repository_id: f"an index in it, {digest[:19]}…, could not be read."
        for repository_id, digest in rows
    }


def locks_of(registry_id: int) -> tuple[Lock, ...]:
    """The locks of a registry, as they were set."""
    rows = Protection.objects.filter(registry=registry_id).order_by("pk")
    return tuple(Lock(row.path, row.digest, row.reason, row.actor) for row in rows)


def _holdings(
    registry: Registry, manifests: dict[int, str]
) -> tuple[dict[str, frozenset[str]], dict[str, Stored]]:
    """What the registry must keep for each of `manifests` (id → digest), and how large that is."""
    held: dict[str, set[str]] = {digest: set() for digest in manifests.values()}
    stored: dict[str, Stored] = {}
    rows = _fetch(
        _HOLDINGS,
        registry=registry.pk,
        manifests=list(manifests),
        layer=BlobRole.LAYER.value,
        body=BlobRole.BODY.value,
    )
    for pk, digest, size, role, media_type in rows:
        if media_type and not Child(digest, size, media_type).is_blob:
            # A manifest that the index names and that was never seen: nothing to count.
            continue
        held[manifests[pk]].add(digest)
        known = stored.get(digest)
        if known is None or role > known.role:
            stored[digest] = Stored(size, BlobRole(role))
    return {digest: frozenset(blobs) for digest, blobs in held.items()}, stored


def _fetch(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
