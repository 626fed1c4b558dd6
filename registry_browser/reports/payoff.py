"""Where deleting would pay most: the places right below another one, by what each would free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models.rows import fetch
from registry_browser.reports.places import places

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.models import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffRow:
    """What comes back if this place alone were cleaned; rows need not add up to more than that."""

    path: str
    dangling: int
    reclaimable_bytes: int
    oldest_since: datetime | None


# For each path the range of `repository_path` that is below it.
_OLDEST = """
SELECT asked.path, (
         SELECT min(oldest) FROM (
            SELECT oldest_dangling_at AS oldest FROM registry_browser_repository
             WHERE registry_id = %(registry)s AND path = asked.path COLLATE "C"
               AND gone_at IS NULL
            UNION ALL
            SELECT oldest_dangling_at FROM registry_browser_repository
             WHERE registry_id = %(registry)s AND path > (asked.path || '/') COLLATE "C"
               AND path < (asked.path || '0') COLLATE "C" AND gone_at IS NULL) found) AS oldest
  FROM unnest(%(paths)s::text[]) AS asked (path)
"""


@dataclass(frozen=True, slots=True)
class _Oldest:
    path: str
    oldest: datetime | None


def payoff(registry: Registry, prefix: str = "", *, limit: int = 6) -> list[PayoffRow]:
    """At most `limit` places below `prefix` in which something dangles; two statements."""
    rows = [
        row
        for row in places(registry, prefix, ordering="-reclaimable", limit=limit)
        if row.dangling
    ]
    asked = {"registry": registry.pk, "paths": [row.path for row in rows]}
    oldest = {found.path: found.oldest for found in fetch(_Oldest, _OLDEST, asked)}
    return [
        PayoffRow(
            path=row.path,
            dangling=row.dangling,
            reclaimable_bytes=row.reclaimable_bytes,
            oldest_since=oldest.get(row.path),
        )
        for row in rows
    ]
