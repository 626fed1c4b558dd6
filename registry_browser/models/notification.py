"""What registries tell us: an endpoint for each, what was delivered to it, and the changes that the
deliveries told of.
"""

from __future__ import annotations

import secrets

from django.db import models

from registry_browser.models.content import DigestField
from registry_browser.models.encrypted import EncryptedTextField
from registry_browser.models.registry import Registry
from registry_browser.models.runs import SyncRun

SECRET_PREFIX = "rbn_"


def new_secret() -> str:
    """A secret for an endpoint: it may stand in an address, a header, or sign bodies."""
    return SECRET_PREFIX + secrets.token_urlsafe(32)


class NotificationKind(models.TextChoices):
    """Who speaks, and in which words."""

    DISTRIBUTION = "distribution", "CNCF distribution"
    ACR = "acr", "Azure webhook"
    EVENT_GRID = "event-grid", "Azure Event Grid"
    PUBSUB = "pubsub", "Google Pub/Sub"
    DOCKER_HUB = "docker-hub", "Docker Hub"
    HARBOR = "harbor", "Harbor"
    QUAY = "quay", "Quay"
    GHCR = "ghcr", "GitHub"
    UNKNOWN = "unknown", "Unknown"


class NotificationEndpoint(models.Model):
    """Where one registry sends its notifications. `secret` must be readable: GitHub signs with it.

    With a `google_account`, what Pub/Sub pushes must carry a token of that service account for
    `google_audience`. `kind` is who spoke last, "" while nobody has. `due_at` is set while
    deliveries wait to become a sync. Pulls and blobs are counted in `ignored_count` and not kept;
    nobody who lacks the secret gets further than `refused_count`.
    """

    registry = models.OneToOneField(
        Registry, on_delete=models.CASCADE, related_name="notification_endpoint"
    )
    secret = EncryptedTextField()
    created_at = models.DateTimeField()
    rotated_at = models.DateTimeField()
    google_account = models.CharField(max_length=255, blank=True)
    google_audience = models.CharField(max_length=500, blank=True)
    kind = models.CharField(max_length=12, choices=NotificationKind.choices, blank=True)
    due_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    ignored_count = models.BigIntegerField(default=0)
    refused_count = models.BigIntegerField(default=0)
    refused_at = models.DateTimeField(null=True)


class DeliveryState(models.TextChoices):
    RECEIVED = "received", "Received"
    SYNCED = "synced", "Became a sync"
    NOTHING = "nothing", "Named nothing to sync"
    UNREADABLE = "unreadable", "Unreadable"


class Delivery(models.Model):
    """One request as it came: raw body, headers without credentials.

    `key` makes one that is sent again known; it is counted in `repeats`. `detail` says in a
    sentence what was left out or could not be read.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    key = models.CharField(max_length=64, db_collation="C")
    kind = models.CharField(max_length=12, choices=NotificationKind.choices)
    state = models.CharField(max_length=10, choices=DeliveryState.choices)
    received_at = models.DateTimeField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    summary = models.CharField(max_length=500, blank=True)
    detail = models.TextField(blank=True)
    events = models.IntegerField(default=0)
    repeats = models.IntegerField(default=0)
    run = models.ForeignKey(SyncRun, on_delete=models.SET_NULL, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registry", "key"], name="delivery_key")]
        indexes = [
            models.Index(fields=["registry", "-id"], name="delivery_registry"),
            models.Index(fields=["received_at"], name="delivery_time"),
            models.Index(
                fields=["registry"],
                name="delivery_waiting",
                condition=models.Q(state=DeliveryState.RECEIVED),
            ),
        ]
        verbose_name_plural = "deliveries"


class ToldOutcome(models.TextChoices):
    """What became of something told, once a sync had looked."""

    WAITING = "waiting", "Waiting for a sync"
    WRITTEN = "written", "In the ledger"
    KNOWN = "known", "Known already"
    PASSED = "passed", "Not seen by the sync"


class ToldEvent(models.Model):
    """One change that a delivery told of, in the order of receipt.

    Without `tag` it is about the manifest `digest`, or about the whole repository. A push without
    `digest` says that the tag came, not what it points to. `at` is the registry's own clock, never
    later than `received_at`, which is ours. `unseen_at` is when a sync first looked for it and
    found something else.
    """

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="told")
    registry = models.ForeignKey(Registry, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=64, db_collation="C")
    path = models.CharField(max_length=255, db_collation="C")
    tag = models.CharField(max_length=128, blank=True, db_collation="C")
    digest = DigestField(blank=True)
    deletes = models.BooleanField(default=False)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    actor = models.CharField(max_length=255, blank=True)
    unseen_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=8, choices=ToldOutcome.choices, default=ToldOutcome.WAITING
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registry", "key"], name="told_key")]
        indexes = [
            models.Index(
                fields=["registry", "path", "id"],
                name="told_waiting",
                condition=models.Q(outcome=ToldOutcome.WAITING),
            )
        ]
