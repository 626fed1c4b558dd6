"""What commands share: a prepared database, finding what was named, reading a secret, who is at the
terminal.
"""

from __future__ import annotations

import getpass
import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from registry_browser.history.audit import AT_TERMINAL
from registry_browser.models import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_browser.sync.check import Check

_NAMED = 10


class RecordCommand(BaseCommand):
    """A command over the record. A database that is away or not prepared ends it with one line."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                raise CommandError(
                    "The database is not prepared: run `manage.py prepare`, or start `manage.py "
                    "up` once."
                )
            return super().execute(*args, **options)
        except (OperationalError, InterfaceError) as error:
            cause = str(error).strip().partition("\n")[0]
            raise CommandError(f"DATABASE_URL: the database does not answer ({cause}).") from error


def find_registry(name: str) -> Registry:
    """The registry with this name. Raises CommandError, which names those there are."""
    registry = Registry.objects.filter(name=name).first()
    if registry is None:
        raise CommandError(f"There is no registry named {name}. {_known()}")
    return registry


def _known() -> str:
    names = list(Registry.objects.values_list("name", flat=True)[: _NAMED + 1])
    if not names:
        return "Add one with `manage.py add_registry NAME URL`."
    more = " and others" if len(names) > _NAMED else ""
    return f"Known: {', '.join(names[:_NAMED])}{more}."


def read_secret(prompt: str) -> str:
    """A password from standard input, or asked for without echo on a terminal. Raises CommandError
    where it is empty.

    One line ending is taken off, as `docker login --password-stdin` does, since `echo` and files
    end in one.
    """
    if sys.stdin.isatty():
        secret = getpass.getpass(prompt)
    else:
        secret = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not secret:
        raise CommandError("--password-stdin: standard input is empty; pipe the password in.")
    return secret


@contextmanager
def quiet_log(verbosity: int) -> Iterator[None]:
    """Keep notices of the log out of what a person watches; warnings come through, and everything
    does with `--verbosity 2`.
    """
    log = logging.getLogger("registry_browser")
    level = log.level
    if verbosity < 2:
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(level)


def actor() -> str:
    """Who history names for what a command does: the account on this machine, marked as such."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        # A container's user id need not have a name.
        account = str(os.getuid())
    return account + AT_TERMINAL


def described(check: Check) -> str:
    """A check that found something wrong, as one line: what, the raw cause, the next step."""
    cause = f" ({check.cause})" if check.cause else ""
    return " ".join(filter(None, [f"{check.sentence}{cause}", check.next_step]))
