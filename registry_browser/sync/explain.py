"""What goes into the ledger where notifications told something, beside what a sync saw.

An event that something told explains is replaced by the told steps, with their actors. A tag that
went and came back between two looks has steps where the sync saw no change at all. What a registry
that tells of everything has still to tell of is held meanwhile: the ledger is never rewritten, so
that a step told late has to find its place before. How the steps are found is in `history.told`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Min, QuerySet

from registry_browser.history.ledger import last_of, record_tag_events, tags_seen_before
from registry_browser.history.told import PATIENCE, Sighting, Step, later, weave
from registry_browser.models import (
    EventSource,
    HeldChange,
    Registry,
    Tag,
    TagChangeRow,
    TagEvent,
    TagEventKind,
)
from registry_browser.sync.reading.observed import RepositoryChanges
from registry_browser.sync.told import Waiting, tells_all_in_order

log = structlog.get_logger(__name__)

Place = tuple[int, str]
"""A repository's id, and a tag's name."""

_SETTLED_AT_ONCE = 2000
"""Repositories."""


def explain(
    registry: Registry,
    ids: Mapping[str, int],
    batch: Sequence[RepositoryChanges],
    events: Iterable[TagEvent],
) -> list[TagEvent]:
    """The events to write instead of `events`, which the sync saw in `batch`."""
    held = _locked(ids.values())
    told = Waiting(registry.pk, [changes.path for changes in batch])
    in_order = tells_all_in_order(registry.pk)
    if not (held or told or in_order):
        return list(events)
    loom = _Loom(told, registry if in_order else None, held)
    found = {(event.repository_id, event.tag): event for event in events}
    by_id = {ids[changes.path]: changes for changes in batch}
    quiet = {
        (ids[changes.path], name): changes
        for changes in batch
        if changes.complete and not changes.absent
        for name in (told.tags(changes.path) | loom.held_tags(ids[changes.path]))
        - set(changes.missing)
        if (ids[changes.path], name) not in found
    }
    for event in (*found.values(), *_without_change(registry, quiet)):
        changes = by_id[event.repository_id]
        loom.add(event, looked_at=changes.seen_at, now=changes.read_at)
    for changes in batch:
        loom.add_held(ids[changes.path], now=changes.read_at)
    written = loom.weave()
    for changes in batch:
        if changes.complete and not changes.absent:
            # A tag that is missing, and whatever may have taken it along, waits for the run to
            # believe it.
            waits = {*changes.missing, ""} if changes.missing else set()
            waits |= loom.held_tags(ids[changes.path])
            told.pass_over(changes.path, changes.seen_at, but=waits)
    told.settle()
    return written


def explain_absences(
    registry: Registry,
    repository_id: int,
    path: str,
    events: Sequence[TagEvent],
    *,
    began_at: datetime | None,
) -> list[TagEvent]:
    """The same for tags of one repository that are believed to be gone, since a sync that began to
    look at `began_at` did not find them.
    """
    held = _locked([repository_id])
    told = Waiting(registry.pk, [path])
    in_order = tells_all_in_order(registry.pk)
    if not (held or told or in_order):
        return list(events)
    loom = _Loom(told, registry if in_order else None, held)
    for event in events:
        loom.add(event, looked_at=began_at or event.seen_at, now=event.seen_at)
    written = loom.weave()
    if began_at is not None:
        told.pass_over(path, began_at, but=loom.held_tags(repository_id))
    told.settle()
    return written


def settle_held(now: datetime) -> None:
    """Write what was held for too long, as it was seen: what it waited for was not told.

    Each repository by itself, so that one that cannot be settled keeps no other from it.
    """
    overdue = HeldChange.objects.filter(seen_at__lte=now - PATIENCE)
    places = overdue.values_list("registry_id", "path", "repository_id").annotate(oldest=Min("pk"))
    for registry_id, path, repository_id, oldest in places.order_by("oldest")[:_SETTLED_AT_ONCE]:
        try:
            with transaction.atomic():
                # Whoever is at work on a repository locked its oldest row first, and settles it.
                free = overdue.filter(pk=oldest).select_for_update(skip_locked=True)
                if free.first() is not None:
                    _settle(registry_id, path, repository_id, overdue, now)
        except (OperationalError, InterfaceError):
            # Not this repository is broken: the database is away.
            raise
        except Exception:
            log.exception("held_changes_not_settled", registry=registry_id, repository=path)


def _settle(
    registry_id: int, path: str, repository_id: int, overdue: QuerySet[HeldChange], now: datetime
) -> None:
    held = _locked([repository_id], overdue)
    told = Waiting(registry_id, [path])
    loom = _Loom(told, None, held)
    loom.add_held(repository_id, now=now)
    record_tag_events(loom.weave())
    told.settle()


def _locked(
    repositories: Iterable[int], among: QuerySet[HeldChange] | None = None
) -> list[HeldChange]:
    """What is held of these repositories, locked, oldest first. To be read before what was told of
    them: somebody else may have settled both while this waited for their locks.
    """
    rows = HeldChange.objects.all() if among is None else among
    rows = rows.filter(repository_id__in=list(repositories))
    return list(rows.order_by("pk").select_for_update())


@dataclass(frozen=True, slots=True)
class _Thread:
    """All that was seen of one tag and is not in the ledger, in order. `confirmed`: the last look
    was just now.
    """

    seen: Sequence[TagChangeRow]
    looked_at: datetime
    now: datetime
    confirmed: bool


class _Loom:
    """Weaves what was held and what is seen now with what was told, and keeps what must be held.

    With a `holding` registry, a change that nothing told explains is held for a while.
    """

    def __init__(
        self,
        told: Waiting,
        holding: Registry | None,
        held: Iterable[HeldChange],
    ) -> None:
        self._told = told
        self._holding = holding
        self._held: dict[Place, list[HeldChange]] = defaultdict(list)
        self._threads: dict[Place, _Thread] = {}
        for row in held:
            self._held[row.repository_id, row.tag].append(row)

    def held_tags(self, repository_id: int) -> set[str]:
        """Tags of which something is held."""
        return {tag for repository, tag in self._held if repository == repository_id}

    def add(self, event: TagEvent, *, looked_at: datetime, now: datetime) -> None:
        """What a look saw of a tag; an event from a digest to itself where it saw no change."""
        place = event.repository_id, event.tag
        held = self._held.get(place, [])
        is_change = event.old_digest != event.new_digest
        seen = [*held, event] if is_change or not held else held
        self._threads[place] = _Thread(seen, looked_at, now, confirmed=True)

    def add_held(self, repository_id: int, *, now: datetime) -> None:
        """What is held of a repository's tags and nobody saw more of."""
        for (repository, tag), held in self._held.items():
            if repository == repository_id and (repository, tag) not in self._threads:
                self._threads[repository, tag] = _Thread(held, now, now, confirmed=False)

    def weave(self) -> list[TagEvent]:
        """The events to write, in the order in which they are known to have happened."""
        told = {
            place: self._told.about(thread.seen[0].path, place[1])
            for place, thread in self._threads.items()
        }
        last = last_of([place for place in self._threads if told[place] or place in self._held])
        written: list[TagEvent] = []
        settled: list[int] = []
        held: list[HeldChange] = []
        for place, thread in self._threads.items():
            woven = weave(
                [
                    Sighting(row.old_digest, row.new_digest, row.not_before, row.seen_at)
                    for row in thread.seen
                ],
                told[place],
                looked_at=thread.looked_at,
                last=last.get(place),
                hold_since=self._hold_since(thread),
                confirmed=thread.confirmed,
            )
            about_tag = {each.pk for each in told[place] if each.tag}
            self._told.note(woven.written, about_tag & set(woven.known))
            written += [_event(thread.seen[step.sighting], step) for step in woven.steps]
            over = len(thread.seen) - woven.held
            settled += [row.pk for row in thread.seen[:over] if isinstance(row, HeldChange)]
            waiting = [_held(row) for row in thread.seen[over:]]
            held += [row for row in waiting if row._state.adding]
            self._held.pop(place, None)
            if waiting:
                self._held[place] = waiting
        HeldChange.objects.filter(pk__in=settled).delete()
        HeldChange.objects.bulk_create(held, batch_size=2000)
        _name_first(written)
        return sorted(written, key=attrgetter("seen_at"))

    def _hold_since(self, thread: _Thread) -> datetime | None:
        if self._holding is None or any(row.source != EventSource.SYNC for row in thread.seen):
            # What we did ourselves nobody has to explain.
            return None
        if thread.seen[0].not_before is None and self._holding.catalog_complete_at is None:
            # The first sync finds what has long been there.
            return None
        return thread.now - PATIENCE


def _held(row: TagChangeRow) -> HeldChange:
    if isinstance(row, HeldChange):
        return row
    fields = [field.attname for field in TagChangeRow._meta.fields]
    return HeldChange(**{name: getattr(row, name) for name in fields})


def _event(seen: TagChangeRow, step: Step) -> TagEvent:
    """One step of what the sync saw. What we deleted ourselves, we know better than who told us."""
    told = None if seen.source == EventSource.DELETION and not step.new else step.told
    if not step.new:
        kind = TagEventKind.DELETED
    else:
        kind = TagEventKind.MOVED if step.old else TagEventKind.RESTORED
    return TagEvent(
        registry_id=seen.registry_id,
        repository_id=seen.repository_id,
        registry_name=seen.registry_name,
        path=seen.path,
        tag=seen.tag,
        kind=kind,
        old_digest=step.old,
        new_digest=step.new,
        not_before=step.not_before,
        seen_at=step.seen_at,
        source=EventSource.NOTIFICATION if told else seen.source,
        actor=told.actor if told else seen.actor,
    )


def _name_first(events: Sequence[TagEvent]) -> None:
    """A tag that comes for the first time is created; in what is written, and in the ledger."""
    come = [event for event in events if not event.old_digest]
    seen = tags_seen_before(sorted({(event.repository_id, event.tag) for event in come}))
    for event in come:
        if (place := (event.repository_id, event.tag)) not in seen:
            event.kind = TagEventKind.CREATED
            seen.add(place)


def _without_change(
    registry: Registry, places: Mapping[Place, RepositoryChanges]
) -> Iterator[TagEvent]:
    """Tags that the sync saw where they were, as events from a digest to itself."""
    tags = Tag.objects.filter(
        repository_id__in={repository for repository, _ in places},
        name__in={name for _, name in places},
    ).values_list("repository_id", "name", "manifest__digest", "changed_at")
    now = {(repository, name): (digest, at) for repository, name, digest, at in tags}
    for place, changes in places.items():
        digest, changed_at = now.get(place, ("", None))
        yield TagEvent(
            registry_id=registry.pk,
            repository_id=place[0],
            registry_name=registry.name,
            path=changes.path,
            tag=place[1],
            old_digest=digest,
            new_digest=digest,
            not_before=later(changes.since, changed_at),
            seen_at=changes.read_at,
            source=EventSource.SYNC,
        )
