"""`manage.py check_registry NAME`: can it be read, and what can it do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from registry_browser.management.terminal import RecordCommand, described, find_registry
from registry_browser.sync.check import check_registry

_ANSWERS = {True: "yes", False: "no", None: "unknown"}


class Command(RecordCommand):
    """Asks the registry now and changes nothing; status 1 where it cannot be read."""

    help = "Ask a registry whether it can be read and what it can do. Takes ten seconds at most."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        registry = find_registry(options["name"])
        check = check_registry(registry)
        if not check.ok:
            raise CommandError(f"{registry.name}: {described(check)}")
        self.stdout.write(f"{registry.name}: {check.sentence}")
        if check.dialect:
            self.stdout.write(f"dialect: {check.dialect}")
        for name, can in check.capabilities.items():
            self.stdout.write(f"{name.replace('_', ' ')}: {_ANSWERS[can]}")
