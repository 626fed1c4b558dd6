"""What an image seems to be based on: the tallest known base whose layers it begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from registry_browser.models import Manifest, Repository


@dataclass(frozen=True, slots=True)
class LikelyBase:
    """The image first seen that is just the first `layers` layers; `tag` is empty where it has none
    any more.
    """

    path: str
    tag: str
    digest: str
    layers: int

    @property
    def reference(self) -> str:
        return f"{self.path}:{self.tag}" if self.tag else f"{self.path}@{self.digest[:19]}…"


# Any platform of an index tells: they stand on the platforms of one base. A base that was first
# seen in this repository is an older version of the image rather than what it is based on.
_TALLEST = """
WITH asked (id) AS MATERIALIZED ({manifests}),
image AS MATERIALIZED (
    SELECT manifest.id, manifest.chain
      FROM asked JOIN registry_browser_manifest manifest ON manifest.id = asked.id
  UNION ALL
    SELECT manifest.id, manifest.chain
      FROM asked
      JOIN registry_browser_manifestchild child ON child.manifest_id = asked.id
      JOIN registry_browser_manifest manifest
        ON manifest.registry_id = %(registry)s AND manifest.digest = child.digest
)
SELECT base.path, base.tag, base.digest, base.layers
  FROM image
  JOIN registry_browser_manifestblob link ON link.manifest_id = image.id AND link.role = 1
  JOIN registry_browser_baseimage base
    ON base.registry_id = %(registry)s AND base.chain = link.chain
 WHERE base.chain <> image.chain AND base.path <> '' AND base.path <> %(path)s
 ORDER BY base.layers DESC, base.images DESC LIMIT 1
"""

# The tag that stands first in the table, as for the pull commands.
_FIRST_TAG = """SELECT manifest_id FROM registry_browser_tag WHERE repository_id = %(repository)s
  ORDER BY sort_key DESC, name DESC LIMIT 1"""


def base_of_repository(repository: Repository) -> LikelyBase | None:
    """What the image of the first tag seems to be based on; one statement."""
    return _tallest(repository, _FIRST_TAG)


def base_of_manifest(repository: Repository, manifest: Manifest) -> LikelyBase | None:
    """What an image, or an index of images, seems to be based on; one statement."""
    return _tallest(repository, "SELECT %(manifest)s::bigint", manifest.pk)


def _tallest(repository: Repository, manifests: str, manifest: int = 0) -> LikelyBase | None:
    with connection.cursor() as cursor:
        cursor.execute(
            _TALLEST.format(manifests=manifests),
            {
                "registry": repository.registry_id,
                "repository": repository.pk,
                "path": repository.path,
                "manifest": manifest,
            },
        )
        found = cursor.fetchone()
    return LikelyBase(*found) if found else None
