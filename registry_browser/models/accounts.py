"""People and the keys they hold: users with one of three roles, one-time sign-in links, API
tokens; and how often a password was wrong.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import connection, models, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

SIGN_IN_LINK_LIFETIME = timedelta(hours=24)
TOKEN_PREFIX = "rb_"


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Role(models.TextChoices):
    """What a person may do. Each role may do all that the one before it may."""

    VIEWER = "viewer", "Viewer: browses"
    AUDITOR = "auditor", "Auditor: browses, reads history and exports"
    ADMIN = "admin", "Admin: changes registries and deletes"


class User(AbstractUser):
    """A person who signs in."""

    role = models.CharField(max_length=8, choices=Role.choices, default=Role.VIEWER)

    @property
    def is_admin(self) -> bool:
        return self.is_active and self.role == Role.ADMIN

    @property
    def is_auditor(self) -> bool:
        return self.is_active and self.role in (Role.AUDITOR, Role.ADMIN)


class SignInTokenManager(models.Manager["SignInToken"]):
    def issue(self, user: User, now: datetime) -> str:
        """A fresh one-time token for `user`, as text; only its hash is stored."""
        token = secrets.token_urlsafe(32)
        self.create(
            user=user, fingerprint=_fingerprint(token), expires_at=now + SIGN_IN_LINK_LIFETIME
        )
        return token

    def issue_for_first_admin(self, now: datetime) -> str:
        """A one-time token for an admin, who is made (as `admin`, without a password) where there
        is none yet.
        """
        admin = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("pk").first()
        if admin is None:
            admin, _ = User.objects.update_or_create(
                username="admin", defaults={"role": Role.ADMIN, "is_active": True}
            )
            if not admin.password:
                admin.set_unusable_password()
                admin.save(update_fields=["password"])
        self.filter(user=admin).delete()
        return self.issue(admin, now)

    def redeem(self, token: str, now: datetime) -> User | None:
        """The user whom the token signs in, once; None where it is unknown, used or expired."""
        with transaction.atomic():
            row = (
                self.select_for_update()
                .select_related("user")
                .filter(fingerprint=_fingerprint(token), expires_at__gt=now, user__is_active=True)
                .first()
            )
            if row is None:
                return None
            row.delete()
            return row.user


class SignInToken(models.Model):
    """A link that signs one person in, once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_tokens")
    fingerprint = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[SignInTokenManager] = SignInTokenManager()


class ApiTokenManager(models.Manager["ApiToken"]):
    def issue(
        self, user: User, name: str, now: datetime, expires_at: datetime | None = None
    ) -> str:
        """A fresh API token of `user`, as text that is shown once; only its hash is stored."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self.create(
            user=user,
            name=name,
            hint=token[: len(TOKEN_PREFIX) + 4],
            fingerprint=_fingerprint(token),
            created_at=now,
            expires_at=expires_at,
        )
        return token

    def find(self, token: str, now: datetime) -> ApiToken | None:
        """The valid token of an active user with this text, or None."""
        row = (
            self.select_related("user")
            .filter(fingerprint=_fingerprint(token), user__is_active=True)
            .first()
        )
        return None if row is None or (row.expires_at and row.expires_at <= now) else row


class ApiToken(models.Model):
    """A key for scripts, sent as `Authorization: Bearer …`; it may do what its user may."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    hint = models.CharField(max_length=12)
    fingerprint = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects: ClassVar[ApiTokenManager] = ApiTokenManager()


class SignInFailuresManager(models.Manager["SignInFailures"]):
    def note(self, subjects: Iterable[str], *, now: datetime, window: timedelta) -> None:
        """One more failure of each; the first begins a window, and the first after its end the
        next. Exact however many count at once.
        """
        with connection.cursor() as cursor:
            for subject in subjects:
                cursor.execute(
                    """
                    INSERT INTO registry_browser_signinfailures AS known
                                (subject, number, forgotten_at)
                         VALUES (%(subject)s, 1, %(end)s)
                    ON CONFLICT (subject) DO UPDATE
                       SET number = CASE WHEN known.forgotten_at > %(now)s
                                         THEN known.number + 1 ELSE 1 END,
                           forgotten_at = CASE WHEN known.forgotten_at > %(now)s
                                               THEN known.forgotten_at ELSE %(end)s END
                    """,
                    {"subject": subject, "now": now, "end": now + window},
                )

    def numbers(self, subjects: Iterable[str], *, now: datetime) -> dict[str, int]:
        """How often each of them that has an open window has failed in it."""
        found = self.filter(subject__in=subjects, forgotten_at__gt=now)
        return dict(found.values_list("subject", "number"))


class SignInFailures(models.Model):
    """How often signing in failed of late, for one name or from one address."""

    subject = models.CharField(max_length=80, primary_key=True, db_collation="C")
    number = models.IntegerField()
    forgotten_at = models.DateTimeField()

    objects: ClassVar[SignInFailuresManager] = SignInFailuresManager()
