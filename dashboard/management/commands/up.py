"""`manage.py up`: the whole dashboard in one terminal."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from dashboard import guard, lease, prepare, programs
from dashboard.connect import connect
from dashboard.supervisor import Supervisor
from registry_browser.models import SignInToken
from registry_browser.sync.registries import RegistryRefused

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from dashboard.lease import Lease


class Command(BaseCommand):
    help = "Run the whole dashboard: database, web, scheduler and worker. Ctrl-C ends it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--registry", metavar="URL", help="connect this registry and sync it")
        parser.add_argument(
            "--as", metavar="NAME", help="its name here; made from the URL if unset"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        # The same way out before the programs run as while they do.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with guard.the_only_one(settings.HOME):
            try:
                self._up(options["registry"], options["as"])
            except KeyboardInterrupt:
                raise CommandError("Stopped before it was up.", returncode=130) from None
            finally:
                connection.close()
                lease.release()

    def _up(self, registry_url: str | None, name: str | None) -> None:
        guard.wait_for_port(settings.REGISTRY_BROWSER_BIND, settings.REGISTRY_BROWSER_PORT)
        held = lease.hold(settings.EMBEDDED_POSTGRES) if settings.EMBEDDED_POSTGRES else None
        if applied := prepare.prepare_database():
            self._say(f"Prepared the database: {applied} migrations.")
        prepare.prepare_static_files()
        if registry_url is not None:
            self._say(f"Connected {self._connect(registry_url, name)}; a sync begins shortly.")
        token = SignInToken.objects.issue_for_first_admin(timezone.now())
        connection.close()
        self._supervise(held, f"{settings.REGISTRY_BROWSER_ADDRESS}/sign-in/{token}/")
        self._say("Stopped.")

    def _connect(self, url: str, name: str | None) -> str:
        try:
            return connect(url, name=name, now=timezone.now()).name
        except RegistryRefused as refusal:
            raise CommandError(f"--registry: {refusal.message}") from None

    def _supervise(self, held: Lease | None, sign_in_link: str) -> None:
        async def announce() -> None:
            await guard.answers(f"{settings.REGISTRY_BROWSER_ADDRESS}/healthz")
            self._say(f"Sign in: {sign_in_link}")

        async def run() -> str | None:
            watch = None if held is None else _mend(held)
            supervisor = Supervisor(programs.dashboard_programs(), say=self._say, watch=watch)
            return await supervisor.run(announce())

        failure = asyncio.run(run())
        if failure is not None:
            raise CommandError(failure)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _mend(held: Lease) -> Callable[[], str | None]:
    """Return what brings the embedded Postgres back when it died."""

    def watch() -> str | None:
        if held.server.server_pid() is not None:
            return None
        held.revive()
        return "postgres ended; it runs again"

    return watch
