"""One worker a registry for each kind of work, whoever runs it: session locks of Postgres, which
end with their connection.

They keep politeness simple (one pool, one pace) and let counts change without races. A worker that
is killed, or a database that restarts, frees the lock by itself. Needs a direct connection: a
pooler in transaction mode would mislay the lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError, connection


@dataclass(frozen=True, slots=True)
class WorkLock:
    """`key` is the first of the pair that Postgres locks; the registry's id is the second."""

    key: int

    @contextmanager
    def taken(self, registry_id: int) -> Iterator[bool]:
        """True while this connection holds the lock; False, at once, where another one does."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [self.key, registry_id])
            (locked,) = cursor.fetchone()
        try:
            yield locked
        finally:
            if locked:
                self._free(registry_id)

    def is_taken(self, registry_id: int) -> bool:
        """Whether anyone holds the lock of this registry."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks"
                " WHERE locktype = 'advisory' AND granted AND objsubid = 2"
                " AND classid = %s::oid AND objid = %s::oid AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database()))",
                [self.key, registry_id],
            )
            (held,) = cursor.fetchone()
        return bool(held)

    def _free(self, registry_id: int) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [self.key, registry_id])
        except (DatabaseError, InterfaceError):
            # The connection is gone, and the lock with it.
            connection.close()


# Keys that nobody else's locks in the same database have.
CRAWL = WorkLock(0x52420001)
DELETION = WorkLock(0x52420002)
"""A deletion or its undo."""
