"""`manage.py prepare`: what must be in place before the programs run, without running them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from dashboard import prepare


class Command(BaseCommand):
    """For a dashboard on several machines; `manage.py up` does the same by itself.

    It may run again, and on each machine: the database is brought up to date once, the static
    files are collected where it runs.
    """

    help = "Bring the database, the broker's queue and the static files up to date."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if applied := prepare.prepare_database():
            self.stdout.write(f"Prepared the database: {applied} migrations.")
        else:
            self.stdout.write("The database was prepared already.")
        prepare.prepare_static_files()
        self.stdout.write("Collected the static files.")
