"""Changes into the record: tags, presences, the ledger, states and figures of a batch of
repositories, in one transaction.

The content that tags point to must be stored before (see `content`). Storing the same changes
twice ends in the same record: what is there already is left alone, and only what was really changed
is written to the ledger.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection, transaction

from registry_browser.history.ledger import record_tag_events, tags_seen_before
from registry_browser.history.told import later
from registry_browser.models import (
    EventSource,
    KnownBy,
    Registry,
    TagEvent,
    TagEventKind,
)
from registry_browser.models.tagsort import sort_key
from registry_browser.sync.explain import explain
from registry_browser.sync.figures import liveness
from registry_browser.sync.figures.counts import refresh_repositories
from registry_browser.sync.reading.observed import RepositoryChanges, TagChange
from registry_browser.sync.storing.content import known_manifests


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What was stored of one repository."""

    path: str
    repository_id: int
    created: int = 0
    moved: int = 0
    restored: int = 0

    @property
    def changes(self) -> int:
        return self.created + self.moved + self.restored


def store_changes(registry: Registry, batch: Sequence[RepositoryChanges]) -> list[StoredResult]:
    """Store what is ours of a batch. All of it is stored, or (the transaction fails) none."""
    batch = [changes for changes in batch if changes.is_ours]
    if not batch:
        return []
    with transaction.atomic():
        Registry.objects.hold(registry.pk)
        ids = _store_repositories(registry, batch)
        kinds, events = _store_tags(registry, ids, batch)
        record_tag_events(explain(registry, ids, batch, events))
        changed = [changes for changes in batch if _brings_something(changes)]
        if changed:
            refresh_repositories(_store_presences(registry, ids, changed))
    return [_result(changes.path, ids[changes.path], kinds) for changes in batch]


def _brings_something(changes: RepositoryChanges) -> bool:
    manifests = changes.referrers or changes.confirmed or changes.told or changes.gone
    return bool(changes.created or changes.moved or manifests)


_REPOSITORIES = """
INSERT INTO registry_browser_repository AS repository (
    registry_id, path, first_seen_at, untagged_known_since, synced_at, tags_complete_at,
      checked_at, listed_by, complete,
    incomplete_reason, problems, changed_at, lists_untagged, tag_count, manifest_count,
      dangling_count, apparent_bytes,
    stored_bytes, exclusive_bytes, reclaimable_bytes)
SELECT %(registry)s, path, seen_at, seen_at, listed_at, complete_at, checked_at, 'tags/list',
  complete, reason, problems,
       changed_at, false, 0, 0, 0, 0, 0, 0, 0
  FROM unnest(%(path)s::text[], %(seen_at)s::timestamptz[], %(listed_at)s::timestamptz[],
    %(complete_at)s::timestamptz[],
              %(checked_at)s::timestamptz[], %(complete)s::boolean[], %(reason)s::text[],
                %(problems)s::jsonb[],
              %(changed_at)s::timestamptz[])
       AS new (path, seen_at, listed_at, complete_at, checked_at, complete, reason, problems,
         changed_at)
ON CONFLICT (registry_id, path) DO UPDATE SET
    synced_at = coalesce(excluded.synced_at, repository.synced_at),
    tags_complete_at = coalesce(excluded.tags_complete_at, repository.tags_complete_at),
    checked_at = coalesce(excluded.checked_at, repository.checked_at),
    changed_at = coalesce(excluded.changed_at, repository.changed_at),
    complete = excluded.complete, incomplete_reason = excluded.incomplete_reason,
      problems = excluded.problems,
    gone_at = CASE WHEN excluded.synced_at IS NOT NULL
      AND excluded.path <> ALL(%(absent)s::text[]) THEN NULL
                   ELSE repository.gone_at END
RETURNING path, id
"""


def _store_repositories(registry: Registry, batch: Sequence[RepositoryChanges]) -> dict[str, int]:
    """The rows of the batch, new ones made. A repository that was gone and is listed again is back.

    An observation that failed leaves the moments of the last good one as they were.
    """
    columns: dict[str, list[object]] = {
        "path": [changes.path for changes in batch],
        "seen_at": [changes.seen_at for changes in batch],
        "listed_at": [changes.seen_at if changes.listing_complete else None for changes in batch],
        "complete_at": [changes.seen_at if _is_settled(changes) else None for changes in batch],
        "checked_at": [changes.seen_at if changes.checked else None for changes in batch],
        "complete": [_is_settled(changes) for changes in batch],
        "reason": [changes.reason or _missing_reason(changes) for changes in batch],
        "problems": [
            json.dumps([problem.as_json() for problem in changes.problems]) for changes in batch
        ],
        "changed_at": [
            changes.seen_at if changes.created or changes.moved else None for changes in batch
        ],
    }
    absent = [changes.path for changes in batch if changes.absent]
    with connection.cursor() as cursor:
        cursor.execute(_REPOSITORIES, {"registry": registry.pk, "absent": absent, **columns})
        return dict(cursor.fetchall())


def _missing_reason(changes: RepositoryChanges) -> str:
    """What stands there until the run has decided what to believe."""
    if changes.absent:
        return "The registry does not know this repository any more; it may be gone."
    if not changes.missing:
        return ""
    what = "One known tag is" if len(changes.missing) == 1 else f"{len(changes.missing):,} tags are"
    return f"{what} not listed any more; whether they are gone is not certain."


def _is_settled(changes: RepositoryChanges) -> bool:
    """Complete, and nothing missing that the run has still to believe."""
    return changes.complete and not changes.missing and not changes.absent


def _store_presences(
    registry: Registry, ids: dict[str, int], changed: Sequence[RepositoryChanges]
) -> list[int]:
    """Presences of the batch and the states that follow. Returns the repositories whose states were
    computed anew.
    """
    came_or_went = liveness.add_presences(
        registry.pk,
        [
            liveness.Seen(ids[changes.path], digest, known_by, changes.seen_at)
            for changes in changed
            for known_by, digests in (
                (KnownBy.TAG, changes.pointed_to),
                (KnownBy.REFERRER, changes.referrers),
                (KnownBy.CHECK, changes.confirmed),
                (KnownBy.NOTIFICATION, changes.told),
            )
            for digest in sorted(digests)
        ],
    )
    for changes in changed:
        repository, at = ids[changes.path], changes.seen_at
        liveness.confirm(registry.pk, repository, sorted(changes.confirmed), seen_at=at)
        came_or_went |= liveness.mark_gone(
            registry.pk, repository, sorted(changes.gone), seen_at=at
        )
    return liveness.refresh_states(
        registry.pk, {ids[changes.path]: changes.seen_at for changes in changed}, came_or_went
    )


def _store_tags(
    registry: Registry, ids: dict[str, int], batch: Sequence[RepositoryChanges]
) -> tuple[dict[tuple[int, str], TagEventKind], list[TagEvent]]:
    """Tags into the record. Returns what really happened to each tag of (repository id, name), and
    the events that say so.
    """
    digests = {digest for changes in batch for digest in changes.pointed_to}
    if not digests:
        return {}, []
    manifests = known_manifests(registry.pk, digests)
    created = [(changes, change) for changes in batch for change in changes.created]
    moved = [(changes, change) for changes in batch for change in changes.moved]
    inserted = set(_write_tags(_INSERT_TAGS, ids, created, manifests))
    back = tags_seen_before(sorted(inserted))
    kinds = dict.fromkeys(inserted - back, TagEventKind.CREATED)
    kinds |= dict.fromkeys(back, TagEventKind.RESTORED)
    seen_last = _write_tags(_MOVE_TAGS, ids, moved, manifests)
    kinds |= dict.fromkeys(seen_last, TagEventKind.MOVED)
    return kinds, [
        tag_event(
            registry,
            ids[changes.path],
            changes.path,
            replace(change, not_before=later(change.not_before, seen_last.get(place))),
            kind,
            changes.read_at,
        )
        for changes, change in (*created, *moved)
        if (kind := kinds.get(place := (ids[changes.path], change.name)))
    ]


_INCOMING_TAGS = """
unnest(%(repositories)s::bigint[], %(names)s::text[], %(manifests)s::bigint[],
  %(sort_keys)s::text[],
       %(seen_at)s::timestamptz[]) AS incoming (repository_id, name, manifest_id, sort_key, seen_at)
"""

# Only names that were really added come back: one that a redelivered batch has stored already is
# not created again.
_INSERT_TAGS = f"""
INSERT INTO registry_browser_tag (repository_id, name, manifest_id, sort_key, first_seen_at,
  changed_at)
SELECT repository_id, name, manifest_id, sort_key, seen_at, seen_at FROM {_INCOMING_TAGS}
ON CONFLICT (repository_id, name) DO NOTHING RETURNING repository_id, name, NULL::timestamptz
"""

# What it pointed to was seen at `changed_at`: it moved after that, also where the repository was
# not complete since.
_MOVE_TAGS = f"""
UPDATE registry_browser_tag tag SET manifest_id = incoming.manifest_id,
  changed_at = incoming.seen_at
  FROM {_INCOMING_TAGS}
  JOIN registry_browser_tag was
    ON was.repository_id = incoming.repository_id AND was.name = incoming.name COLLATE "C"
 WHERE tag.id = was.id AND tag.manifest_id <> incoming.manifest_id
RETURNING tag.repository_id, tag.name, was.changed_at
"""


def _write_tags(
    statement: str,
    ids: dict[str, int],
    incoming: Sequence[tuple[RepositoryChanges, TagChange]],
    manifests: dict[str, int],
) -> dict[tuple[int, str], datetime | None]:
    """The tags that were really written, with when they were seen to change before."""
    if not incoming:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "repositories": [ids[changes.path] for changes, _ in incoming],
                "names": [change.name for _, change in incoming],
                "manifests": [manifests[change.new] for _, change in incoming],
                "sort_keys": [sort_key(change.name) for _, change in incoming],
                "seen_at": [changes.seen_at for changes, _ in incoming],
            },
        )
        return {(repository, name): before for repository, name, before in cursor.fetchall()}


def tag_event(
    registry: Registry,
    repository_id: int,
    path: str,
    change: TagChange,
    kind: TagEventKind,
    seen_at: datetime,
    source: EventSource = EventSource.SYNC,
    actor: str = "",
) -> TagEvent:
    """The change of one tag as the ledger has it; not stored yet."""
    return TagEvent(
        registry_id=registry.pk,
        repository_id=repository_id,
        registry_name=registry.name,
        path=path,
        tag=change.name,
        kind=kind,
        old_digest=change.old,
        new_digest=change.new,
        not_before=change.not_before,
        seen_at=seen_at,
        source=source,
        actor=actor,
    )


def _result(
    path: str, repository_id: int, kinds: dict[tuple[int, str], TagEventKind]
) -> StoredResult:
    mine = Counter(kind for (repository, _), kind in kinds.items() if repository == repository_id)
    return StoredResult(
        path,
        repository_id,
        mine[TagEventKind.CREATED],
        mine[TagEventKind.MOVED],
        mine[TagEventKind.RESTORED],
    )
