"""The Celery broker: PGMQ in our own Postgres unless `CELERY_BROKER_URL` names another.

PGMQ is plain SQL here, shipped with the `pgmq` client; the server needs no extension. All
knowledge of it is in this module.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES
from pgmq.install import install_pgmq_from_sql
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    from celery import Celery

SCHEMES = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp")
# The host shows in logs only: the client takes `conn_string` from the transport options.
PGMQ = "pgmq://database"
TRANSPORT_ALIASES["pgmq"] = "dashboard.pgmq:Transport"
QUEUE = "registry_browser"
# Milliseconds between two notifications; a message that comes in between is found by polling.
_NOTIFY_EVERY = 100
# Any number will do, as long as only this module locks it: two starts at once install once.
_INSTALL_LOCK = 0x7067_6D71


def transport_options(conninfo: str | None, *, visibility_timeout: int) -> dict[str, Any]:
    """Return kombu's transport options; `conninfo` (keyword form) is given for PGMQ alone.

    `visibility_timeout`, in seconds, is when a task that a killed worker held is handed to another.
    """
    options: dict[str, Any] = {"visibility_timeout": visibility_timeout}
    if conninfo is not None:
        options |= {
            "conn_string": conninfo,
            "init_extension": False,
            "use_notify": True,
            "pool_size": 2,
            "pool_timeout": 5,
            "polling_interval": 1.0,
            "wait_time_seconds": 0,
        }
    else:
        # Redis alone reads these: by default kombu looks for such tasks every 100 seconds only.
        options |= {
            "unacked_restore_interval": min(10, visibility_timeout),
            "unacked_restore_throttle": 1,
        }
    return options


def database_conninfo(database: dict[str, Any]) -> str:
    """Return Django's database settings in libpq's keyword form.

    The URL form would lose the socket directory: the PGMQ client reads it as localhost.
    """
    named = {
        "host": database.get("HOST"),
        "port": database.get("PORT"),
        "user": database.get("USER"),
        "password": database.get("PASSWORD"),
        "dbname": database.get("NAME"),
    }
    options = {
        name: value
        for name, value in database.get("OPTIONS", {}).items()
        if re.fullmatch(r"ssl\w+|connect_timeout|target_\w+", name)
    }
    given = {name: str(value) for name, value in {**named, **options}.items() if value}
    return make_conninfo("", **given)


def prepare(conninfo: str) -> None:
    """Install PGMQ and make our queue, where they are missing. Safe to repeat and to race.

    Raises `psycopg.Error`.
    """
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_INSTALL_LOCK])
        installed = connection.execute("SELECT to_regclass('pgmq.meta') IS NOT NULL").fetchone()
        if installed != (True,):
            install_pgmq_from_sql(conn=connection)
        known = connection.execute("SELECT 1 FROM pgmq.meta WHERE queue_name = %s", [QUEUE])
        if known.fetchone() is None:
            connection.execute("SELECT pgmq.create(%s)", [QUEUE])
        notified = connection.execute(
            "SELECT 1 FROM pgmq.notify_insert_throttle WHERE queue_name = %s", [QUEUE]
        )
        if notified.fetchone() is None:
            connection.execute("SELECT pgmq.enable_notify_insert(%s, %s)", [QUEUE, _NOTIFY_EVERY])


def reachable(app: Celery[Any], *, timeout: int) -> bool:
    """Tell whether the broker accepts a connection within `timeout` seconds."""
    with app.connection_for_read() as connection:
        # Kombu wraps some of its transports' errors in one of its own.
        errors: tuple[type[BaseException], ...]
        errors = (OSError, OperationalError, *connection.connection_errors)
        try:
            connection.ensure_connection(max_retries=1, timeout=timeout)
        except errors:
            return False
        return True
