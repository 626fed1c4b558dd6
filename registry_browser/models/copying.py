"""COPY: the fastest way for many new rows into a table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Copy


@contextmanager
def copying(into: str) -> Iterator[Copy]:
    """Write rows into a table of ours, in the caller's transaction. `into` reads "tag (id, name)":
    columns that it does not name get the database's default. Raises what other statements raise.
    """
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY registry_browser_{into} FROM STDIN") as copy,
    ):
        yield copy


def copy_rows(into: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write `rows` into a table of ours."""
    with copying(into) as copy:
        for row in rows:
            copy.write_row(row)
