"""One deletion or undo a registry at a time, whoever runs it: a session lock of Postgres, which
ends with its connection. Needs a direct connection, as the crawl's does.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection

_DELETION = 0x52420002
"""The first key of the pair; the crawl's lock has another one."""


@contextmanager
def deletion_lock(registry_id: int) -> Iterator[bool]:
    """True while this connection holds the lock; False, at once, where another one does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_DELETION, registry_id])
        (locked,) = cursor.fetchone()
    try:
        yield locked
    finally:
        if locked:
            _unlock(registry_id)


def _unlock(registry_id: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_DELETION, registry_id])
    except (DatabaseError, InterfaceError):
        # The connection is gone, and the lock with it.
        connection.close()


def is_deleting(registry_id: int) -> bool:
    """Whether anyone holds the lock of this registry."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE locktype = 'advisory' AND granted AND objsubid = 2"
            " AND classid = %s::oid AND objid = %s::oid"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [_DELETION, registry_id],
        )
        (held,) = cursor.fetchone()
    return bool(held)
