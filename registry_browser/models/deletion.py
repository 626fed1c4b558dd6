"""Deletion as rows: what may not be deleted, plans, and the outcome of every single call.

Plans name registry, repositories and people as text, so that what was done stays readable when the
registry has been removed from the dashboard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models

from registry_browser.models.content import DigestField
from registry_browser.models.registry import Registry

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models.accounts import User


class Protection(models.Model):
    """A lock that an admin set: nothing it covers is ever in a plan.

    `path` is a repository or a namespace and covers all below it; empty, the whole registry.
    `digest` narrows it to one manifest with its closure: children and referrers.
    """

    registry = models.ForeignKey(Registry, on_delete=models.CASCADE, related_name="protections")
    path = models.CharField(max_length=255, db_collation="C", blank=True)
    digest = DigestField(blank=True)
    reason = models.CharField(max_length=300)
    actor = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["path", "digest"]
        constraints = [
            models.UniqueConstraint(fields=["registry", "path", "digest"], name="protection_place")
        ]

    def __str__(self) -> str:
        return "@".join(part for part in (self.path or "everything", self.digest) if part)


class PlanState(models.TextChoices):
    PLANNED = "planned", "Waits for approval"
    APPROVED = "approved", "Approved"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"
    EXPIRED = "expired", "Expired"


UNDECIDED = (PlanState.PLANNED, PlanState.APPROVED)
ENDED = (PlanState.DONE, PlanState.CANCELLED, PlanState.FAILED)
"""A run is over in these; what it deleted can be undone."""


class PlanPhase(models.TextChoices):
    """What a run, or an undo, is at."""

    NONE = "", "Nothing"
    WAITING = "waiting", "Waiting for a worker"
    DELETING = "deleting", "Deleting by digest"
    PUSHING = "pushing", "Pushing back by digest"
    SYNCING = "syncing", "Syncing the repositories"
    WALKING = "walking", "Walking the remaining tags"


class UndoState(models.TextChoices):
    NONE = "", "Not undone"
    RUNNING = "running", "Being undone"
    DONE = "done", "Undone"
    INCOMPLETE = "incomplete", "Undone in part"


class PlanQuerySet(models.QuerySet["DeletionPlan"]):
    def visible_to(self, user: User | AnonymousUser) -> PlanQuerySet:
        """What `user` may see: every plan for a person who is signed in, none otherwise."""
        return self if user.is_authenticated and user.is_active else self.none()

    def at_work(self) -> PlanQuerySet:
        """Plans whose run or undo a worker is at, or should be."""
        return self.exclude(phase=PlanPhase.NONE)


class DeletionPlan(models.Model):
    """A reviewable set of deletions.

    `as_of` is when the record was read and `evidence` a hash of what it held in scope;
    `glance` one of its counts, which costs little enough for every view of a page. `ledger_id` and
    `presence_id` were the last rows then, so that what came later can be named.
    `words` must be typed to approve it, if not empty. Bytes are those of the *set*; `alone_bytes`
    is what its members hold exclusively, one by one. `freed_bytes` counts what was really deleted.
    `phase` says what a worker is at; empty, none is.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.SET_NULL, null=True, related_name="deletion_plans"
    )
    registry_name = models.CharField(max_length=63)
    prefix = models.CharField(max_length=255, db_collation="C", blank=True)
    digests = ArrayField(DigestField(), default=list)
    grace = models.DurationField()
    creator = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    as_of = models.DateTimeField()
    synced_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    evidence = models.CharField(max_length=64)
    glance = models.CharField(max_length=64, blank=True)
    ledger_id = models.BigIntegerField(default=0)
    presence_id = models.BigIntegerField(default=0)

    needs_second_person = models.BooleanField(default=False)
    words = models.CharField(max_length=255, blank=True)
    approver = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True)
    runner = models.CharField(max_length=150, blank=True)

    state = models.CharField(max_length=9, choices=PlanState.choices, default=PlanState.PLANNED)
    phase = models.CharField(
        max_length=8, choices=PlanPhase.choices, default=PlanPhase.NONE, blank=True
    )
    cancel_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    sync_run_id = models.BigIntegerField(null=True)

    item_count = models.IntegerField(default=0)
    kept_count = models.IntegerField(default=0)
    repository_count = models.IntegerField(default=0)
    complete_count = models.IntegerField(default=0)
    tag_count = models.IntegerField(default=0)
    layers = models.IntegerField(default=0)
    configs = models.IntegerField(default=0)
    bodies = models.IntegerField(default=0)
    layer_bytes = models.BigIntegerField(default=0)
    config_bytes = models.BigIntegerField(default=0)
    body_bytes = models.BigIntegerField(default=0)
    alone_bytes = models.BigIntegerField(default=0)
    freed_bytes = models.BigIntegerField(default=0)
    notes = models.JSONField(default=list)

    walk = models.JSONField(default=dict)
    walked_at = models.DateTimeField(null=True)

    undo_state = models.CharField(
        max_length=10, choices=UndoState.choices, default=UndoState.NONE, blank=True
    )
    undo_actor = models.CharField(max_length=150, blank=True)
    undo_started_at = models.DateTimeField(null=True)
    undo_finished_at = models.DateTimeField(null=True)
    undo_error = models.TextField(blank=True)

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["registry", "-id"], name="deletion_plan_registry"),
            models.Index(
                fields=["phase"], name="deletion_plan_at_work", condition=~models.Q(phase="")
            ),
        ]

    def __str__(self) -> str:
        return f"plan {self.pk} of {self.registry_name}"

    @property
    def reclaimable_bytes(self) -> int:
        return self.layer_bytes + self.config_bytes + self.body_bytes

    @property
    def scope(self) -> str:
        """`prod / marketing / campaign10-18`, as a breadcrumb reads."""
        return " / ".join([self.registry_name, *filter(None, self.prefix.split("/"))])

    @property
    def is_at_work(self) -> bool:
        return self.phase != PlanPhase.NONE

    @property
    def is_undo_at_work(self) -> bool:
        return self.is_at_work and self.undo_state == UndoState.RUNNING

    @property
    def can_be_undone(self) -> bool:
        """Whether a run is over, nothing is under way and something may still be pushed back."""
        return self.state in ENDED and not self.is_at_work and self.undo_state != UndoState.DONE


class Outcome(models.TextChoices):
    """What became of one planned deletion."""

    WAITING = "waiting", "Waiting"
    DELETING = "deleting", "Deleting"
    DELETED = "deleted", "Deleted"
    SKIPPED = "skipped", "Skipped"
    ALREADY_GONE = "already_gone", "Already gone"
    REFUSED = "refused", "Refused"
    SLOWED = "slowed", "Slowed"
    NO_ANSWER = "no_answer", "No answer"
    CANCELLED = "cancelled", "Cancelled"


OPEN = (Outcome.WAITING, Outcome.DELETING)
NEEDS_A_LOOK = (Outcome.SKIPPED, Outcome.REFUSED, Outcome.SLOWED, Outcome.NO_ANSWER)


class ItemUndo(models.TextChoices):
    NONE = "", "Not undone"
    WAITING = "waiting", "Waiting"
    PUSHING = "pushing", "Pushing"
    PUSHED = "pushed", "Back"
    BLOB_GONE = "blob_gone", "Cannot come back"
    FAILED = "failed", "Failed"


class DeletionItem(models.Model):
    """One manifest in one repository, to be deleted by digest.

    `because_of` is the planned index or subject with which it goes; `depth` how far it is below
    the first of that chain. `bytes_alone` is what comes back if only this one goes. `evidence` is
    what the registry said right before the call; `silent` in it marks that it said nothing.
    `went_along` marks what the registry took together with its subject. `tags_taken` are tags that
    fell with it and are put back by an undo.
    """

    plan = models.ForeignKey(
        DeletionPlan, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    position = models.IntegerField()
    path = models.CharField(max_length=255, db_collation="C")
    digest = DigestField()
    media_type = models.CharField(max_length=255)
    what = models.CharField(max_length=120)
    reasons = models.JSONField(default=list)
    because_of = DigestField(blank=True)
    depth = models.SmallIntegerField(default=0)
    bytes_alone = models.BigIntegerField()

    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.WAITING)
    status = models.IntegerField(null=True)
    detail = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    attempts = models.SmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    went_along = models.BooleanField(default=False)

    undo = models.CharField(
        max_length=9, choices=ItemUndo.choices, default=ItemUndo.NONE, blank=True
    )
    undo_detail = models.TextField(blank=True)
    undone_at = models.DateTimeField(null=True)
    tags_taken = ArrayField(models.CharField(max_length=128), default=list)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="deletion_item_position"),
            models.UniqueConstraint(
                fields=["plan", "path", "digest"], name="deletion_item_manifest"
            ),
        ]
        indexes = [
            models.Index(fields=["plan", "outcome"], name="deletion_item_outcome"),
            # Which deletion of ours took a tag along.
            models.Index(fields=["digest"], name="deletion_item_digest"),
        ]

    @property
    def milliseconds(self) -> int | None:
        """How long the call took."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


class KeptBecause(models.TextChoices):
    """Why a manifest without a tag stays."""

    CHILD = "child", "Child"
    REFERRER = "referrer", "Referrer"
    SUBJECT = "subject", "Subject"
    ATTACHED = "attached", "Attached tag"
    ELSEWHERE = "elsewhere", "Needed elsewhere"
    LOCKED = "locked", "Protected"
    YOUNG = "young", "Protected"
    UNPARSED = "unparsed", "Unparsed"
    INCOMPLETE = "incomplete", "Incomplete"


class DeletionKept(models.Model):
    """A manifest without a tag that looked deletable and is not; `holder` is what holds it."""

    plan = models.ForeignKey(
        DeletionPlan, on_delete=models.CASCADE, related_name="kept", db_index=False
    )
    path = models.CharField(max_length=255, db_collation="C")
    digest = DigestField()
    because = models.CharField(max_length=10, choices=KeptBecause.choices)
    reason = models.TextField()
    holder = DigestField(blank=True)

    class Meta:
        ordering = ["because", "path", "holder", "digest"]
        indexes = [
            models.Index(
                fields=["plan", "because", "path", "holder", "digest"], name="deletion_kept_order"
            )
        ]
