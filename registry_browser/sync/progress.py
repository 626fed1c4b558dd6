"""What a run has done so far, gathered in memory and written at most twice a second."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, F, Q, Sum

from registry_browser.models import ItemState, Manifest, SyncItem, SyncRun

WRITE_EVERY = 0.5
"""Seconds."""


class Progress:
    """The counters of one run since they were last written."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self.done = 0
        self.tags_checked = 0
        self.new_manifests = 0
        self.changed_repositories = 0
        self.incomplete_repositories = 0
        self.requests = 0
        self.bytes_received = 0
        self._reading: dict[str, tuple[int, int]] = {}

    def tags_read(self, path: str, done: int, total: int) -> None:
        """A repository that is being read has come so far."""
        self._reading[path] = (done, total)

    def write(self, now: datetime, *, paused_for: float = 0.0) -> bool:
        """Add the counters to the run's row, and until when the registry asked us to wait
        (`paused_for` seconds from now). Returns whether the run should stop, because a person
        cancelled it.
        """
        names = (
            "done", "tags_checked", "new_manifests", "changed_repositories",
            "incomplete_repositories", "requests", "bytes_received",
        )  # fmt: skip
        amounts = {name: getattr(self, name) for name in names}
        SyncRun.objects.filter(pk=self._run_id).update(
            heartbeat_at=now,
            rate_limited_until=now + timedelta(seconds=paused_for) if paused_for else None,
            **{name: F(name) + amount for name, amount in amounts.items()},
        )
        for name in names:
            setattr(self, name, 0)
        self._write_reading()
        return SyncRun.objects.filter(pk=self._run_id, cancel_requested=True).exists()

    def _write_reading(self) -> None:
        if not self._reading:
            return
        reading, self._reading = self._reading, {}
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE registry_browser_syncitem item"
                " SET tags_done = locked.done, tags_total = locked.total"
                " FROM (SELECT item.id, reading.done, reading.total"
                " FROM registry_browser_syncitem item"
                " JOIN unnest(%s::text[], %s::int[], %s::int[]) AS reading (path, done, total)"
                ' ON item.path = reading.path COLLATE "C" WHERE item.run_id = %s'
                # In the order of all who lock several: see `requests.lock_items`.
                " ORDER BY item.path FOR NO KEY UPDATE OF item) locked"
                " WHERE item.id = locked.id",
                [
                    list(reading),
                    [done for done, _ in reading.values()],
                    [total for _, total in reading.values()],
                    self._run_id,
                ],
            )


def recount(run: SyncRun) -> None:
    """Set what can be counted from the rows: a slice that was killed stored more than it told."""
    read = Q(state__in=(ItemState.DONE, ItemState.INCOMPLETE))
    counts = SyncItem.objects.filter(run=run).aggregate(
        done=Count("pk", filter=read),
        tags_checked=Sum("tags_done", filter=read, default=0),
        incomplete_repositories=Count("pk", filter=Q(state=ItemState.INCOMPLETE)),
    )
    # One run at a time: what came in since it started came with it.
    new = Manifest.objects.filter(registry=run.registry_id, stored_at__gte=run.started_at)
    SyncRun.objects.filter(pk=run.pk).update(**counts, new_manifests=new.count())
