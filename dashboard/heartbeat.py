"""A worker says every few seconds that it lives; `health.py` and the run pages look.

Celery's own way, remote control, is not to be had with the Postgres broker.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import bootsteps
from django.db import DatabaseError, connection
from django.utils import timezone

logger = structlog.get_logger(__name__)

SECONDS = 10.0


class HeartbeatStep(bootsteps.StartStopStep):
    """Writes the row of this worker for as long as it runs, and takes it away at an orderly end."""

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        beat(parent.hostname)
        self._entry = parent.timer.call_repeatedly(SECONDS, beat, (parent.hostname,))

    def stop(self, parent: Any) -> None:
        self._entry.cancel()
        forget(parent.hostname)

    terminate = stop


def beat(worker: str) -> None:
    """Note that the worker lives. A database that is away is reported, and asked again later."""
    from registry_browser.models import WorkerHeartbeat

    try:
        WorkerHeartbeat.objects.update_or_create(
            worker=worker, defaults={"seen_at": timezone.now()}
        )
    except DatabaseError as error:
        logger.warning("heartbeat_not_written", reason=str(error).strip())
    finally:
        # Celery's timer has a thread of its own; a connection kept there would be one more.
        connection.close()


def forget(worker: str) -> None:
    """Remove the worker's row, so that nobody waits for it."""
    from registry_browser.models import WorkerHeartbeat

    try:
        WorkerHeartbeat.objects.filter(worker=worker).delete()
    except DatabaseError as error:
        logger.warning("heartbeat_not_removed", reason=str(error).strip())
    finally:
        connection.close()
