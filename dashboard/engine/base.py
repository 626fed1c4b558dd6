"""The backend itself; Django finds it by its name, `ENGINE = "dashboard.engine"`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from psycopg import OperationalError

from dashboard import lease


class DatabaseWrapper(base.DatabaseWrapper):
    """Holds the embedded server for as long as the process lives.

    So every command works with and without `manage.py up` beside it, and one that needs no
    database starts none.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        server = settings.EMBEDDED_POSTGRES
        assert server is not None, "settings choose this engine for the embedded server only"
        held = lease.hold(server)
        try:
            return super().get_new_connection(conn_params)
        except OperationalError:
            held.revive()
            return super().get_new_connection(conn_params)
