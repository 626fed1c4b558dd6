"""What stands around manifests in a repository: indexes that name them, and what refers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry_browser.models import Repository

NAMED = 5
"""How many parents, tags or referrers of one manifest a row names."""


# A child that thousands of nightly indexes share names a few of them; the count stops at a
# thousand.
_PARENTS = """
SELECT asked.digest, (array_agg(parent.digest))[1:%(named)s], count(*)
  FROM unnest(%(digests)s::text[]) AS asked (digest)
  CROSS JOIN LATERAL (
    SELECT DISTINCT ON (manifest.id) manifest.digest
      FROM registry_browser_manifestchild child
      JOIN registry_browser_manifest manifest ON manifest.id = child.manifest_id
      JOIN registry_browser_presence presence
        ON presence.manifest_id = manifest.id AND presence.repository_id = %(repository)s
       AND presence.gone_at IS NULL
     WHERE child.digest = asked.digest COLLATE "C"
     ORDER BY manifest.id DESC
     LIMIT 1000
  ) parent
 GROUP BY asked.digest
"""


_REFERRERS = """
SELECT asked.digest, array_agg(referrer.digest)
  FROM unnest(%(digests)s::text[]) AS asked (digest)
  CROSS JOIN LATERAL (
    SELECT manifest.digest
      FROM registry_browser_manifest manifest
      JOIN registry_browser_presence presence
        ON presence.manifest_id = manifest.id AND presence.repository_id = %(repository)s
       AND presence.gone_at IS NULL
     WHERE manifest.registry_id = %(registry)s AND manifest.subject <> ''
       AND manifest.subject = asked.digest COLLATE "C"
     ORDER BY manifest.id DESC
     LIMIT %(named)s
  ) referrer
 GROUP BY asked.digest
"""


def parents_of(
    repository: Repository, digests: Sequence[str], *, named: int = NAMED
) -> Mapping[str, tuple[list[str], int]]:
    """The indexes present in the repository that name each digest: the newest `named`, and how many
    (1,000 at most).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _PARENTS, {"digests": list(digests), "repository": repository.pk, "named": named}
        )
        return {digest: (list(parents), count) for digest, parents, count in cursor.fetchall()}


def referrers_of(
    repository: Repository, digests: Sequence[str], *, named: int = NAMED
) -> Mapping[str, list[str]]:
    """The newest `named` manifests present in the repository whose subject is each digest."""
    with connection.cursor() as cursor:
        cursor.execute(
            _REFERRERS,
            {
                "digests": list(digests),
                "repository": repository.pk,
                "registry": repository.registry_id,
                "named": named,
            },
        )
        return {digest: list(found) for digest, found in cursor.fetchall()}
