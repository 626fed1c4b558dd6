"""Stored deliveries into the repositories to sync. Speaks to nobody; `tasks` starts the sync."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from registry_browser.models import (
    Delivery,
    DeliveryState,
    NotificationEndpoint,
    Registry,
    SyncRun,
    ToldEvent,
)

FORGOTTEN_AFTER = timedelta(seconds=20)
"""Deliveries that wait for so long have lost the message to their worker."""
KEPT = timedelta(days=14)
_FORGET_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Due:
    """What waits: repositories in the order in which they were told of, and the deliveries that
    named them.
    """

    registry: Registry
    paths: tuple[str, ...]
    deliveries: tuple[int, ...]


def take_due(endpoint_id: int) -> Due | None:
    """What waits at this endpoint, taken off it in the caller's transaction, which holds the
    registry from now on; None where nothing does, or somebody else took it.

    What arrives from now on wakes a worker again.
    """
    tellers = Registry.objects.filter(notification_endpoint=endpoint_id)
    # Before the endpoint, as a removal does: neither waits for the other then.
    registry = tellers.select_for_update(of=("self",), no_key=True).first()
    waiting = NotificationEndpoint.objects.filter(pk=endpoint_id, due_at__isnull=False)
    if registry is None or not waiting.update(due_at=None):
        return None
    received = Delivery.objects.filter(registry=registry, state=DeliveryState.RECEIVED)
    deliveries = tuple(received.order_by("pk").values_list("pk", flat=True))
    events = ToldEvent.objects.filter(delivery__in=received)
    paths = events.order_by("pk").values_list("path", flat=True)
    return Due(registry, tuple(dict.fromkeys(paths)), deliveries)


def note_run(due: Due, run: SyncRun | None) -> None:
    """Say on the deliveries which sync they became; none where no repository is followed."""
    state = DeliveryState.NOTHING if run is None else DeliveryState.SYNCED
    Delivery.objects.filter(pk__in=due.deliveries).update(state=state, run=run)


def forgotten_endpoints(now: datetime) -> list[int]:
    """Endpoints whose deliveries nobody has taken for too long."""
    late = NotificationEndpoint.objects.filter(due_at__lt=now - FORGOTTEN_AFTER)
    return list(late.values_list("pk", flat=True))


def forget_old_deliveries(now: datetime) -> None:
    """Raw deliveries are kept for two weeks; what they brought to light stays in the ledger. Longer
    only where a worker will still take them: not where their endpoint was closed meanwhile.
    """
    old = Delivery.objects.filter(received_at__lt=now - KEPT).exclude(
        state=DeliveryState.RECEIVED, registry__notification_endpoint__due_at__isnull=False
    )
    oldest = old.order_by("received_at").values_list("pk", flat=True)[:_FORGET_AT_ONCE]
    Delivery.objects.filter(pk__in=list(oldest)).delete()
