"""What must be in place before the programs start: the schema, the cache table, the broker, the
static files. Everything here may run again and again, and on several machines at once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from dashboard import broker
from dashboard.env import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterator

# Any number will do, as long as only this module locks it.
_PREPARE_LOCK = 0x7072_6570


def prepare_database() -> int:
    """Bring schema, cache table and broker up to date; return the number of migrations applied.

    Raises WrongSetting when DATABASE_URL leads nowhere, and PostgresError.
    """
    try:
        connection.ensure_connection()
    except OperationalError as error:
        reason = " ".join(str(error).split())
        raise WrongSetting("DATABASE_URL", f"cannot connect: {reason}") from None
    with _one_at_a_time():
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        if settings.BROKER_IS_POSTGRES:
            broker.prepare(settings.CELERY_BROKER_TRANSPORT_OPTIONS["conn_string"])
    return missing


def prepare_static_files() -> None:
    """Collect static files under their hashed names. Raises WrongSetting."""
    try:
        call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        raise WrongSetting(
            "REGISTRY_BROWSER_HOME", f"cannot use {error.filename}: {error.strerror}"
        ) from None


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold a lock in the database; it goes with its own session, however we end."""
    with psycopg.connect(broker.database_conninfo(settings.DATABASES["default"])) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [_PREPARE_LOCK])
        yield
