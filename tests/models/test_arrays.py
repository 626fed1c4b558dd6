"""Lists as parameters come back from Postgres as they were given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as some
from psycopg.types.array import ListDumper

from registry_browser.models import TagEventKind
from registry_browser.models.arrays import PlainListDumper

MOMENT = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def back(items: list[Any], kind: str) -> list[Any]:
    """What Postgres takes the list for."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [items])
        (found,) = cursor.fetchone()
    return list(found)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("items", "kind"),
    [
        ([], "text"),
        (["sha256:" + "a" * 64, "sha512:" + "b" * 128], "text"),
        (["null", "NULL", "", " ", "{}", "a,b", "1.0-rc_2"], "text"),
        (['say "so"', "back\\slash", '","'], "text"),
        (["größer", "東京"], "text"),
        (["one", None, "three"], "text"),
        ([1, -2, 2**62], "bigint"),
        ([True, False], "boolean"),
        ([None, None], "timestamptz"),
        ([MOMENT, MOMENT.astimezone(UTC)], "timestamptz"),
        ([MOMENT, None], "timestamptz"),
        ([["a", "b"], ["c", "d"]], "text"),
        ([TagEventKind.CREATED, TagEventKind.MOVED], "text"),
    ],
    ids=str,
)
def test_a_list_comes_back(items: list[Any], kind: str) -> None:
    assert back(items, kind) == items


@pytest.mark.django_db
def test_postgres_stores_no_nul_and_says_so() -> None:
    with pytest.raises(DataError):
        back(["a\0b", "c"], "text")


def test_it_is_used_for_all_lists() -> None:
    dumper = psycopg.adapters.get_dumper(list, psycopg.adapt.PyFormat.TEXT)
    assert dumper is PlainListDumper


@given(
    some.lists(some.text(some.characters(exclude_characters="\0")) | some.just('","'), min_size=1)
)
def test_what_is_joined_at_once_needs_no_escape(items: list[str]) -> None:
    dumped = PlainListDumper(list).dump(items)
    if dumped != ListDumper(list).dump(items):
        assert dumped is not None
        assert bytes(dumped)[2:-2].split(b'","') == [item.encode() for item in items]
        assert not any(mark in item for mark in '"\\' for item in items)
