"""`manage.py create_user NAME --role viewer|auditor|admin`: let a person in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from registry_browser.history import audit
from registry_browser.management.terminal import RecordCommand, actor, read_secret
from registry_browser.models import Role, SignInToken, User


class Command(RecordCommand):
    """Makes the user with the password that is piped in, or prints a link that signs the person in
    once.
    """

    help = "Make a user. Without --password-stdin, print a sign-in link that works once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name: str = options["name"]
        if User.objects.filter(username=name).exists():
            raise CommandError(
                f"There is a user named {name} already; choose another name, or change that one "
                "under People."
            )
        password = read_secret("Password: ") if options["password_stdin"] else None
        user = User(username=name, role=options["role"])
        user.set_password(password)
        try:
            user.full_clean(exclude=["password"])
            if password is not None:
                validate_password(password, user)
        except ValidationError as error:
            raise CommandError(f"{name}: {' '.join(error.messages)}") from error
        now = timezone.now()
        with transaction.atomic():
            user.save()
            audit.record(
                "user:created", actor=actor(), about=name, detail={"role": user.role}, now=now
            )
            token = SignInToken.objects.issue(user, now) if password is None else None
        self.stdout.write(f"Made {name}, {user.role}.")
        if token is not None:
            self.stdout.write(f"Sign in: {_origin()}{reverse('sign-in-link', args=[token])}")


def _origin() -> str:
    """Where the dashboard is reached, as far as the settings tell."""
    return str([*settings.CSRF_TRUSTED_ORIGINS, settings.REGISTRY_BROWSER_ADDRESS][0])
