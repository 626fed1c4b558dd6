"""What a registry has told: its endpoint, the log of deliveries, and one of them as it came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry_browser.models import Delivery, DeliveryState, ToldEvent, ToldOutcome

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from registry_browser.models import Registry

DELIVERIES_ON_A_PAGE = 50
EVENTS_SHOWN = 200
BODY_SHOWN = 64 * 1024
"""Characters of a raw body on its page; the address below it gives all of it."""

_LOOKS = {
    DeliveryState.RECEIVED: "waiting",
    DeliveryState.SYNCED: "done",
    DeliveryState.NOTHING: "gone",
    DeliveryState.UNREADABLE: "failed",
}
STATE_FILTERS = {
    "all": "All",
    DeliveryState.SYNCED.value: "Became a sync",
    DeliveryState.NOTHING.value: "Named nothing",
    DeliveryState.UNREADABLE.value: "Unreadable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery, without its body."""

    pk: int
    kind: str
    state: str
    look: str
    word: str
    received_at: datetime
    summary: str
    detail: str
    events: int
    repeats: int
    run: int | None

    @property
    def more(self) -> int:
        """How many events it tells of beside the one in the summary."""
        return max(self.events - 1, 0)


@dataclass(frozen=True, slots=True)
class DeliveriesPage:
    """Deliveries, newest first; `before` is where the next page begins, None on the last."""

    rows: list[DeliveryRow]
    before: int | None


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One change that a delivery told of, and what became of it."""

    path: str
    tag: str
    digest: str
    deletes: bool
    at: datetime
    actor: str
    outcome: str

    @property
    def word(self) -> str:
        return str(ToldOutcome(self.outcome).label)


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One delivery as it came. `is_cut`: the body is longer than what is shown."""

    row: DeliveryRow
    headers: list[tuple[str, str]]
    body: str
    body_bytes: int
    is_cut: bool
    told: list[ToldRow]


def deliveries(registry: Registry, *, state: str = "") -> QuerySet[Delivery]:
    """The deliveries of a registry, in one state or all, without their bodies."""
    rows = Delivery.objects.filter(registry=registry).defer("body", "headers")
    return rows.filter(state=state) if state in DeliveryState.values else rows


def deliveries_page(
    registry: Registry, *, state: str = "", before: int | None = None
) -> DeliveriesPage:
    """A page of the log."""
    rows = deliveries(registry, state=state).order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = [as_row(each) for each in rows[: DELIVERIES_ON_A_PAGE + 1]]
    more = len(found) > DELIVERIES_ON_A_PAGE
    shown = found[:DELIVERIES_ON_A_PAGE]
    return DeliveriesPage(shown, shown[-1].pk if more else None)


def delivery_page(registry: Registry, pk: int) -> DeliveryPage | None:
    """One delivery with its raw body and what it told; None where this registry has no such one."""
    delivery = Delivery.objects.filter(registry=registry, pk=pk).first()
    if delivery is None:
        return None
    raw = bytes(delivery.body)
    text = _readable(raw)
    told = ToldEvent.objects.filter(delivery=delivery).order_by("pk")[:EVENTS_SHOWN]
    return DeliveryPage(
        as_row(delivery),
        sorted(delivery.headers.items()),
        text[:BODY_SHOWN],
        len(raw),
        len(text) > BODY_SHOWN,
        [
            ToldRow(
                each.path,
                each.tag,
                each.digest,
                each.deletes,
                each.at,
                each.actor,
                each.outcome,
            )
            for each in told
        ],
    )


def _readable(body: bytes) -> str:
    """JSON with its lines broken; anything else as the text that it may be."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def as_row(delivery: Delivery) -> DeliveryRow:
    """What a list shows of a delivery."""
    state = DeliveryState(delivery.state)
    return DeliveryRow(
        pk=delivery.pk,
        kind=delivery.get_kind_display(),
        state=state.value,
        look=_LOOKS[state],
        word=str(state.label),
        received_at=delivery.received_at,
        summary=delivery.summary,
        detail=delivery.detail,
        events=delivery.events,
        repeats=delivery.repeats,
        run=delivery.run_id,
    )
