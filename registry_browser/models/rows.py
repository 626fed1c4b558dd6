"""From a statement to its row type: columns are named as the fields are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Row = TypeVar("Row")


def fetch(
    row: Callable[..., Row], statement: str, parameters: Mapping[str, Any] | Sequence[Any]
) -> list[Row]:
    """Run the statement and make one `row` of each record, its columns as keyword arguments."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description or ()]
        return [row(**dict(zip(names, values, strict=True))) for values in cursor.fetchall()]
