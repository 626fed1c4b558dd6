"""Kombu's PGMQ transport without its DDL: `broker.prepare` has made the queue, once.

As it comes, every connection that sends or reads makes the queue's notifications anew, by dropping
and creating a trigger: two at once deadlock, and each waits for whoever reads (kombu 5.7).
"""

from __future__ import annotations

from typing import Any

from kombu.transport import pgmq


class Channel(pgmq.Channel):
    """Sends to and reads from a queue that is there."""

    def _new_queue(self, queue: str, **kwargs: Any) -> None:
        """Do nothing: there is one queue, and it is there."""

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        """Listen; only consumers get here."""
        transport: Any = self.connection
        transport._register_notify_queue(queue_name or self._queue_name(queue))


class Transport(pgmq.Transport):
    """The transport behind `pgmq://`; see `broker.py`."""

    Channel = Channel
