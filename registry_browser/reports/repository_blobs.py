"""The largest blobs that a repository alone holds: what its exclusive bytes are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models.rows import fetch

if TYPE_CHECKING:
    from registry_browser.models import Repository


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A blob that no other repository holds; `live` where a live manifest refers to it."""

    digest: str
    media_type: str
    stored_bytes: int
    live: bool


# By the primary key of holdings, which begins with the repository, then each blob by its key.
_OF_FEW = """
SELECT blob.digest, blob.media_type, blob.stored_bytes, holding.live
  FROM registry_browser_repositoryblob holding
  JOIN registry_browser_blob blob ON blob.id = holding.blob_id
 WHERE holding.repository_id = %(repository)s AND blob.holders = 1
 ORDER BY blob.stored_bytes DESC, blob.digest
 LIMIT %(limit)s
"""

# A large repository holds many of the registry's largest layers: they are walked by `layer_by_size`
# until enough of them are its own.
_OF_MANY = """
SELECT blob.digest, blob.media_type, blob.stored_bytes, holding.live
  FROM (SELECT id, digest, media_type, stored_bytes, holders FROM registry_browser_blob
         WHERE registry_id = %(registry)s AND layer_manifests > 0
         ORDER BY size DESC OFFSET 0) blob
 CROSS JOIN LATERAL (
    SELECT live FROM registry_browser_repositoryblob
     WHERE repository_id = %(repository)s AND blob_id = blob.id OFFSET 0) holding
 WHERE blob.holders = 1 AND blob.stored_bytes > 0
 LIMIT %(limit)s
"""
MANY = 2_000
"""Manifests from which a repository counts as large."""


def largest_blobs(repository: Repository, *, limit: int) -> list[BlobRow]:
    """At most `limit` of them, largest first; one statement."""
    return fetch(
        BlobRow,
        _OF_MANY if repository.manifest_count > MANY else _OF_FEW,
        {
            "repository": repository.pk,
            "registry": repository.registry_id,
            "limit": limit,
        },
    )
