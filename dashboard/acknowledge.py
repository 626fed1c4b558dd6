"""A finished task is acknowledged until the broker knows it.

Celery tries once. Where the broker is away at that moment, it logs the failure and keeps the task
among those in hand for ever; once that is so for each of its processes, the worker asks the broker
for nothing any more and, since it asks for nothing, never notices that the broker is back (seen
with Celery 5.7, kombu 5.7, Redis and PGMQ).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from celery import Task, bootsteps
from celery.worker.request import Request

if TYPE_CHECKING:
    _Task = Task[Any, Any]
else:
    _Task = Task

SECONDS = 5.0


class PersistentRequest(Request):
    """Remembers, in the worker's main process, what it could not tell the broker."""

    def acknowledge(self) -> None:
        super().acknowledge()
        _fresh.append(self)

    def reject(self, requeue: bool = False) -> None:
        super().reject(requeue=requeue)
        # What was to be queued again is found by `tick`; here it only has to leave our hands.
        _fresh.append(self)


class PersistentTask(_Task):
    """The base of all tasks of this application."""

    Request = f"{__name__}:{PersistentRequest.__name__}"


class AcknowledgeStep(bootsteps.StartStopStep):
    """Tries again, every few seconds, for as long as the worker runs."""

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        self._entry = parent.timer.call_repeatedly(SECONDS, settle)

    def stop(self, parent: Any) -> None:
        self._entry.cancel()

    terminate = stop


# Celery may put the telling off to its loop's next round; after a round of ours it has tried.
_fresh: list[PersistentRequest] = []
_tried: list[PersistentRequest] = []


def settle() -> None:
    """Acknowledge what could not be acknowledged before."""
    global _fresh, _tried
    due, _tried, _fresh = _tried, _fresh, []
    _tried += [request for request in due if not _is_settled(request)]


def _is_settled(request: PersistentRequest) -> bool:
    message, channel = request.message, request.message.channel
    # A consumer that connected anew counts what it has in hand from nothing, and the broker hands
    # this out again; the task then finds its work done.
    is_lost = channel is None or channel.connection is None or getattr(channel, "closed", False)
    if message.acknowledged or is_lost:
        return True
    errors: tuple[type[Exception], ...] = tuple(request.connection_errors)
    try:
        message.ack()
    except errors:
        return False
    return True
