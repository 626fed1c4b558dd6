"""`manage.py add_registry NAME URL`: connect a registry."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from registry_browser.management.terminal import RecordCommand, actor, described, read_secret
from registry_browser.sync.check import check_registry
from registry_browser.sync.registries import RegistryDetails, RegistryRefused, add_registry

OPTIONS = {
    "name": "NAME",
    "url": "URL",
    "username": "--username",
    "secret": "--password-stdin",
    "dialect": "--dialect",
    "token_realm": "--token-realm",
    "follow": "--follow",
}


class Command(RecordCommand):
    """Stores the registry, due for its first sync at once; a fault that the check finds is told,
    and stops nothing.
    """

    help = "Connect a registry. The scheduler starts its first sync, or `sync NAME` does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what it is called here, such as prod")
        parser.add_argument("url", metavar="URL", help="https://host or http://host:5000")
        parser.add_argument("--username", default="", metavar="U")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password or token from standard input",
        )
        parser.add_argument(
            "--dialect", default="auto", metavar="D", help="default: found out by itself"
        )
        parser.add_argument(
            "--token-realm",
            default="",
            metavar="URL",
            help="a token server on another host that may be given the credentials",
        )
        parser.add_argument(
            "--follow",
            nargs="+",
            action="extend",
            default=[],
            metavar="PATH",
            help="repositories, or namespaces ending in a slash, where the registry has no catalog",
        )
        parser.add_argument(
            "--allow-deletion", action="store_true", help="let admins delete from it after review"
        )
        parser.add_argument(
            "--two-people-delete",
            action="store_true",
            help="have another admin than its maker approve each deletion plan",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        secret = read_secret("Password: ") if options["password_stdin"] else ""
        if options["username"] and not secret:
            raise CommandError(
                "--username comes with a password: add --password-stdin and pipe it in."
            )
        details = RegistryDetails(
            name=options["name"],
            url=options["url"],
            username=options["username"],
            secret=secret,
            dialect=options["dialect"],
            token_realm=options["token_realm"],
            follow=tuple(options["follow"]),
            deletion_allowed=options["allow_deletion"],
            deletion_needs_second_person=options["two_people_delete"],
        )
        try:
            registry = add_registry(details, actor=actor(), now=timezone.now())
        except RegistryRefused as refused:
            raise CommandError(
                f"{OPTIONS.get(refused.field, refused.field)}: {refused.message}"
            ) from refused
        self.stdout.write(f"Added {registry.name} at {registry.url}.")
        check = check_registry(registry)
        if check.ok:
            self.stdout.write(check.sentence)
        else:
            self.stderr.write(self.style.WARNING(described(check)))
