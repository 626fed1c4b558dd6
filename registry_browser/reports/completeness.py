"""How complete the figures of a place are: what was listed when, and what nobody can list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from registry_browser.models.rows import fetch
from registry_browser.reports.scope import IN_SCOPE, below

if TYPE_CHECKING:
    from datetime import datetime

    from registry_browser.models import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What was seen of `repositories`: all tags of `complete` ones, between two moments.

    `listing` of them have their untagged manifests listed by the registry. Of the others we know
    what was seen since they are watched, all of them since `known_since`.
    """

    repositories: int
    complete: int
    first_listed_at: datetime | None
    last_listed_at: datetime | None
    listing: int
    known_since: datetime | None
    incomplete_path: str
    incomplete_reason: str

    @property
    def is_complete(self) -> bool:
        return self.complete == self.repositories and self.repositories > 0

    @property
    def is_of_one_moment(self) -> bool:
        """Whether all that is complete was listed within a minute."""
        first, last = self.first_listed_at, self.last_listed_at
        return first is not None and last is not None and last - first < timedelta(minutes=1)

    @property
    def lists_untagged(self) -> bool:
        return self.listing == self.repositories and self.repositories > 0


# The reason of the first one is looked up by its path: to collect all in order is to sort them.
_COMPLETENESS = f"""
SELECT seen.repositories, seen.complete, seen.first_listed_at, seen.last_listed_at, seen.listing,
       seen.known_since, coalesce(seen.incomplete_path, '') AS incomplete_path,
       coalesce(first.incomplete_reason, '') AS incomplete_reason
  FROM (SELECT count(*) AS repositories, count(*) FILTER (WHERE complete) AS complete,
               min(tags_complete_at) FILTER (WHERE complete) AS first_listed_at,
               max(tags_complete_at) FILTER (WHERE complete) AS last_listed_at,
               count(*) FILTER (WHERE lists_untagged) AS listing,
               max(untagged_known_since) FILTER (WHERE NOT lists_untagged) AS known_since,
               min(path) FILTER (WHERE NOT complete) AS incomplete_path
          FROM registry_browser_repository repository
         WHERE registry_id = %(registry)s AND gone_at IS NULL AND {IN_SCOPE}) seen
  LEFT JOIN registry_browser_repository first
    ON first.registry_id = %(registry)s AND first.path = seen.incomplete_path
"""


def completeness(registry: Registry, prefix: str = "") -> Completeness:
    """Of the repository at `prefix` and all below it; one statement, a range of `repository_path`.

    `known_since` is that of the repository watched for the shortest time: only from then on is
    the whole place known.
    """
    [row] = fetch(Completeness, _COMPLETENESS, {"registry": registry.pk, **below(prefix)})
    return row
