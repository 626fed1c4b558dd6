"""What stands around one manifest: tags that reach it, referrers, other repositories it is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from registry_browser.models import Manifest, Presence, Repository, Tag
from registry_browser.oci.mediatypes import artifact_name
from registry_browser.queries.exclusive import MAX_DEPTH
from registry_browser.queries.manifests import what_it_is

if TYPE_CHECKING:
    from datetime import datetime

NAMED = 200
"""How many tags or referrers a page names at most."""


@dataclass(frozen=True, slots=True)
class ReachedBy:
    """Tags that reach the manifest through one index, its parent or an index above that."""

    index: str
    tags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrerRow:
    """A manifest present in the repository whose subject this one is, or one found by cosign's tag
    of it.
    """

    digest: str
    what: str
    artifact_type: str
    size_bytes: int
    first_seen_at: datetime
    tag: str = ""


_REACHED_BY = """
WITH RECURSIVE above (digest, manifest_id, depth) AS (
    SELECT %(digest)s::text COLLATE "C", NULL::bigint, 0
  UNION
    SELECT manifest.digest, manifest.id, above.depth + 1
      FROM above
      JOIN registry_browser_manifestchild child ON child.digest = above.digest
      JOIN registry_browser_manifest manifest ON manifest.id = child.manifest_id
      JOIN registry_browser_presence presence
        ON presence.manifest_id = manifest.id AND presence.repository_id = %(repository)s
       AND presence.gone_at IS NULL
     WHERE above.depth < %(depth)s
)
SELECT DISTINCT above.digest, tag.name, tag.sort_key
  FROM above
  JOIN registry_browser_tag tag
    ON tag.manifest_id = above.manifest_id AND tag.repository_id = %(repository)s
 ORDER BY tag.sort_key DESC, tag.name DESC
 LIMIT %(named)s
"""


def tags_above(repository: Repository, digest: str) -> list[ReachedBy]:
    with connection.cursor() as cursor:
        cursor.execute(
            _REACHED_BY,
            {"digest": digest, "repository": repository.pk, "depth": MAX_DEPTH, "named": NAMED},
        )
        names: dict[str, list[str]] = {}
        for index, name, _ in cursor.fetchall():
            names.setdefault(index, []).append(name)
    return [ReachedBy(index, found) for index, found in names.items()]


def referrers_here(repository: Repository, manifest: Manifest) -> list[ReferrerRow]:
    """What names this as its subject, then what cosign's tags of it (`sha256-….sig`) point to."""
    by_subject = Presence.objects.filter(
        repository=repository,
        gone_at=None,
        manifest__registry=repository.registry_id,
        manifest__subject=manifest.digest,
    ).select_related("manifest")
    rows = [
        ReferrerRow(
            digest=found.manifest.digest,
            what=what_it_is(found.manifest),
            artifact_type=found.manifest.artifact_type,
            size_bytes=found.manifest.content_bytes,
            first_seen_at=found.first_seen_at,
        )
        for found in by_subject.order_by("-first_seen_at", "-id")[:NAMED]
    ]
    known = {row.digest for row in rows}
    fallback = manifest.digest.replace(":", "-")
    tagged = Tag.objects.filter(
        repository=repository, name__startswith=f"{fallback}."
    ).select_related("manifest")
    rows += [
        ReferrerRow(
            digest=tag.manifest.digest,
            what=artifact_name(tag.manifest.artifact_type)
            or f"cosign {tag.name.rpartition('.')[2]}",
            artifact_type=tag.manifest.artifact_type,
            size_bytes=tag.manifest.content_bytes,
            first_seen_at=tag.first_seen_at,
            tag=tag.name,
        )
        for tag in tagged.order_by("name")[:NAMED]
        if tag.manifest.digest not in known
    ]
    return rows


def other_places(repository: Repository, manifest: Manifest) -> tuple[list[str], int]:
    others = Presence.objects.filter(manifest=manifest, gone_at=None).exclude(repository=repository)
    paths = others.order_by("repository__path").values_list("repository__path", flat=True)
    return list(paths[:NAMED]), others.count()


def is_here(repository: Repository, digest: str) -> bool:
    return Presence.objects.filter(
        repository=repository,
        gone_at=None,
        manifest__registry=repository.registry_id,
        manifest__digest=digest,
    ).exists()
