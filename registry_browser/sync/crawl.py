"""One event loop that reads repositories of one registry while the caller's thread stores what was
read.

    queue of items ──▶ observers (one a repository, politely paced) ──▶ bounded queue ──▶
    storekeeper ──▶ record

The storekeeper takes whatever has come in since it last stored, in order, so that content is always
stored before what points to it. The queue is bounded in items and bytes: when the database is
slower than the registry, observers wait, and a repository of any size passes through the same
memory.

The database is touched only through `sync_to_async`, which runs on the thread that started the
crawl: its connection, its transaction, its advisory lock.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from asgiref.sync import sync_to_async
from django.db import Error as DatabaseFailure
from django.db import transaction

from registry_browser.models import ItemState, Registry, SyncItem, SyncRun
from registry_browser.models.work_lock import DELETION
from registry_browser.oci.client import RegistryClient
from registry_browser.sync.items import write_items
from registry_browser.sync.progress import WRITE_EVERY, Progress
from registry_browser.sync.reading.content import Content
from registry_browser.sync.reading.decide import decide
from registry_browser.sync.reading.known import load_known
from registry_browser.sync.reading.observe import observe_repository
from registry_browser.sync.reading.observed import (
    KnownRepository,
    ObservedContent,
    ObservedRepository,
    RepositoryChanges,
)
from registry_browser.sync.requests import lock_items
from registry_browser.sync.storing.changes import StoredResult, store_changes
from registry_browser.sync.storing.content import holds_manifests, known_manifests, store_content
from registry_browser.sync.storing.statistics import Statistics

log = structlog.get_logger(__name__)

BATCH_MANIFESTS = 500
BATCH_BYTES = 8 * 1024 * 1024
BATCH_REPOSITORIES = 200
GATHER_SECONDS = 2
"""For so long a batch grows after its first piece, unless it is full, or the last. A registry gives
some 300 manifests a second: in batches of 100 each costs a third more than in batches of 500, in
larger ones no less.
"""
CLAIM = 32
"""Repositories that are taken from the run's queue at once."""
TOO_OFTEN_UNREACHABLE = 3
"""After so many repositories in a row without any answer the registry is given up for this run."""

UNFORESEEN = (
    "The dashboard stumbled over what the registry answered; that is a mistake of its own, and its "
    "log says more."
)

Incoming = ObservedContent | RepositoryChanges


@dataclass(slots=True)
class CrawlResult:
    """How a crawl ended: `finished` when no repository is left to read; `failure` says that the
    registry is out of reach, `wait` for how many seconds it wants not to be asked.
    """

    finished: bool = False
    cancelled: bool = False
    failure: str = ""
    wait: float = 0.0


class Crawl:
    """Reads what is queued in a run's items until nothing is left, time is up, or a person cancels.

    Leaves listing the catalog before, and believing absences after, to `run`.
    """

    def __init__(
        self,
        run: SyncRun,
        client: RegistryClient,
        *,
        clock: Callable[[], datetime],
        seconds: float,
        on_progress: Callable[[], None],
    ) -> None:
        self._run = run
        self._registry: Registry = run.registry
        self._client = client
        self._clock = clock
        self._on_progress = on_progress
        self._deadline = time.monotonic() + seconds
        self._concurrency = run.registry.concurrency
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._progress = Progress(run.pk)
        self._statistics = Statistics()
        self._asks_referrers = run.registry.capabilities.get("referrers_api") is True
        self._reading: set[str] = set()
        self._incoming: asyncio.Queue[Incoming] = asyncio.Queue(maxsize=BATCH_MANIFESTS)
        self._is_time_to_store = asyncio.Event()
        self._space = _Space(BATCH_BYTES, when_full=self._is_time_to_store.set)
        self._lookups = _Lookups(self._registry.pk)
        self._requests_counted = self._bytes_counted = 0
        self._silent_in_a_row = 0
        self._content = Content(
            client,
            sink=self._hand_on,
            which_are_known=self._lookups,
            asks_referrers=self._asks_referrers,
        )
        self.result = CrawlResult()

    async def go(self) -> CrawlResult:
        """Crawl. Raises what the database raises; what the registry answers is in the result and in
        the record.
        """
        tasks = [
            asyncio.create_task(work)
            for work in (self._observe_and_store_all(), self._keep_store(), self._report())
        ]
        try:
            # The last two end by failing alone.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._write_progress()
        self.result.wait = self._client.closed_for
        return self.result

    async def _observe_and_store_all(self) -> None:
        await self._observe_all()
        self._is_time_to_store.set()
        await self._incoming.join()

    async def _observe_all(self) -> None:
        """Claim repositories and observe `concurrency` of them at a time. What nobody got to see
        to its end is given back.
        """
        waiting: deque[KnownRepository] = deque()
        unseen: list[str] = []
        try:
            while True:
                if not waiting and not self._should_stop():
                    waiting.extend(await sync_to_async(self._claim)())
                    self.result.finished = not waiting
                while (
                    waiting and len(self._under_way) < self._concurrency and not self._should_stop()
                ):
                    known = waiting.popleft()
                    self._under_way[asyncio.create_task(self._observe(known))] = known.path
                if not self._under_way:
                    break
                done, _ = await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    path = self._under_way.pop(task)
                    if task.cancelled():
                        unseen.append(path)
                    else:
                        task.result()
        finally:
            self._stop_observing()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        if unseen or waiting:
            await sync_to_async(self._give_back)([*unseen, *(known.path for known in waiting)])

    def _stop_observing(self) -> None:
        for task in self._under_way:
            task.cancel()

    def _should_stop(self) -> bool:
        stopped = self.result.cancelled or bool(self.result.failure)
        return stopped or bool(self._client.closed_for) or time.monotonic() > self._deadline

    def _claim(self) -> list[KnownRepository]:
        """The next repositories of the run, marked as being read. The crawl lock makes us the only
        one who claims.
        """
        self._run.refresh_from_db(fields=["full_check"])  # Somebody may have joined.
        items = list(
            SyncItem.objects.filter(run=self._run, state=ItemState.QUEUED)
            .exclude(path__in=self._reading)
            .order_by("-urgent", "pk")[:CLAIM]
        )
        if not items:
            return []
        self._reading |= {item.path for item in items}
        SyncItem.objects.filter(pk__in=[item.pk for item in items]).update(state=ItemState.READING)
        return load_known(
            self._registry.pk,
            [item.path for item in items],
            listed={item.path: item.listed for item in items},
            expected=self._run.catalog_complete,
            full_check=self._run.full_check,
        )

    def _give_back(self, paths: Sequence[str]) -> None:
        SyncItem.objects.filter(run=self._run, path__in=paths, state=ItemState.READING).update(
            state=ItemState.QUEUED
        )
        self._reading -= set(paths)

    async def _observe(self, known: KnownRepository) -> None:
        try:
            observed = await observe_repository(
                self._client,
                known,
                self._content,
                clock=self._clock,
                concurrency=self._concurrency,
                asks_referrers=self._asks_referrers,
                on_progress=lambda done, total: self._progress.tags_read(known.path, done, total),
            )
        except DatabaseFailure:
            raise
        except Exception:
            # Whoever may push chooses what we read: it costs this repository and no other.
            log.exception(
                "repository_not_understood", registry=self._registry.name, repository=known.path
            )
            now = self._clock()
            observed = ObservedRepository(known.path, now, None, read_at=now, failure=UNFORESEEN)
        if observed.unreachable:
            self._silent_in_a_row += 1
            if self._silent_in_a_row >= TOO_OFTEN_UNREACHABLE:
                self.result.failure = observed.failure
        else:
            self._silent_in_a_row = 0
        if self._client.closed_for and (observed.failure or observed.problems):
            # What was learned is stored, and this repository is gone on with after the wait.
            await sync_to_async(self._give_back)([known.path])
        await self._put(decide(known, observed))

    async def _hand_on(self, content: ObservedContent) -> None:
        await self._space.take(_size(content))
        await self._put(content)

    async def _put(self, incoming: Incoming) -> None:
        if self._incoming.full():
            self._is_time_to_store.set()
        await self._incoming.put(incoming)

    async def _keep_store(self) -> None:
        """Store what has come in, as much at a time as there is after a moment of gathering."""
        while True:
            batch: list[Incoming] = [await self._incoming.get()]
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._is_time_to_store.wait()
            self._is_time_to_store.clear()
            while not self._incoming.empty() and len(batch) < BATCH_MANIFESTS:
                batch.append(self._incoming.get_nowait())
            await sync_to_async(self._store)(batch)
            await self._space.free(
                sum(_size(each) for each in batch if isinstance(each, ObservedContent))
            )
            for _ in batch:
                self._incoming.task_done()

    def _store(self, batch: Sequence[Incoming]) -> None:
        """Content first: what points to it stands behind it in the queue, and both may be in this
        batch.
        """
        now = self._clock()
        contents = [incoming for incoming in batch if isinstance(incoming, ObservedContent)]
        changes = [incoming for incoming in batch if isinstance(incoming, RepositoryChanges)]
        added = store_content(self._registry.pk, contents, now=now)
        self._progress.new_manifests += added
        for start in range(0, len(changes), BATCH_REPOSITORIES):
            part = changes[start : start + BATCH_REPOSITORIES]
            # Together, or the successor of a killed worker would find the changes stored, and
            # would not count them.
            with transaction.atomic():
                self._note(part, store_changes(self._registry, part))
        self._statistics.note(added)

    def _note(self, changes: Sequence[RepositoryChanges], results: Iterable[StoredResult]) -> None:
        """Write what became of each repository to its item. One that was asked for again meanwhile
        stays queued.
        """
        stored = {result.path: result for result in results}
        by_path = {change.path: change for change in changes}
        items = lock_items(SyncItem.objects.filter(run=self._run, path__in=list(by_path)))
        for item in items:
            change = by_path[item.path]
            if (result := stored.get(item.path)) is not None:
                item.repository_id = result.repository_id
                item.created += result.created
                item.moved += result.moved
                item.restored += result.restored
                self._progress.changed_repositories += bool(result.changes)
            if item.state == ItemState.READING:
                item.state = ItemState.INCOMPLETE if change.reason else ItemState.DONE
                self._progress.done += 1
                self._progress.incomplete_repositories += bool(change.reason)
            # Found by name, it is as good as listed: what it lacks is a tag, not a repository.
            item.listed |= change.listing_complete and not change.absent
            item.detail = change.reason
            item.tags_done = change.tags_checked
            item.tags_total = change.tags_checked if change.listing_complete else item.tags_total
            item.missing = list(change.missing)
            item.missing_since = change.read_at if change.missing or change.absent else None
            self._progress.tags_checked += change.tags_checked
        self._reading -= by_path.keys()
        write_items(items)

    async def _report(self) -> None:
        """Write progress while the crawl runs, and notice that a person cancelled it or has begun
        to delete.
        """
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self._write_progress()

    async def _write_progress(self) -> None:
        stats = self._client.stats
        self._progress.requests += stats.requests - self._requests_counted
        self._progress.bytes_received += stats.bytes_received - self._bytes_counted
        self._requests_counted, self._bytes_counted = stats.requests, stats.bytes_received
        is_cancelled = await sync_to_async(self._progress.write)(
            self._clock(), paused_for=self._client.paused_for
        )
        if is_cancelled and not self.result.cancelled:
            # A person who cancels waits for no repository of 20,000 tags.
            self.result.cancelled = True
            self._stop_observing()
        is_shared = await sync_to_async(DELETION.is_taken)(self._registry.pk)
        self._client.share_pace(2 if is_shared else 1)
        await sync_to_async(self._on_progress)()


def _size(content: ObservedContent) -> int:
    return len(content.body) + len(content.config_body or b"")


class _Lookups:
    """Asks the record which manifests it has, for everybody who asks at the same time in one
    statement.
    """

    def __init__(self, registry_id: int) -> None:
        self._registry_id = registry_id
        self._wanted: set[str] = set()
        self._answer: asyncio.Task[set[str]] | None = None
        self._began_empty: bool | None = None

    async def __call__(self, digests: list[str]) -> set[str]:
        if self._began_empty is None:
            self._began_empty = not await sync_to_async(holds_manifests)(self._registry_id)
        if self._began_empty:
            # Whatever the record holds by now came from this crawl, which knows it.
            return set()
        self._wanted.update(digests)
        if self._answer is None:
            self._answer = asyncio.create_task(self._ask())
            # Everybody who waits for it may have been cancelled when it fails.
            self._answer.add_done_callback(lambda task: task.cancelled() or task.exception())
        return (await asyncio.shield(self._answer)) & set(digests)

    async def _ask(self) -> set[str]:
        await asyncio.sleep(0.002)  # Others are about to ask, too.
        wanted, self._wanted, self._answer = self._wanted, set(), None
        return set(await sync_to_async(known_manifests)(self._registry_id, wanted))


class _Space:
    """A bound on bytes under way. One body larger than all the room there is still passes,
    alone.
    """

    def __init__(self, room: int, *, when_full: Callable[[], None]) -> None:
        self._room = room
        self._when_full = when_full
        self._taken = 0
        self._freed = asyncio.Condition()

    async def take(self, size: int) -> None:
        async with self._freed:
            if self._taken + size > self._room:
                self._when_full()
            await self._freed.wait_for(lambda: self._taken == 0 or self._taken + size <= self._room)
            self._taken += size

    async def free(self, size: int) -> None:
        async with self._freed:
            self._taken -= size
            self._freed.notify_all()
