"""The one door through which a sync is asked for. Rows first: a message to a worker carries only
the run's id.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from registry_browser.history import audit
from registry_browser.models import (
    ACTIVE,
    ItemState,
    Registry,
    RunState,
    SyncItem,
    SyncPhase,
    SyncRun,
    SyncTrigger,
)

_ASKED_BY_SOMEONE = (SyncTrigger.PERSON, SyncTrigger.API, SyncTrigger.COMMAND)


def request_sync(
    registry: Registry,
    *,
    trigger: SyncTrigger,
    now: datetime,
    actor: str = "",
    paths: Sequence[str] = (),
    full_check: bool = False,
    believe_absences: bool = False,
) -> SyncRun:
    """The run that will do this: a new one, or the active run of the registry, widened by what is
    asked, unless a person has cancelled it.

    Without `paths` the whole registry is synced. The registry's row is locked meanwhile, so that
    two requests at the same moment end in one run.
    """
    with transaction.atomic():
        Registry.objects.hold(registry.pk)
        # Not its key: whoever is at work on the run adds items that refer to it, and would wait for
        # us while we wait for their items.
        active = SyncRun.objects.filter(registry=registry, state__in=ACTIVE)
        run = active.select_for_update(no_key=True).first()
        if run is not None and run.cancel_requested:
            # Whoever works on it is about to stop, and would leave undone what is asked now.
            run.state, run.finished_at = RunState.CANCELLED, now
            run.save(update_fields=["state", "finished_at"])
            run = None
        if run is None:
            run = SyncRun(
                registry=registry, trigger=trigger, actor=actor, created_at=now, whole=not paths
            )
            run.phase = SyncPhase.READING if paths else SyncPhase.LISTING
        believes_now = believe_absences and not run.believe_absences
        checks_now = full_check and not run.full_check
        if (not paths and not run.whole) or (run.whole and believes_now):
            run.whole, run.phase, run.question = True, SyncPhase.LISTING, ""
        run.full_check |= full_check
        run.believe_absences |= believe_absences
        run.save()
        if believes_now or checks_now:
            # What it has read with less in mind it reads again.
            items = SyncItem.objects.filter(run=run)
            lock_items(items)
            read_again(run, items)
        _name_repositories(run, paths)
        if trigger in _ASKED_BY_SOMEONE:
            about = ", ".join([registry.name, *paths[:3]])
            detail = {"run": run.pk}
            if believe_absences:
                # A person says that what is missing is really gone: history will follow them.
                detail["believes_absences"] = True
            audit.record("sync:requested", actor=actor, about=about, detail=detail, now=now)
    return run


def _name_repositories(run: SyncRun, paths: Sequence[str]) -> None:
    """Queue the repositories before all others, also where this run has been through them already,
    or is just now: it may have missed what we are asked for.
    """
    if not paths:
        return
    named = SyncItem.objects.filter(run=run, path__in=paths)
    lock_items(named)
    named.update(urgent=True)
    read_again(run, named)
    SyncItem.objects.bulk_create(
        [SyncItem(run=run, path=path, listed=False, urgent=True) for path in sorted(set(paths))],
        ignore_conflicts=True,
    )
    SyncRun.objects.filter(pk=run.pk).update(total=SyncItem.objects.filter(run=run).count())


def lock_items(items: QuerySet[SyncItem]) -> list[SyncItem]:
    """The items, ours until the caller's transaction ends; always in this order, so that nobody
    waits in a circle.
    """
    return list(items.select_for_update(of=("self",), no_key=True).order_by("path"))


def read_again(run: SyncRun, items: QuerySet[SyncItem]) -> None:
    """Queue items of a run once more, wherever they are."""
    done = items.filter(state__in=(ItemState.DONE, ItemState.INCOMPLETE))
    again = done.update(state=ItemState.QUEUED)
    SyncRun.objects.filter(pk=run.pk).update(done=F("done") - again)
    items.filter(state=ItemState.READING).update(state=ItemState.QUEUED)


def cancel_sync(run: SyncRun, *, actor: str, now: datetime) -> None:
    """Ask a run to stop. What it has stored stays; a run that no worker has begun ends at once."""
    with transaction.atomic():
        SyncRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(cancel_requested=True)
        SyncRun.objects.filter(pk=run.pk, state=RunState.QUEUED).update(
            state=RunState.CANCELLED, finished_at=now
        )
        audit.record(
            "sync:cancelled", actor=actor, about=run.registry.name, detail={"run": run.pk}, now=now
        )
