"""The planner's statistics during a first sync.

Tables that were empty a second ago are planned as if they still were, until autovacuum looks, a
minute later: joins that take milliseconds then take minutes. So they are analyzed as they grow.
"""

from django.db import connection

_TABLES = (
    "blob",
    "imageconfig",
    "manifest",
    "manifestblob",
    "manifestchild",
    "presence",
    "repository",
    "repositoryblob",
    "tag",
    "tagspan",
)
_FIRST = 200
"""New manifests."""


class Statistics:
    """Analyzes after the first few hundred new manifests, and whenever their number has doubled."""

    def __init__(self) -> None:
        self._added = 0
        self._next = _FIRST

    def note(self, added: int) -> None:
        """So many manifests were stored."""
        self._added += added
        if self._added < self._next:
            return
        self._next = 2 * self._added
        tables = ", ".join(f"registry_browser_{table}" for table in _TABLES)
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {tables}")
