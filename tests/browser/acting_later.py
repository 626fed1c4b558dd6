"""What people and registries do besides the first syncs: deletions at every stage, notifications,
and what was seen long ago.

Only for `tests.browser.acting`, in whose process Django is set up.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from registry_browser.deletion.requests import approve, request_run, request_undo
from registry_browser.deletion.store import plan_deletion
from registry_browser.history.seals import seal_all
from registry_browser.models import (
    DeletionItem,
    DeletionPlan,
    EventSource,
    Outcome,
    PlanPhase,
    PlanState,
    Presence,
    PresenceState,
    Registry,
    Tag,
)
from registry_browser.models.tagsort import sort_key
from registry_browser.notifications.endpoints import open_endpoint
from registry_browser.notifications.receive import receive
from registry_browser.notifications.run import note_run, take_due
from registry_browser.tasks import delete_in_foreground, sync_in_foreground, verify_history
from tests.history.trail import Trail
from tests.record import Record

if TYPE_CHECKING:
    from registry_browser.models import Delivery

_WHO = "some-admin"


def delete_some(registry: Registry) -> dict[str, int]:
    """Plans by what became of them. They leave the first repository with something dangling alone,
    which other pages are about.
    """
    Registry.objects.filter(pk=registry.pk).update(deletion_allowed=True)
    registry.refresh_from_db()
    dangling = Presence.objects.filter(
        repository__registry=registry, state=PresenceState.DANGLING, gone_at=None
    )
    paths = sorted(set(dangling.values_list("repository__path", flat=True)))[1:]
    done = _run(_plan(registry, paths[0]))
    undone = _run(_plan(registry, paths[1]))
    request_undo(undone, actor=_WHO, now=timezone.now())
    delete_in_foreground(undone, actor=_WHO)
    planned = _plan(registry, paths[2])
    return {
        "planned": planned.pk,
        "deleted": done.pk,
        "undone": undone.pk,
        "deleting": _stop_the_clock(_plan(registry, "")).pk,
    }


def _plan(registry: Registry, prefix: str) -> DeletionPlan:
    plan = plan_deletion(
        registry, actor=_WHO, now=timezone.now(), prefix=prefix, grace=timedelta(0)
    )
    assert plan.item_count, f"Nothing in {prefix or 'the registry'} may go"
    return plan


def _run(plan: DeletionPlan) -> DeletionPlan:
    plan = approve(plan, actor=_WHO, now=timezone.now(), words=plan.words)
    plan = request_run(plan, actor=_WHO, now=timezone.now())
    return delete_in_foreground(plan, actor=_WHO)


def _stop_the_clock(plan: DeletionPlan) -> DeletionPlan:
    """The plan as it looks in the middle of its run. Its worker seems to be alive, so that nobody
    goes on with it.
    """
    now = timezone.now()
    DeletionPlan.objects.filter(pk=plan.pk).update(
        state=PlanState.RUNNING,
        phase=PlanPhase.DELETING,
        approver=_WHO,
        approved_at=now,
        runner=_WHO,
        started_at=now,
        heartbeat_at=now + timedelta(days=1),
    )
    outcomes = [
        (Outcome.DELETED, 202, ""),
        (Outcome.SKIPPED, None, "tag rollback moved onto it"),
        (Outcome.REFUSED, 405, "the registry does not allow deletion"),
    ]
    items = DeletionItem.objects.filter(plan=plan).order_by("position")
    for item, (outcome, status, detail) in zip(items, outcomes, strict=False):
        item.outcome, item.status, item.detail = outcome, status, detail
        item.started_at = item.finished_at = now
        item.save()
    return plan


def be_told(registry: Registry) -> dict[str, int]:
    """Deliveries by what was understood of them."""
    now = timezone.now()
    endpoint = open_endpoint(registry, actor=_WHO, now=now)
    latest = Tag.objects.select_related("manifest").get(
        repository__registry=registry, repository__path="edge/gateway", name="latest"
    )
    event = {
        "id": "0d9c1a53-a2bd-4ce2-8b7e-5c1d7f6a9be4",
        "timestamp": now.isoformat(),
        "action": "push",
        "target": {
            "mediaType": latest.manifest.media_type,
            "digest": latest.manifest.digest,
            "repository": "edge/gateway",
            "tag": "latest",
        },
        "actor": {"name": "ci-release"},
    }
    media_type = "application/vnd.docker.distribution.events.v2+json"
    for body in ({"events": [event]}, {"something": "else"}):
        with transaction.atomic():
            receive(endpoint, json.dumps(body).encode(), {"content-type": media_type}, now=now)
    with transaction.atomic():
        due = take_due(endpoint.pk)
    assert due is not None
    run = sync_in_foreground(registry, now=now, actor=_WHO, paths=due.paths)
    note_run(due, run)
    understood, other = _deliveries(registry)
    return {"understood": understood.pk, "not_understood": other.pk}


def _deliveries(registry: Registry) -> list[Delivery]:
    return list(registry.deliveries.order_by("pk"))


def remember() -> None:
    """`prod/api`, read since 1 March; `stable` moved on the 3rd, the 20th and in April. All of it
    sealed, and the seals verified.
    """
    record = Record("prod", "https://registry.example", now=timezone.now())
    api = record.repository("api")
    images = [
        record.image(f"api {number}", [record.layer(f"code {number}", 900)])
        for number in range(1, 5)
    ]
    for image in images:
        record.present(api, image)
    for name, image in (("stable", images[3]), ("1.0", images[0])):
        Tag.objects.create(
            repository=api,
            name=name,
            manifest=image,
            sort_key=sort_key(name),
            first_seen_at=_march(1),
            changed_at=_march(1),
        )
    trail = Trail(record, api)
    trail.look(_march(1), {"stable": "api 1", "1.0": "api 1"})
    trail.looked_at = _march(3, 14)
    told = {"stable": "api 2", "1.0": "api 1"}
    trail.look(_march(3, 14), told, source=EventSource.NOTIFICATION, actor="ci-release")
    trail.looked_at = _march(19)
    trail.look(_march(20), {"stable": "api 3", "1.0": "api 1"})
    trail.looked_at = _march(45)
    trail.look(_march(46), {"stable": "api 4", "1.0": "api 1"})
    record.refresh()
    seal_all(timezone.now())
    verify_history(_WHO)


def _march(day: int, hour: int = 8) -> datetime:
    """That hour, so many days after the last of February 2026."""
    return datetime(2026, 2, 28, hour, tzinfo=UTC) + timedelta(days=day)
