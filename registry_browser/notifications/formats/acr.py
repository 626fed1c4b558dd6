"""Azure Container Registry: its own webhook, and Event Grid in both of its schemas (fact sheet 4.2,
4.3).

The event is distribution's, alone instead of in an envelope. An untag is not told of; `ping` comes
when a webhook is made or tried. Event Grid first asks whether we want its events, and wants the
code that it sends back in a 200; the address that it sends along is not called, since anybody could
send one.
"""

from registry_browser.models import NotificationKind
from registry_browser.notifications.formats import distribution
from registry_browser.notifications.formats.told import (
    Document,
    Headers,
    Notice,
    Reading,
    moment,
    part,
    text,
)

_EVENT_GRID = "Microsoft.ContainerRegistry."
_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_SHORT_NAMES = ("ImagePushed", "ImageDeleted", "ChartPushed", "ChartDeleted")
_ACTIONS = {"chart_push": "push", "chart_delete": "delete", "quarantine": "pull"}


class Webhook:
    """The webhook that Azure's registry sends itself."""

    @staticmethod
    def matches(document: object, headers: Headers) -> bool:
        return isinstance(part(document, "action"), str) and (
            isinstance(part(document, "target", "repository"), str)
            or part(document, "action") == "ping"
        )

    @staticmethod
    def read(document: Document, headers: Headers) -> Notice:
        reading = Reading(NotificationKind.ACR)
        if document["action"] == "ping":
            return reading.notice(remark="A test: the webhook reaches the dashboard.")
        _take(reading, document, key=part(document, "id"), at=part(document, "timestamp"))
        return reading.notice()


class EventGrid:
    """Event Grid's own schema, many events at a time."""

    @staticmethod
    def matches(document: object, headers: Headers) -> bool:
        return isinstance(document, list) and any(
            isinstance(part(event, "eventType"), str) for event in document
        )

    @staticmethod
    def read(document: list[object], headers: Headers) -> Notice:
        for event in document:
            if part(event, "eventType") == _VALIDATION:
                return _handshake(text(part(event, "data", "validationCode")))
        reading = Reading(NotificationKind.EVENT_GRID)
        for event in document:
            if _is_ours(part(event, "eventType")):
                _take(
                    reading,
                    part(event, "data"),
                    key=part(event, "id"),
                    at=part(event, "eventTime"),
                )
            else:
                reading.unusable += 1
        return reading.notice()


class CloudEvent:
    """Event Grid in the schema of CloudEvents, one event at a time."""

    @staticmethod
    def matches(document: object, headers: Headers) -> bool:
        is_cloud_event = isinstance(part(document, "specversion"), str)
        return is_cloud_event and _is_ours(part(document, "type"))

    @staticmethod
    def read(document: Document, headers: Headers) -> Notice:
        reading = Reading(NotificationKind.EVENT_GRID)
        _take(
            reading,
            part(document, "data"),
            key=part(document, "id"),
            at=part(document, "time"),
        )
        return reading.notice()


def _handshake(code: str) -> Notice:
    return Notice(
        kind=NotificationKind.EVENT_GRID,
        answer={"validationResponse": code},
        remark="Event Grid asked whether its events are wanted, and was told so.",
    )


def _is_ours(kind: object) -> bool:
    return isinstance(kind, str) and (kind.startswith(_EVENT_GRID) or kind in _SHORT_NAMES)


def _take(reading: Reading, event: object, *, key: object, at: object) -> None:
    """An event whose tag of a chart is the name of a file is looked into by its digest."""
    action = text(part(event, "action"))
    told = dict(event) if isinstance(event, dict) else {}
    told |= {"id": key, "action": _ACTIONS.get(action, action)}
    if moment(told.get("timestamp")) is None:
        told["timestamp"] = at
    if action.startswith("chart_"):
        target = part(event, "target")
        told["target"] = {**(target if isinstance(target, dict) else {}), "tag": ""}
    distribution.take(reading, told)
