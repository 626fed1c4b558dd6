"""`manage.py create_token USER`: a key for a script."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from registry_browser.history import audit
from registry_browser.management.terminal import RecordCommand, actor
from registry_browser.models import ApiToken, User

LONGEST_NAME = 80


class Command(RecordCommand):
    """Prints the token and nothing else, so that a script can take it; only its hash is stored."""

    help = "Make an API token of a user and print it, once. Send it as `Authorization: Bearer …`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", metavar="USER")
        parser.add_argument(
            "--name", default="command line", help="what the token is for (default: command line)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"].strip()
        if not 0 < len(name) <= LONGEST_NAME:
            raise CommandError(f"--name: give 1 to {LONGEST_NAME} characters.")
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(
                f"There is no user named {options['user']}. Make one with `manage.py create_user "
                "NAME --role viewer`."
            )
        if not user.is_active:
            raise CommandError(
                f"{user.username} is deactivated; an admin can activate the account under People."
            )
        now = timezone.now()
        with transaction.atomic():
            token = ApiToken.objects.issue(user, name, now)
            audit.record(
                "token:created", actor=actor(), about=user.username, detail={"name": name}, now=now
            )
        self.stdout.write(token)
