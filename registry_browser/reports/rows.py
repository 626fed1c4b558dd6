"""From a statement to its row type: columns are named as the fields are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Row = TypeVar("Row")


def fetch(row: Callable[..., Row], statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    """Run the statement and make one `row` of each record, its columns as keyword arguments."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description or ()]
        return [row(**dict(zip(names, values, strict=True))) for values in cursor.fetchall()]


def below(prefix: str) -> dict[str, str]:
    """Parameters for "the repository at `prefix` and all below it"; the empty one is everything.

    A range over paths, which compare byte by byte: `0` follows `/` in ASCII.
    """
    return {"prefix": prefix, "start": f"{prefix}/" if prefix else "", "end": f"{prefix}0"}


IN_SCOPE = """(%(prefix)s = '' OR repository.path = %(prefix)s
        OR (repository.path > %(start)s AND repository.path < %(end)s))"""
"""The condition on `repository` that goes with the parameters of `below`."""
