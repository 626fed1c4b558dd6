"""Pages by keyset: a page goes on after the last row of the one before, whatever was added
meanwhile.

A cursor is that row's sort values, signed, so that it is either one of ours or refused. Each page
is one statement, and the hundredth costs what the first does: no offset, no count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rest_framework.request import Request

AnyModel = TypeVar("AnyModel", bound=Model)
_SALT = "registry_browser.api.cursor"


@dataclass(frozen=True, slots=True)
class Order:
    """Columns that together are unique and never null. They go the same way, except those with a
    plus sign before them, which always ascend: an index may want it so.
    """

    columns: tuple[str, ...]
    descending: bool = False

    def by(self) -> list[str]:
        """What `order_by` takes."""
        return [f"-{column}" if falls else column for column, falls in self._directions()]

    def values(self, row: Model) -> list[Any]:
        """The sort values of a row, as JSON knows them."""
        found = (reduce(getattr, column.split("__"), row) for column, _ in self._directions())
        return [value.isoformat() if isinstance(value, datetime) else value for value in found]

    def after(self, values: Sequence[Any]) -> Q:
        """The rows behind the one with these values.

        (a, b) > (x, y) written as a >= x and (a > x or b > y): the first part is what an index is
        searched by.
        """
        [(column, falls), *_] = self._directions()
        beyond, up_to = ("lt", "lte") if falls else ("gt", "gte")
        value, *rest = values
        if not rest:
            return Q(**{f"{column}__{beyond}": value})
        deeper = Order(self.columns[1:], self.descending).after(rest)
        return Q(**{f"{column}__{up_to}": value}) & (Q(**{f"{column}__{beyond}": value}) | deeper)

    def _directions(self) -> list[tuple[str, bool]]:
        """Each column with whether it descends."""
        return [
            (column.removeprefix("+"), self.descending and not column.startswith("+"))
            for column in self.columns
        ]


@dataclass(frozen=True, slots=True)
class Page(Generic[AnyModel]):
    """Some rows, and whether there are more behind them."""

    rows: list[AnyModel]
    more: bool


def read_page(
    rows: QuerySet[AnyModel], order: Order, after: Sequence[Any] | None, size: int
) -> Page[AnyModel]:
    """At most `size` rows behind `after` (None: from the start), in one statement."""
    ordered = rows.order_by(*order.by())
    if after is not None:
        ordered = ordered.filter(order.after(after))
    found = list(ordered[: size + 1])
    return Page(found[:size], more=len(found) > size)


def cursor_for(values: Sequence[Any], *, place: str) -> str:
    """The cursor that goes on behind these values; it fits no list but `place`."""
    return signing.dumps(list(values), salt=f"{_SALT}:{place}")


def read_cursor(cursor: str, *, place: str) -> list[Any]:
    """The values in a cursor. Raises ValidationError for one that is not ours or is of another
    list.
    """
    try:
        values: list[Any] = signing.loads(cursor, salt=f"{_SALT}:{place}")
    except signing.BadSignature as error:
        raise ValidationError(
            {
                "cursor": [
                    "This is no cursor of this list and order. Start without one, then follow "
                    "`next`."
                ]
            }
        ) from error
    return values


def next_address(request: Request, cursor: str) -> str:
    """The absolute address of the next page: this one's, with the cursor in it."""
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")
