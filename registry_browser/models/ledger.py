"""The trail: what tags were seen to do, and what people did here. Rows are added and never changed.

The database itself refuses UPDATE, DELETE and TRUNCATE on both ledgers. They name registries,
repositories and people as text and hold plain ids without foreign keys, so that removing any of
those removes no history.
"""

from __future__ import annotations

import pgtrigger
from django.contrib.postgres.indexes import HashIndex
from django.db import models

from registry_browser.models.content import DigestField


def append_only() -> list[pgtrigger.Trigger]:
    """Triggers that refuse to change or remove rows, TRUNCATE included."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        # Protect covers rows only: TRUNCATE fires no row trigger.
        pgtrigger.Trigger(
            name="no_truncate",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'Rows of % are never removed', TG_TABLE_NAME;",
        ),
    ]


class TagEventKind(models.TextChoices):
    CREATED = "created", "Created"
    MOVED = "moved", "Moved"
    DELETED = "deleted", "Deleted"
    RESTORED = "restored", "Seen again"


class EventSource(models.TextChoices):
    SYNC = "sync", "Seen by sync"
    NOTIFICATION = "notification", "Told by a notification"
    DELETION = "deletion", "Our own deletion"
    IMPORT = "import", "Our own import"


class TagChangeRow(models.Model):
    """One change of one tag, which happened after `not_before` (None: unknown how long before) and
    by `seen_at`.
    """

    registry_id = models.BigIntegerField()
    repository_id = models.BigIntegerField()
    registry_name = models.CharField(max_length=63)
    path = models.CharField(max_length=255, db_collation="C")
    tag = models.CharField(max_length=128, db_collation="C")
    kind = models.CharField(max_length=8, choices=TagEventKind.choices)
    old_digest = DigestField(blank=True)
    new_digest = DigestField(blank=True)
    not_before = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()
    source = models.CharField(max_length=12, choices=EventSource.choices)
    actor = models.CharField(max_length=255, blank=True)

    class Meta:
        abstract = True


class TagEvent(TagChangeRow):
    """A change in the ledger."""

    class Meta:
        indexes = [
            models.Index(fields=["repository_id", "tag", "id"], name="tag_event_tag"),
            models.Index(fields=["repository_id", "seen_at", "id"], name="tag_event_in_repository"),
            models.Index(fields=["registry_id", "seen_at", "id"], name="tag_event_in_registry"),
            models.Index(fields=["seen_at", "id"], name="tag_event_time"),
            # Few values, many rows each: small, since Postgres keeps equal keys once.
            models.Index(fields=["registry_id", "path"], name="tag_event_path"),
            models.Index(fields=["tag"], name="tag_event_name"),
            # Every tag is created once: all names that there ever were, for patterns.
            models.Index(
                fields=["tag"], name="tag_event_created", condition=models.Q(kind="created")
            ),
            # Digests are long and looked up whole.
            HashIndex(fields=["new_digest"], name="tag_event_new"),
            HashIndex(
                fields=["old_digest"], name="tag_event_old", condition=~models.Q(old_digest="")
            ),
            models.Index(
                fields=["actor", "seen_at", "id"],
                name="tag_event_actor",
                condition=~models.Q(actor=""),
            ),
            # What may be rare would otherwise be looked for among all.
            models.Index(
                fields=["kind", "seen_at", "id"],
                name="tag_event_kind",
                condition=~models.Q(kind="moved"),
            ),
            models.Index(
                fields=["source", "seen_at", "id"],
                name="tag_event_told",
                condition=models.Q(source__in=("notification", "deletion", "import")),
            ),
        ]
        triggers = append_only()


class HeldChange(TagChangeRow):
    """A change that a sync saw and that is not in the ledger yet: the registry tells of all that
    happens, in order, and has not told how this came about. It is written when that has been told,
    or patience ends.
    """

    class Meta:
        indexes = [
            models.Index(fields=["repository_id", "tag", "id"], name="held_change_tag"),
            models.Index(fields=["seen_at"], name="held_change_time"),
        ]


class TagSpan(models.Model):
    """From when to when a tag pointed to a digest, with the bounds of both ends; derived from the
    ledger.

    An open span has no `until_seen_at`.
    """

    repository_id = models.BigIntegerField()
    tag = models.CharField(max_length=128, db_collation="C")
    digest = DigestField()
    since_not_before = models.DateTimeField(null=True)
    since_seen_at = models.DateTimeField()
    until_not_before = models.DateTimeField(null=True)
    until_seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["repository_id", "tag"],
                condition=models.Q(until_seen_at=None),
                name="one_open_span",
            )
        ]
        indexes = [
            models.Index(fields=["repository_id", "tag", "since_seen_at"], name="tag_span_tag"),
            HashIndex(fields=["digest"], name="tag_span_digest"),
        ]


class AuditEvent(models.Model):
    """Who did what in the dashboard: `action` reads `subject:verb`, `about` names what it was done
    to, without secrets.
    """

    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=64)
    about = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["at", "id"], name="audit_event_time"),
            models.Index(fields=["actor", "at", "id"], name="audit_event_actor"),
            models.Index(fields=["action", "at", "id"], name="audit_event_action"),
        ]
        triggers = append_only()
