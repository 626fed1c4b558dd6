"""One run, from its first request to its figures; the only file that decides when a run is over.

    claim ▶ list repositories ▶ crawl ▶ believe absences, or ask ▶ refresh figures ▶ finish

A run is worked on in slices. Each slice holds the registry's crawl lock, goes on from the rows that
the last one left (killed or not), and ends when its time is up or the run is over. Leaves sending
the next slice to `tasks`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

import structlog
from asgiref.sync import async_to_sync
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from registry_browser.models import (
    ACTIVE,
    ItemState,
    Registry,
    RegistryState,
    RunState,
    SecretIsLost,
    SyncItem,
    SyncPhase,
    SyncRun,
    Tag,
)
from registry_browser.models.work_lock import CRAWL
from registry_browser.oci.client import RegistryClient
from registry_browser.oci.errors import InvalidEndpoint
from registry_browser.sync.capabilities import learn, learn_referrers
from registry_browser.sync.connect import connect
from registry_browser.sync.crawl import Crawl, CrawlResult
from registry_browser.sync.figures.bases import refresh_bases
from registry_browser.sync.figures.counts import refresh_registry
from registry_browser.sync.figures.trends import remember_places
from registry_browser.sync.progress import recount
from registry_browser.sync.reading.decide import is_believable
from registry_browser.sync.reading.listing import Listing, list_repositories
from registry_browser.sync.storing.absences import store_absences

log = structlog.get_logger(__name__)

SLICE_SECONDS = 60.0
BROKE_OFF = (
    "The sync broke off over a mistake of the dashboard's own; its log says more. "
    "What was read before is stored."
)
Clock = Callable[[], datetime]
Connect = Callable[[Registry], RegistryClient]


class SliceResult(Enum):
    """What became of one slice."""

    OVER = "over"
    MORE = "more"
    BUSY = "busy"
    """Somebody else is working on this registry; they go on, and so does this run."""
    WAITS = "waits"
    """The registry wants a longer time without us; the run goes on when that is over."""


def work_on(
    run_id: int,
    *,
    clock: Clock,
    seconds: float = SLICE_SECONDS,
    on_progress: Callable[[], None] = lambda: None,
    connect: Connect = connect,
) -> SliceResult:
    """Work on a run for about `seconds`. Safe to call at any time, any number of times, from
    anywhere. `on_progress` is called on this thread whenever progress was written; `connect` makes
    the client, with whatever patience its maker has.
    """
    active = SyncRun.objects.select_related("registry").filter(pk=run_id, state__in=ACTIVE)
    if (waiting := active.first()) is None:
        return SliceResult.OVER
    with CRAWL.taken(waiting.registry_id) as locked:
        if not locked:
            return SliceResult.BUSY
        # Read again: whoever held the lock until now may have ended the run.
        if (run := active.first()) is None:
            return SliceResult.OVER
        until = SyncRun.objects.rate_limited_until(run.registry_id, clock())
        if until is not None:
            if not run.cancel_requested:
                SyncRun.objects.filter(pk=run.pk).update(rate_limited_until=until)
                return SliceResult.WAITS
            return _conclude(run, CrawlResult(cancelled=True), clock)
        _claim(run, clock())
        log.info("sync_slice_started", run=run.pk, registry=run.registry.name, phase=run.phase)
        try:
            client = connect(run.registry)
        except (InvalidEndpoint, SecretIsLost) as error:
            _fail(run, str(error), clock())
            return SliceResult.OVER
        try:
            crawled = async_to_sync(_read)(run, client, clock, seconds, on_progress)
            result = _conclude(run, crawled, clock)
        except (OperationalError, InterfaceError):
            # The database went away or had us wait in vain: the next slice goes on.
            raise
        except Exception:
            if Registry.objects.filter(pk=run.registry_id).exists():
                log.exception("sync_broke_off", run=run.pk, registry=run.registry.name)
                _break_off(run, clock())
            else:
                log.info("sync_ended_with_its_registry", run=run_id, registry=run.registry.name)
            return SliceResult.OVER
        log.info("sync_slice_ended", run=run.pk, registry=run.registry.name, result=result.value)
        return result


def _claim(run: SyncRun, now: datetime) -> None:
    """The run is ours. What an earlier slice was reading when it died is read again."""
    queued = SyncRun.objects.filter(pk=run.pk, state=RunState.QUEUED)
    is_new = queued.update(state=RunState.RUNNING, started_at=now)
    SyncRun.objects.filter(pk=run.pk).update(heartbeat_at=now)
    SyncItem.objects.filter(run=run, state=ItemState.READING).update(state=ItemState.QUEUED)
    if not is_new:
        recount(run)
    run.refresh_from_db()


async def _read(
    run: SyncRun,
    client: RegistryClient,
    clock: Clock,
    seconds: float,
    on_progress: Callable[[], None],
) -> CrawlResult:
    """List, then crawl. Everything of this slice that speaks to the registry happens in here."""
    async with client:
        await learn(run, client)
        if run.whole and run.phase == SyncPhase.LISTING:
            listing = await list_repositories(run, client)
            if client.closed_for:
                return CrawlResult(wait=client.closed_for)
            await _save_listing(run, listing)
            if listing.failed:
                return CrawlResult(failure=listing.problem)
            await learn_referrers(run, client)
        crawl = Crawl(run, client, clock=clock, seconds=seconds, on_progress=on_progress)
        return await crawl.go()


async def _save_listing(run: SyncRun, listing: Listing) -> None:
    run.catalog_complete = listing.complete
    run.error = listing.problem
    run.question = listing.question
    run.phase = SyncPhase.LISTING if listing.failed else SyncPhase.READING
    await run.asave(update_fields=["catalog_complete", "error", "question", "phase"])


def _conclude(run: SyncRun, crawled: CrawlResult, clock: Clock) -> SliceResult:
    if crawled.failure:
        _fail(run, crawled.failure, clock())
        return SliceResult.OVER
    if crawled.cancelled:
        with transaction.atomic():
            Registry.objects.hold(run.registry_id)
            _finish(run, RunState.CANCELLED, clock())
        return SliceResult.OVER
    if crawled.wait:
        until = clock() + timedelta(seconds=crawled.wait)
        SyncRun.objects.filter(pk=run.pk).update(rate_limited_until=until)
        return SliceResult.WAITS
    if not crawled.finished:
        return SliceResult.MORE
    # Unless somebody joined a run that was not whole, and made it list first.
    SyncRun.objects.filter(pk=run.pk, phase=SyncPhase.READING).update(phase=SyncPhase.FIGURES)
    run.refresh_from_db()
    if run.phase == SyncPhase.FIGURES:
        _settle_absences(run)
    return _finish_unless_asked_for_more(run, clock())


def _settle_absences(run: SyncRun) -> None:
    """Believe what is missing, repository by repository; or, if it is too much at once, ask a
    person and keep it all.
    """
    items = list(
        SyncItem.objects.filter(run=run, missing_since__isnull=False)
        .select_related("repository")
        .order_by("pk")
    )
    if not items:
        return
    missing = sum(len(item.missing) for item in items)
    known = Tag.objects.filter(repository__registry=run.registry).count()
    if not run.believe_absences and not is_believable(missing, known, run.registry.vanish_share):
        run.question = (
            f"{missing:,} of {known:,} known tags are not listed any more. "
            "Nothing was marked as deleted. Are they really gone?"
        )
        run.save(update_fields=["question"])
        return
    for item in items:
        if item.repository is None or item.missing_since is None:
            continue
        with transaction.atomic():
            item.deleted += store_absences(
                run.registry,
                item.repository,
                item.missing,
                seen_at=item.missing_since,
                whole=not item.listed and run.catalog_complete,
                settled=item.state == ItemState.DONE,
            )
            item.missing, item.missing_since = [], None
            item.save(update_fields=["deleted", "missing", "missing_since"])


def _finish_unless_asked_for_more(run: SyncRun, now: datetime) -> SliceResult:
    """Finish, unless somebody joined this run and named more while it was ending."""
    with transaction.atomic():
        Registry.objects.hold(run.registry_id)
        run.refresh_from_db()
        more = SyncItem.objects.filter(run=run, state=ItemState.QUEUED).exists()
        if more or run.phase == SyncPhase.LISTING:
            SyncRun.objects.filter(pk=run.pk, phase=SyncPhase.FIGURES).update(
                phase=SyncPhase.READING
            )
            return SliceResult.MORE
        incomplete = SyncItem.objects.filter(run=run, state=ItemState.INCOMPLETE).exists()
        doubtful = incomplete or bool(run.error) or bool(run.question)
        _finish(run, RunState.INCOMPLETE if doubtful else RunState.DONE, now)
    return SliceResult.OVER


def _fail(run: SyncRun, reason: str, now: datetime) -> None:
    """The registry cannot be reached: what was not asked stays as it was, and says so."""
    with transaction.atomic():
        Registry.objects.hold(run.registry_id)
        _leave_unasked(run, "Not asked: the registry could not be reached.")
        run.error = reason
        run.save(update_fields=["error"])
        _finish(run, RunState.FAILED, now)


def _break_off(run: SyncRun, now: datetime) -> None:
    """A mistake of ours ends the run, or it would be sent again for ever. Its figures, which may be
    what it stumbled over, are left to the next.
    """
    with transaction.atomic():
        registry = Registry.objects.hold(run.registry_id)
        _leave_unasked(run, "Not asked: the sync broke off.")
        run.refresh_from_db()
        run.state, run.finished_at, run.heartbeat_at = RunState.FAILED, now, now
        run.error = BROKE_OFF
        run.save()
        _describe(registry, run, now)


def _leave_unasked(run: SyncRun, detail: str) -> None:
    SyncItem.objects.filter(run=run, state__in=(ItemState.QUEUED, ItemState.READING)).update(
        state=ItemState.INCOMPLETE, detail=detail
    )


def _finish(run: SyncRun, state: RunState, now: datetime) -> None:
    with transaction.atomic():
        registry = run.registry
        changed = _changed_paths(run)
        # Bytes follow each change; a full check counts them anew all the same.
        refresh_registry(registry, anew=run.full_check)
        if changed or run.full_check:
            remember_places(registry, now)
        if changed and run.whole:
            refresh_bases(registry, now)
        run.refresh_from_db()
        incomplete = SyncItem.objects.filter(run=run, state=ItemState.INCOMPLETE)
        run.incomplete_repositories = incomplete.count()
        run.state, run.finished_at, run.heartbeat_at = state, now, now
        run.changed_repositories = len(changed)
        for figure in (
            "tag_count",
            "manifest_count",
            "apparent_bytes",
            "stored_bytes",
            "reclaimable_bytes",
        ):
            setattr(run, figure, getattr(registry, figure))
        run.save()
        _describe(registry, run, now)


def _has_changes() -> Q:
    return Q(created__gt=0) | Q(moved__gt=0) | Q(deleted__gt=0) | Q(restored__gt=0)


def _changed_paths(run: SyncRun) -> list[str]:
    return list(
        SyncItem.objects.filter(run=run).filter(_has_changes()).values_list("path", flat=True)
    )


def _describe(registry: Registry, run: SyncRun, now: datetime) -> None:
    """Say on the registry how this run found it, and when the next one is due."""
    if run.state != RunState.CANCELLED:
        registry.complete = run.state == RunState.DONE and (
            run.catalog_complete or (not run.whole and registry.complete)
        )
    state, reason = _health(registry, run)
    if state != registry.state:
        registry.state, registry.state_since = state, now
    registry.state_reason = reason
    if run.state in (RunState.DONE, RunState.INCOMPLETE):
        registry.synced_at = now
        if run.whole and run.catalog_complete:
            registry.catalog_complete_at = now
        # A first sync has just read everything: nothing is older than this run.
        if registry.check_interval and (run.full_check or registry.next_check_at is None):
            registry.next_check_at = now + registry.check_interval
    changed = [
        "complete", "state", "state_since", "state_reason", "synced_at",
        "catalog_complete_at", "next_check_at",
    ]  # fmt: skip
    if run.whole:
        # What a notification asks for puts off no scheduled sync, or a busy registry had none.
        registry.next_sync_at = now + registry.sync_interval if registry.sync_interval else None
        changed.append("next_sync_at")
    registry.save(update_fields=changed)


def _health(registry: Registry, run: SyncRun) -> tuple[RegistryState, str]:
    if run.state == RunState.FAILED:
        unreachable = run.error != BROKE_OFF
        state = RegistryState.UNREACHABLE if unreachable else RegistryState.INCOMPLETE
        return state, run.error
    if run.state == RunState.CANCELLED:
        return RegistryState(registry.state), registry.state_reason
    doubt = run.question or run.error or ("" if run.whole else _open_doubt(registry))
    if doubt:
        return RegistryState.INCOMPLETE, doubt
    if registry.incomplete_count:
        noun = "repository is" if registry.incomplete_count == 1 else "repositories are"
        return RegistryState.INCOMPLETE, f"{registry.incomplete_count:,} {noun} incomplete."
    return RegistryState.HEALTHY, ""


def _open_doubt(registry: Registry) -> str:
    """What the last whole run was told or asked; a run of some repositories settles none of it."""
    ended = SyncRun.objects.filter(registry=registry, whole=True).filter(
        state__in=(RunState.DONE, RunState.INCOMPLETE)
    )
    last = ended.order_by("-id").first()
    return last.question or last.error if last else ""
