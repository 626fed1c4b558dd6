"""Repositories by the bytes that two of them have in common.

Ten thousand repositories make fifty million pairs, so pairs are formed among those that share most.
That loses little, and says how much: what two have in common is at most what either shares with
anyone, so a pair left out has less in common than the last repository that was compared shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import F

from registry_browser.models import Repository
from registry_browser.models.rows import fetch

if TYPE_CHECKING:
    from registry_browser.models import Registry

COMPARED = 40
MATRIX = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """Two repositories, `first` before `second` by path, and what both store."""

    first: str
    second: str
    first_stored: int
    second_stored: int
    common_bytes: int
    common_blobs: int

    @property
    def percent(self) -> int:
        """The common part of the smaller one."""
        smaller = min(self.first_stored, self.second_stored)
        return self.common_bytes * 100 // smaller if smaller else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs with most in common first, among the `compared` repositories that share most.

    Every pair with more than `certain_above` bytes in common is among them.
    """

    rows: list[PairRow]
    paths: list[str]
    repositories: int
    certain_above: int

    @property
    def compared(self) -> int:
        return len(self.paths)

    def matrix(self) -> list[tuple[str, list[PairRow | None]]]:
        """The MATRIX repositories that share most, each with its pairs in the same order."""
        found = {(row.first, row.second): row for row in self.rows}
        paths = self.paths[:MATRIX]
        return [
            (path, [found.get((min(path, other), max(path, other))) for other in paths])
            for path in paths
        ]


# Only blobs that several of the compared repositories hold are looked up and joined.
_PAIRS = """
WITH held AS MATERIALIZED (
    SELECT blob_id, array_agg(repository_id ORDER BY repository_id) AS holders
      FROM registry_browser_repositoryblob
     WHERE repository_id = ANY(%(repositories)s)
     GROUP BY blob_id HAVING count(*) > 1)
SELECT one AS first_id, other AS second_id, sum(blob.stored_bytes)::bigint AS common_bytes,
       count(*)::int AS common_blobs
  FROM held
  JOIN registry_browser_blob blob ON blob.id = held.blob_id
 CROSS JOIN LATERAL unnest(held.holders) one
 CROSS JOIN LATERAL unnest(held.holders) other
 WHERE one < other
 GROUP BY one, other
"""


@dataclass(frozen=True, slots=True)
class _Common:
    first_id: int
    second_id: int
    common_bytes: int
    common_blobs: int


def pairs(registry: Registry, prefix: str = "") -> Pairs:
    """The pairs among those repositories at and below `prefix` that share most."""
    found = (
        Repository.objects.below(prefix)
        .filter(registry=registry, gone_at=None)
        .annotate(shared=F("stored_bytes") - F("exclusive_bytes"))
        .filter(shared__gt=0)
    )
    ranked = list(
        found.order_by("-shared", "path").values_list("pk", "path", "stored_bytes", "shared")[
            : COMPARED + 1
        ]
    )
    compared = {pk: (path, stored) for pk, path, stored, _ in ranked[:COMPARED]}
    common = fetch(_Common, _PAIRS, {"repositories": list(compared)}) if compared else []
    rows = [_row(compared[each.first_id], compared[each.second_id], each) for each in common]
    return Pairs(
        rows=sorted(rows, key=lambda row: (-row.common_bytes, row.first, row.second)),
        paths=[path for path, _ in compared.values()],
        repositories=found.count() if len(ranked) > COMPARED else len(ranked),
        certain_above=ranked[COMPARED][3] if len(ranked) > COMPARED else 0,
    )


def _row(one: tuple[str, int], other: tuple[str, int], common: _Common) -> PairRow:
    (first, first_stored), (second, second_stored) = sorted((one, other))
    return PairRow(
        first=first,
        second=second,
        first_stored=first_stored,
        second_stored=second_stored,
        common_bytes=common.common_bytes,
        common_blobs=common.common_blobs,
    )
