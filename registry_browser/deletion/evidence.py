"""What a plan is about, and the evidence for it: hashes of what the record held in its scope."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from registry_browser.models import Registry, Repository
from registry_browser.models.presence import RepositoryQuerySet

# One line a repository, so that the order of rows cannot matter. A repository appears, vanishes, is
# incomplete: all of it changes the hash. KEPT counts as DANGLING: it follows from tags, locks and
# presences, which are here themselves, and may follow a moment later. What no tag reaches stands
# with the moment since when it is as it is (`known.settled_at`): a manifest that got a tag and lost
# it again is in the same state as before, and young.
_EVIDENCE = """
SELECT coalesce(md5(string_agg(line, ';' ORDER BY line)), '') FROM (
    SELECT concat_ws(':', repository.id, repository.complete,
      (SELECT md5(string_agg(concat_ws('=', tag.name, tag.manifest_id), ',' ORDER BY tag.name))
         FROM registry_browser_tag tag WHERE tag.repository_id = repository.id),
      (SELECT md5(string_agg(concat_ws('=', presence.manifest_id, least(presence.state, 4),
                CASE WHEN presence.state >= 4 THEN extract(epoch FROM greatest(
                  presence.first_seen_at, presence.pushed_at, presence.untagged_since)) END), ','
                ORDER BY presence.manifest_id))
         FROM registry_browser_presence presence
        WHERE presence.repository_id = repository.id AND presence.gone_at IS NULL)) AS line
      FROM registry_browser_repository repository WHERE repository.id = ANY(%(repositories)s)
  UNION ALL
    SELECT concat_ws('@', 'lock', protection.id, path, digest)
      FROM registry_browser_protection protection WHERE protection.registry_id = %(registry)s
) AS lines
"""

# The counts that every sync keeps: whatever comes, goes or changes its state changes one of them,
# but for changes that cancel out. Those show in the last rows, or at the approval.
_GLANCE = """
SELECT coalesce(md5(string_agg(line, ';' ORDER BY line)), '') FROM (
    SELECT concat_ws(':', repository.id, complete, tag_count, manifest_count,
        dangling_count + kept_count)
        AS line
      FROM registry_browser_repository repository WHERE repository.id = ANY(%(repositories)s)
  UNION ALL
    SELECT concat_ws('@', 'lock', protection.id, path, digest)
      FROM registry_browser_protection protection WHERE protection.registry_id = %(registry)s
) AS lines
"""

_LAST_ROWS = """
SELECT (SELECT coalesce(max(id), 0) FROM registry_browser_tagevent),
       (SELECT coalesce(max(id), 0) FROM registry_browser_presence)
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about: repositories of a registry, by id, and the manifests chosen there."""

    registry: Registry
    repositories: tuple[Repository, ...]
    digests: tuple[str, ...] = ()

    @property
    def ids(self) -> list[int]:
        return [repository.pk for repository in self.repositories]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the record held: a hash of it, one of its counts alone, and the last rows of the ledger
    and of the presences.
    """

    hash: str
    glance: str
    ledger_id: int
    presence_id: int


def scope_of(registry: Registry, prefix: str = "", digests: Iterable[str] = ()) -> Scope:
    """The repositories at and below `prefix`; with `digests`, only those that hold one of them."""
    chosen = tuple(dict.fromkeys(digests))
    repositories = _repositories(registry, prefix, chosen).only(
        "path", "complete", "incomplete_reason", "tags_complete_at", "tag_count"
    )
    return Scope(registry, tuple(repositories.order_by("path")), chosen)


def _repositories(registry: Registry, prefix: str, chosen: Sequence[str]) -> RepositoryQuerySet:
    repositories = Repository.objects.filter(registry=registry, gone_at=None).below(prefix)
    if chosen:
        repositories = repositories.filter(
            presences__gone_at=None, presences__manifest__digest__in=chosen
        ).distinct()
    return repositories


def evidence_of(scope: Scope) -> Evidence:
    """The evidence as it is now."""
    with connection.cursor() as cursor:
        cursor.execute(_EVIDENCE, {"repositories": scope.ids, "registry": scope.registry.pk})
        (digest,) = cursor.fetchone()
        cursor.execute(_LAST_ROWS)
        ledger_id, presence_id = cursor.fetchone()
    return Evidence(digest, _glance(scope.registry, scope.ids), ledger_id, presence_id)


def glance_of(registry: Registry, prefix: str = "", digests: Sequence[str] = ()) -> str:
    """A hash of the scope's counts as they are now; cheap, and blind to changes that cancel out."""
    repositories = _repositories(registry, prefix, digests)
    return _glance(registry, list(repositories.values_list("pk", flat=True)))


def _glance(registry: Registry, repositories: list[int]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_GLANCE, {"repositories": repositories, "registry": registry.pk})
        (digest,) = cursor.fetchone()
    return str(digest)
