"""A registry that an admin added, and the namespaces that its repositories' paths draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.validators import MinValueValidator, RegexValidator
from django.db import connection, models

from registry_browser.models.encrypted import EncryptedTextField

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from registry_browser.models.accounts import User

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$"
SLUG = RegexValidator(
    NAME_PATTERN,
    "A name holds lower-case letters, digits, dots and dashes, "
    "and starts and ends with a letter or digit.",
)


class RegistryState(models.TextChoices):
    """How the registry was found when it was last asked."""

    NEW = "new", "Not synced yet"
    HEALTHY = "healthy", "Healthy"
    INCOMPLETE = "incomplete", "Incomplete"
    UNREACHABLE = "unreachable", "Unreachable"


class RegistryQuerySet(models.QuerySet["Registry"]):
    def visible_to(self, user: User | AnonymousUser) -> RegistryQuerySet:
        """What `user` may see: every registry for a person who is signed in, none otherwise."""
        return self if user.is_authenticated and user.is_active else self.none()

    def hold(self, pk: int) -> Registry:
        """The registry's row, held until the transaction ends. Whoever stores what was seen, or
        asks for, ends or removes something takes it first: nobody waits in a circle then, and
        nothing is stored for a registry that is being removed. Raises Registry.DoesNotExist.
        """
        return self.select_for_update(no_key=True).get(pk=pk)

    def hold_for_removal(self, pk: int) -> Registry:
        """As `hold`, and nobody can store a row any more that refers to the registry. Raises
        Registry.DoesNotExist.
        """
        return self.select_for_update().get(pk=pk)

    def keep(self, pk: int) -> bool:
        """Whether the registry is there; it cannot be removed then until the transaction ends.
        Nobody but a removal waits for who keeps it, and they wait for nobody else.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM registry_browser_registry WHERE id = %s FOR KEY SHARE", [pk]
            )
            return cursor.fetchone() is not None


class Registry(models.Model):
    """One host that speaks the OCI Distribution API; figures are those of its last run.

    `follow` names the repositories, or namespaces ending in `/`, to read where there is no catalog.
    `vanish_share` is the share of known repositories or tags that may be missing at once before a
    person is asked.
    """

    name = models.CharField(max_length=63, unique=True, validators=[SLUG])
    url = models.CharField(max_length=500)
    dialect = models.CharField(max_length=32, default="auto")
    capabilities = models.JSONField(default=dict)

    username = models.CharField(max_length=255, blank=True)
    secret = EncryptedTextField(default="", blank=True)
    token_realm = models.CharField(max_length=500, blank=True)
    ca_certificate = models.TextField(blank=True)
    verify_tls = models.BooleanField(default=True)

    concurrency = models.PositiveSmallIntegerField(default=16, validators=[MinValueValidator(1)])
    requests_per_second = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.1)]
    )
    sync_interval = models.DurationField(null=True, blank=True)
    check_interval = models.DurationField(null=True, blank=True)
    next_sync_at = models.DateTimeField(null=True, db_index=True)
    next_check_at = models.DateTimeField(null=True)
    follow = models.JSONField(default=list, blank=True)
    vanish_share = models.FloatField(default=0.25)
    deletion_allowed = models.BooleanField(default=False)
    deletion_needs_second_person = models.BooleanField(default=False)

    state = models.CharField(
        max_length=12, choices=RegistryState.choices, default=RegistryState.NEW
    )
    state_since = models.DateTimeField(null=True)
    state_reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    synced_at = models.DateTimeField(null=True)
    catalog_complete_at = models.DateTimeField(null=True)
    complete = models.BooleanField(default=False)

    repository_count = models.IntegerField(default=0)
    incomplete_count = models.IntegerField(default=0)
    tag_count = models.IntegerField(default=0)
    manifest_count = models.IntegerField(default=0)
    dangling_count = models.IntegerField(default=0)
    apparent_bytes = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    reclaimable_bytes = models.BigIntegerField(default=0)
    # More changed than is worth following row by row: the next run counts every namespace anew.
    bytes_due = models.BooleanField(default=True, db_default=True)
    locks_changed_at = models.DateTimeField(null=True)

    objects = RegistryQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "registries"

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """What stands before the repository path in a reference: the address without its scheme."""
        return self.url.partition("://")[2].rstrip("/")


class Namespace(models.Model):
    """The figures of the repository at a path, if there is one, and of all below it; only of paths
    that have something below them. Refreshed with the repositories.

    Bytes are those of the *set*: a layer that two repositories of the namespace share counts once,
    and is exclusive to the namespace where nobody outside holds it.
    """

    registry = models.ForeignKey(Registry, on_delete=models.CASCADE, related_name="namespaces")
    path = models.CharField(max_length=255, db_collation="C")
    repository_count = models.IntegerField(default=0)
    incomplete_count = models.IntegerField(default=0)
    tag_count = models.IntegerField(default=0)
    manifest_count = models.IntegerField(default=0)
    dangling_count = models.IntegerField(default=0)
    apparent_bytes = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    exclusive_bytes = models.BigIntegerField(default=0)
    reclaimable_bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["registry", "path"], name="namespace_path")]
