"""What notifications told, beside what a sync is about to write to the ledger.

An event that something told explains is replaced by the told steps, with their actors. A tag that
went and came back between two looks has steps where the sync saw no change at all. How the steps
are found is in `history.told`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from operator import attrgetter

from django.db.models import QuerySet

from registry_browser.history.ledger import tags_seen_before
from registry_browser.history.told import PATIENCE, Step, Told, later, weave
from registry_browser.models import (
    EventSource,
    NotificationKind,
    Registry,
    Repository,
    Tag,
    TagEvent,
    TagEventKind,
    ToldEvent,
    ToldOutcome,
)
from registry_browser.sync.observed import RepositoryChanges

# Distribution sends one event at a time and repeats it until it is taken (fact sheet 4.1).
_IN_ORDER = (NotificationKind.DISTRIBUTION,)

_LOOK_AGAIN_AFTER = timedelta(seconds=0.5)

Place = tuple[int, str]
"""A repository's id, and a tag's name."""


def told_digests(registry_id: int, paths: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The manifests, by repository, of which something was told that names no tag: a sync asks for
    each.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    rows = _waiting(registry_id, paths).filter(tag="").exclude(digest="")
    for path, digest in rows.values_list("path", "digest"):
        found[path][digest] = None
    return {path: tuple(digests) for path, digests in found.items()}


def look_again(registry_id: int, now: datetime) -> dict[str, datetime]:
    """Repositories where a sync did not find what had been told of a tag before it looked, each
    with when to look again: soon, then after twice the time, until patience ends.
    """
    rows = ToldEvent.objects.filter(
        registry_id=registry_id,
        outcome=ToldOutcome.WAITING,
        received_at__gt=now - 2 * PATIENCE,
    ).exclude(tag="")
    told: dict[str, datetime] = {}
    for path, received_at in rows.order_by("pk").values_list("path", "received_at"):
        told.setdefault(path, received_at)
    looked = Repository.objects.filter(registry=registry_id, path__in=told, synced_at__isnull=False)
    return {
        path: looked_at
        + max(_LOOK_AGAIN_AFTER, min(looked_at - told[path], told[path] + PATIENCE - looked_at))
        for path, looked_at in looked.values_list("path", "synced_at")
        # Where nobody has looked since, a sync is on its way.
        if looked_at is not None and looked_at >= told[path]
    }


def explain(
    registry: Registry,
    ids: Mapping[str, int],
    batch: Sequence[RepositoryChanges],
    events: Iterable[TagEvent],
) -> list[TagEvent]:
    """The events to write instead of `events`, which the sync saw in `batch`."""
    told = _Waiting(registry, [changes.path for changes in batch])
    if not told.rows:
        return list(events)
    found = {(event.repository_id, event.tag): event for event in events}
    looked_at = {ids[changes.path]: changes.seen_at for changes in batch}
    written = [
        each
        for event in found.values()
        for each in told.explain(event, looked_at[event.repository_id])
    ]
    quiet = {
        (ids[changes.path], name): changes
        for changes in batch
        if changes.complete and not changes.absent
        for name in told.tags(changes.path) - set(changes.missing)
        if (ids[changes.path], name) not in found
    }
    for event in _without_change(registry, quiet):
        written += told.explain(event, looked_at[event.repository_id])
    for changes in batch:
        if changes.complete and not changes.absent:
            # A tag that is missing, and whatever may have taken it along, waits for the run to
            # believe it.
            waits = {*changes.missing, ""} if changes.missing else ()
            told.pass_over(changes.path, changes.seen_at, but=waits)
    told.settle()
    return sorted(written, key=attrgetter("seen_at"))


def explain_absences(
    registry: Registry, path: str, events: Sequence[TagEvent], *, began_at: datetime | None
) -> list[TagEvent]:
    """The same for tags of one repository that are believed to be gone, since a sync that began to
    look at `began_at` did not find them.
    """
    told = _Waiting(registry, [path])
    if not told.rows:
        return list(events)
    written = [
        # What we did ourselves, we know better.
        each
        for event in events
        for each in (
            [event]
            if event.source == EventSource.DELETION
            else told.explain(event, began_at or event.seen_at)
        )
    ]
    if began_at is not None:
        told.pass_over(path, began_at)
    told.settle()
    return sorted(written, key=attrgetter("seen_at"))


def _waiting(registry_id: int, paths: Collection[str]) -> QuerySet[ToldEvent]:
    return ToldEvent.objects.filter(
        registry_id=registry_id, path__in=list(paths), outcome=ToldOutcome.WAITING
    ).order_by("pk")


class _Waiting:
    """What was told of some repositories and not settled yet."""

    def __init__(self, registry: Registry, paths: Collection[str]) -> None:
        self._outcomes: dict[int, ToldOutcome] = {}
        self._ledger_at: dict[Place, datetime] | None = None
        self._registry = registry
        self.rows: dict[str, list[Told]] = defaultdict(list)
        for row in _waiting(registry.pk, paths).select_related("delivery").defer("delivery__body"):
            self.rows[row.path].append(
                Told(
                    row.pk,
                    row.tag,
                    row.digest,
                    row.deletes,
                    row.at,
                    row.received_at,
                    row.actor,
                    in_order=row.delivery.kind in _IN_ORDER,
                )
            )

    def tags(self, path: str) -> set[str]:
        return {each.tag for each in self.rows.get(path, ()) if each.tag}

    def explain(self, event: TagEvent, looked_at: datetime) -> list[TagEvent]:
        """The told steps from the event's old digest to its new one; the event itself where none
        are told, and nothing where it says none.
        """
        mine = [
            each
            for each in self.rows.get(event.path, ())
            if each.tag == event.tag or (not each.tag and each.deletes and each.digest)
        ]
        woven = weave(
            event.old_digest,
            event.new_digest,
            mine,
            since=event.not_before,
            looked_at=looked_at,
            ledger_at=self._seen_by_sync(event) if mine else None,
        )
        self._outcomes |= dict.fromkeys(woven.written, ToldOutcome.WRITTEN)
        about_tags = {each.pk for each in mine if each.tag}
        self._outcomes |= dict.fromkeys(about_tags & set(woven.known), ToldOutcome.KNOWN)
        steps = [_event(event, step, number) for number, step in enumerate(woven.steps)]
        for step in steps:
            if step.not_before is not None and step.seen_at <= step.not_before:
                # Told a moment before it could be seen, and looked for in between.
                step.seen_at = event.seen_at
        for earlier, step_after in pairwise(steps):
            # A later bound is still a bound, and keeps them in order.
            step_after.seen_at = max(step_after.seen_at, earlier.seen_at)
        if steps:
            return steps
        return [event] if event.old_digest != event.new_digest else []

    def pass_over(self, path: str, seen_at: datetime, *, but: Collection[str] = ()) -> None:
        """A sync that began at `seen_at` has looked at all of `path`: what had been told by then,
        of a tag long enough before, and explains nothing is not asked again.
        """
        for each in self.rows.get(path, ()):
            told_by = seen_at - PATIENCE if each.tag else seen_at
            if each.received_at <= told_by and each.tag not in but:
                self._outcomes.setdefault(each.pk, ToldOutcome.PASSED)

    def settle(self) -> None:
        """Write what became of them."""
        by_outcome: dict[ToldOutcome, list[int]] = defaultdict(list)
        for pk, outcome in self._outcomes.items():
            by_outcome[outcome].append(pk)
        for outcome, rows in by_outcome.items():
            ToldEvent.objects.filter(pk__in=rows).update(outcome=outcome)

    def _seen_by_sync(self, event: TagEvent) -> datetime | None:
        """When the ledger last had something of this tag that nobody had told."""
        last = TagEvent.objects.filter(repository_id=event.repository_id, tag=event.tag)
        row = last.order_by("-pk").values_list("source", "seen_at").first()
        return row[1] if row and row[0] != EventSource.NOTIFICATION else None


def _event(seen: TagEvent, step: Step, number: int) -> TagEvent:
    """One step of what the sync saw. What was told has happened by the time we were told of it."""
    if not step.new:
        kind = TagEventKind.DELETED
    elif step.old:
        kind = TagEventKind.MOVED
    elif number == 0 and seen.kind == TagEventKind.CREATED:
        kind = TagEventKind.CREATED
    else:
        kind = TagEventKind.RESTORED
    return TagEvent(
        registry_id=seen.registry_id,
        repository_id=seen.repository_id,
        registry_name=seen.registry_name,
        path=seen.path,
        tag=seen.tag,
        kind=kind,
        old_digest=step.old,
        new_digest=step.new,
        not_before=seen.not_before,
        seen_at=step.told.received_at if step.told else seen.seen_at,
        source=EventSource.NOTIFICATION if step.told else seen.source,
        actor=step.told.actor if step.told else seen.actor,
    )


def _without_change(
    registry: Registry, places: Mapping[Place, RepositoryChanges]
) -> Iterator[TagEvent]:
    """Tags that the sync saw where they were, as events from a digest to itself."""
    tags = Tag.objects.filter(
        repository_id__in={repository for repository, _ in places},
        name__in={name for _, name in places},
    ).values_list("repository_id", "name", "manifest__digest", "changed_at")
    now = {(repository, name): (digest, at) for repository, name, digest, at in tags}
    absent = sorted(place for place in places if place not in now)
    before = tags_seen_before(absent)
    for place, changes in places.items():
        digest, changed_at = now.get(place, ("", None))
        is_new = place not in now and place not in before
        yield TagEvent(
            registry_id=registry.pk,
            repository_id=place[0],
            registry_name=registry.name,
            path=changes.path,
            tag=place[1],
            kind=TagEventKind.CREATED if is_new else TagEventKind.RESTORED,
            old_digest=digest,
            new_digest=digest,
            not_before=later(changes.since, changed_at),
            seen_at=changes.read_at,
            source=EventSource.SYNC,
        )
