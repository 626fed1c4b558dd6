"""Where things are: repositories, the manifests present in them, the tags that point to them, the
blobs they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models.lookups import GreaterThan

from registry_browser.models.content import Blob, Manifest
from registry_browser.models.registry import Registry

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models.accounts import User


class RepositoryQuerySet(models.QuerySet["Repository"]):
    def visible_to(self, user: User | AnonymousUser) -> RepositoryQuerySet:
        """What `user` may see: every repository for a person who is signed in, none otherwise."""
        return self if user.is_authenticated and user.is_active else self.none()

    def below(self, prefix: str) -> RepositoryQuerySet:
        """The repository at `prefix` and all below it; the empty prefix is the whole registry.

        A range over the "C" collated path, so that the unique index serves it: `0` follows `/` in
        ASCII.
        """
        if not prefix:
            return self
        return self.filter(
            models.Q(path=prefix) | models.Q(path__gte=f"{prefix}/", path__lt=f"{prefix}0")
        )


class Repository(models.Model):
    """A path in a registry, with the figures of its last stored observation.

    `tags_complete_at` is when we last saw all of its tags; `incomplete_reason` says, in a sentence,
    why the latest try did not; `problems` names single tags or manifests that could not be read
    ({"tag" | "digest", "reason"}, at most 50).
    `untagged_known_since` is when we began to watch where the registry cannot list untagged
    manifests. What could not be parsed is not counted as dangling; `oldest_dangling_at` is since
    when the first of those that are is untagged.
    """

    registry = models.ForeignKey(
        Registry, on_delete=models.CASCADE, related_name="repositories", db_index=False
    )
    path = models.CharField(max_length=255, db_collation="C")
    first_seen_at = models.DateTimeField()
    synced_at = models.DateTimeField(null=True)
    tags_complete_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    listed_by = models.CharField(max_length=32, blank=True)
    lists_untagged = models.BooleanField(default=False)
    untagged_known_since = models.DateTimeField(null=True)
    complete = models.BooleanField(default=False)
    incomplete_reason = models.TextField(blank=True)
    problems = models.JSONField(default=list)
    gone_at = models.DateTimeField(null=True)

    tag_count = models.IntegerField(default=0)
    manifest_count = models.IntegerField(default=0)
    dangling_count = models.IntegerField(default=0)
    child_count = models.IntegerField(default=0, db_default=0)
    referrer_count = models.IntegerField(default=0, db_default=0)
    kept_count = models.IntegerField(default=0, db_default=0)
    unparsed_count = models.IntegerField(default=0, db_default=0)
    oldest_dangling_at = models.DateTimeField(null=True)
    apparent_bytes = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    exclusive_bytes = models.BigIntegerField(default=0)
    reclaimable_bytes = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(null=True)

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registry", "path"], name="repository_path")]
        verbose_name_plural = "repositories"

    def __str__(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class PresenceState(models.IntegerChoices):
    """Why a manifest is (not) needed; see DESIGN's words. Nothing but DANGLING may ever go.

    KEPT is what no tag reaches and something else holds: a cosign tag that is named after it, a
    lock, a referrer that stays, a mention in what could not be parsed, an index in another
    repository which does not hold it itself.
    """

    TAGGED = 1
    CHILD = 2
    REFERRER = 3
    DANGLING = 4
    KEPT = 5


UNREACHED = (PresenceState.DANGLING, PresenceState.KEPT)
"""No tag reaches what is in one of these. A plan finds out by itself which is which."""


class KnownBy(models.TextChoices):
    """What told us that a manifest is in a repository."""

    TAG = "tag", "a tag"
    CHILD = "child", "an index that names it"
    REFERRER = "referrer", "the referrers listing"
    LISTING = "listing", "the registry's listing of manifests"
    CHECK = "check", "a check by digest"
    NOTIFICATION = "notification", "a notification"
    PUSH = "push", "our own push"


class Counted(models.IntegerChoices):
    """As what `RepositoryBlob` has counted a presence."""

    NOTHING = 0
    HELD = 1
    LIVE = 2


class Presence(models.Model):
    """A manifest being in a repository.

    `last_seen_at` is when it was last confirmed by itself (a tag that came to it, a listing, a HEAD
    by digest); a tagged presence is confirmed anew by each complete sync of its repository
    (`tags_complete_at`). `untagged_since` is when we saw its last tag leave. `gone_at` is set when
    the registry was seen not to have it any more; the row stays.
    """

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="presences", db_index=False
    )
    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="presences")
    state = models.SmallIntegerField(choices=PresenceState.choices, default=PresenceState.DANGLING)
    known_by = models.CharField(max_length=12, choices=KnownBy.choices)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    pushed_at = models.DateTimeField(null=True)
    untagged_since = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    counted = models.SmallIntegerField(
        choices=Counted.choices, default=Counted.NOTHING, db_default=Counted.NOTHING
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["repository", "manifest"], name="presence_place")
        ]
        indexes = [
            models.Index(
                fields=["repository", "state"],
                name="presence_state",
                condition=models.Q(gone_at=None),
            )
        ]


class Tag(models.Model):
    """A name in a repository that points to one manifest now. What it pointed to before is in the
    ledger.
    """

    repository = models.ForeignKey(
        Repository, on_delete=models.CASCADE, related_name="tags", db_index=False
    )
    name = models.CharField(max_length=128, db_collation="C")
    manifest = models.ForeignKey(Manifest, on_delete=models.CASCADE, related_name="tags")
    sort_key = models.CharField(max_length=600, db_collation="C")
    first_seen_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["repository", "name"], name="tag_name")]
        indexes = [
            models.Index(fields=["repository", "sort_key", "name"], name="tag_order"),
            models.Index(fields=["repository", "changed_at"], name="tag_changed"),
            # The palette searches tags of all repositories by prefix.
            models.Index(fields=["name"], name="tag_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class RepositoryBlob(models.Model):
    """A blob that some present manifest of the repository refers to. `manifests` are how many do,
    `live_manifests` how many of those are live. `layer_manifests` and `layer_places` count as those
    of `Blob` do. Kept by `sync.figures.counts`.
    """

    pk = models.CompositePrimaryKey("repository_id", "blob_id")
    repository = models.ForeignKey(
        Repository,
        on_delete=models.CASCADE,
        related_name="held_blobs",
        db_index=False,
        db_constraint=False,
    )
    blob = models.ForeignKey(
        Blob, on_delete=models.CASCADE, related_name="repositories", db_constraint=False
    )
    manifests = models.IntegerField()
    live_manifests = models.IntegerField()
    live = models.GeneratedField(
        expression=GreaterThan(models.F("live_manifests"), 0),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    layer_manifests = models.IntegerField(default=0, db_default=0)
    layer_places = models.IntegerField(default=0, db_default=0)
