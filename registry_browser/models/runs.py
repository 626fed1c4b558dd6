"""Background work as rows: the source of every progress bar, and what a killed worker's successor
goes on from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Greatest

from registry_browser.models.presence import Repository
from registry_browser.models.registry import Registry

if TYPE_CHECKING:
    from datetime import datetime

_RUNS_LOOKED_AT = 10


class RunState(models.TextChoices):
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    INCOMPLETE = "incomplete", "Incomplete"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ACTIVE = (RunState.QUEUED, RunState.RUNNING)


class SyncTrigger(models.TextChoices):
    PERSON = "person", "a person"
    API = "api", "the API"
    COMMAND = "command", "a command"
    SCHEDULE = "schedule", "the schedule"
    NOTIFICATION = "notification", "a notification"
    DELETION = "deletion", "a deletion"


class SyncPhase(models.TextChoices):
    LISTING = "listing", "Listing repositories"
    READING = "reading", "Reading tags and manifests"
    FIGURES = "figures", "Refreshing figures"


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def rate_limited_until(self, registry_id: int, now: datetime) -> datetime | None:
        """When a registry wants to be asked again, as it told one of its last runs; None if it may
        be asked now.
        """
        last = self.filter(registry=registry_id).order_by("-id")[:_RUNS_LOOKED_AT]
        told = [each for each in last.values_list("rate_limited_until", flat=True) if each]
        return max((until for until in told if until > now), default=None)

    def note_rate_limit(self, registry_id: int, until: datetime) -> None:
        """What a registry told somebody else than a run: its newest run keeps it."""
        newest = self.filter(registry=registry_id).order_by("-id").values("pk")[:1]
        self.filter(pk__in=newest).update(
            rate_limited_until=Greatest("rate_limited_until", models.Value(until))
        )


class SyncRun(models.Model):
    """One sync of a registry, or of the repositories named in its items when `whole` is false.

    `full_check` also asks for each untagged manifest by digest. `believe_absences` is set by a
    person who confirmed that what is missing is really gone; `question` says what a person must
    decide. The figures at the end are those of the registry when the run ended, and make up its
    trend.
    """

    registry = models.ForeignKey(Registry, on_delete=models.CASCADE, related_name="sync_runs")
    trigger = models.CharField(max_length=12, choices=SyncTrigger.choices)
    actor = models.CharField(max_length=150, blank=True)
    whole = models.BooleanField(default=True)
    full_check = models.BooleanField(default=False)
    believe_absences = models.BooleanField(default=False)

    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    phase = models.CharField(max_length=8, choices=SyncPhase.choices, default=SyncPhase.LISTING)
    catalog_complete = models.BooleanField(default=False)
    cancel_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    question = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)

    done = models.IntegerField(default=0)
    total = models.IntegerField(null=True)
    tags_checked = models.IntegerField(default=0)
    new_manifests = models.IntegerField(default=0)
    changed_repositories = models.IntegerField(default=0)
    incomplete_repositories = models.IntegerField(default=0)
    requests = models.IntegerField(default=0)
    bytes_received = models.BigIntegerField(default=0)
    rate_limited_until = models.DateTimeField(null=True)

    tag_count = models.IntegerField(null=True)
    manifest_count = models.IntegerField(null=True)
    apparent_bytes = models.BigIntegerField(null=True)
    stored_bytes = models.BigIntegerField(null=True)
    reclaimable_bytes = models.BigIntegerField(null=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two syncs of one registry join into one.
            models.UniqueConstraint(
                fields=["registry"], condition=models.Q(state__in=ACTIVE), name="one_active_sync"
            )
        ]
        indexes = [models.Index(fields=["registry", "-id"], name="sync_run_registry")]

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE


class ItemState(models.TextChoices):
    QUEUED = "queued", "Queued"
    READING = "reading", "Reading"
    DONE = "done", "Done"
    INCOMPLETE = "incomplete", "Incomplete"


class SyncItem(models.Model):
    """One repository in a run. `listed`: the registry named it in its catalog, or knew it by name.

    `missing` keeps tags that were not listed any more until the run decides to believe it, and
    `missing_since` when that was seen; with neither tags nor `listed`, it is the repository that is
    missing.
    """

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="items", db_index=False)
    path = models.CharField(max_length=255, db_collation="C")
    repository = models.ForeignKey(Repository, on_delete=models.SET_NULL, null=True)
    listed = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.QUEUED)
    created = models.IntegerField(default=0)
    moved = models.IntegerField(default=0)
    deleted = models.IntegerField(default=0)
    restored = models.IntegerField(default=0)
    tags_done = models.IntegerField(default=0)
    tags_total = models.IntegerField(null=True)
    missing = ArrayField(models.CharField(max_length=128), default=list)
    missing_since = models.DateTimeField(null=True)
    # Named by somebody who waits for it: read before what a listing named.
    urgent = models.BooleanField(default=False, db_default=False)
    detail = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "path"], name="sync_item_path")]
        indexes = [models.Index(fields=["run", "state"], name="sync_item_state")]

    @property
    def changes(self) -> int:
        return self.created + self.moved + self.deleted + self.restored


class WorkerHeartbeat(models.Model):
    """A worker that is alive says so here; remote control of Celery is off with the Postgres
    broker.
    """

    worker = models.CharField(max_length=200, primary_key=True)
    seen_at = models.DateTimeField()
