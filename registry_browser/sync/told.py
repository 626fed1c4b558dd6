"""What notifications told and no sync has settled yet. Leaves what it explains to `explain`."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import attrgetter

from django.db.models import Min, QuerySet

from registry_browser.history.told import PATIENCE, Told
from registry_browser.models import (
    NotificationEndpoint,
    NotificationKind,
    Repository,
    ToldEvent,
    ToldOutcome,
)

# Distribution sends one event at a time and repeats it until it is taken (fact sheet 4.1).
_IN_ORDER = (NotificationKind.DISTRIBUTION,)

LOOK_AGAIN_AFTER = timedelta(seconds=0.5)


def tells_all_in_order(registry_id: int) -> bool:
    """Whether this registry tells us of all that happens to its tags, in the order in which it
    does.
    """
    endpoints = NotificationEndpoint.objects.filter(registry=registry_id, kind__in=_IN_ORDER)
    return endpoints.exists()


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
    with when to look again: soon, then after twice the time, until patience ends. Where the last
    look failed, the next sync that is due anyway is soon enough.
    """
    rows = ToldEvent.objects.filter(
        registry_id=registry_id,
        outcome=ToldOutcome.WAITING,
        unseen_at__gt=now - 2 * PATIENCE,
    )
    unseen: dict[str, datetime] = dict(
        rows.values("path").annotate(since=Min("unseen_at")).values_list("path", "since")
    )
    looked = Repository.objects.filter(
        registry=registry_id, path__in=unseen, complete=True, synced_at__isnull=False
    ).values_list("path", "synced_at")
    return {
        path: looked_at
        + max(LOOK_AGAIN_AFTER, min(looked_at - unseen[path], unseen[path] + PATIENCE - looked_at))
        for path, looked_at in looked
        if looked_at is not None
    }


def _waiting(registry_id: int, paths: Collection[str]) -> QuerySet[ToldEvent]:
    return ToldEvent.objects.filter(
        registry_id=registry_id, path__in=list(paths), outcome=ToldOutcome.WAITING
    ).order_by("pk")


class Waiting:
    """What was told of some repositories and not settled yet."""

    def __init__(self, registry_id: int, paths: Collection[str]) -> None:
        self._outcomes: dict[int, ToldOutcome] = {}
        self._unseen_at: dict[int, datetime | None] = {}
        self._unseen: dict[datetime, list[int]] = defaultdict(list)
        self._by_tag: dict[tuple[str, str], list[Told]] = defaultdict(list)
        self._tags: dict[str, set[str]] = defaultdict(set)
        # Thousands may wait: plain rows.
        for path, pk, tag, digest, deletes, at, received_at, actor, unseen_at, kind in _waiting(
            registry_id, paths
        ).values_list(
            "path", "pk", "tag", "digest", "deletes", "at", "received_at", "actor", "unseen_at",
            "delivery__kind",
        ):  # fmt: skip
            self._by_tag[path, tag].append(
                Told(pk, tag, digest, deletes, at, received_at, actor, in_order=kind in _IN_ORDER)
            )
            self._tags[path].add(tag)
            self._unseen_at[pk] = unseen_at

    def __bool__(self) -> bool:
        return bool(self._by_tag)

    def tags(self, path: str) -> set[str]:
        return self._tags[path] - {""}

    def about(self, path: str, tag: str) -> list[Told]:
        """What was told of the tag, and of manifests whose deletion may have taken it along."""
        own = self._by_tag.get((path, tag), [])
        manifests = [
            each for each in self._by_tag.get((path, ""), ()) if each.deletes and each.digest
        ]
        return list(heapq.merge(own, manifests, key=attrgetter("pk")))

    def note(self, written: Iterable[int], known: Iterable[int]) -> None:
        """These rows became steps in the ledger, or say nothing new."""
        self._outcomes |= dict.fromkeys(written, ToldOutcome.WRITTEN)
        for pk in known:
            self._outcomes.setdefault(pk, ToldOutcome.KNOWN)

    def pass_over(self, path: str, seen_at: datetime, *, but: Collection[str] = ()) -> None:
        """A sync that began at `seen_at` has looked at all of `path`: what had been told by then
        and explains nothing is not asked again; of a tag, once patience has ended.
        """
        for tag in self._tags[path] - set(but):
            for each in self._by_tag[path, tag]:
                if each.received_at > seen_at or each.pk in self._outcomes:
                    continue
                unseen_at = self._unseen_at[each.pk]
                if not tag or (unseen_at is not None and unseen_at <= seen_at - PATIENCE):
                    self._outcomes[each.pk] = ToldOutcome.PASSED
                elif unseen_at is None:
                    self._unseen[seen_at].append(each.pk)

    def settle(self) -> None:
        """Write what became of them."""
        by_outcome: dict[ToldOutcome, list[int]] = defaultdict(list)
        for pk, outcome in self._outcomes.items():
            by_outcome[outcome].append(pk)
        for outcome, rows in by_outcome.items():
            ToldEvent.objects.filter(pk__in=rows).update(outcome=outcome)
        for seen_at, rows in self._unseen.items():
            ToldEvent.objects.filter(pk__in=rows).update(unseen_at=seen_at)
