"""Lists are walked by cursor: every row once, whatever is added meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.conftest import Caller, problem_of
from tests.record import NOW, Record

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORIES = "registries/prod/repositories/"
TAGS = f"{REPOSITORIES}app/-/tags/"


@pytest.fixture
def record(db: None) -> Record:
    return Record()


def cursor_of(page: Any) -> str:
    return str(parse_qs(urlsplit(page["next"]).query)["cursor"][0])


def test_a_walk_meets_every_row_once(record: Record, viewer: Caller) -> None:
    paths = [f"app-{number:02}" for number in range(25)]
    for path in paths:
        record.repository(path)

    assert [row["path"] for row in viewer.walk(f"{REPOSITORIES}?page_size=7")] == paths


@pytest.mark.parametrize("ordering", ["tags", "-tags", "-stored_bytes", "path", "-path"])
def test_rows_that_tie_are_met_once_too(record: Record, viewer: Caller, ordering: str) -> None:
    for number in range(20):
        record.repository(f"app-{number:02}", tag_count=number % 3, stored_bytes=number % 2)

    rows = viewer.walk(f"{REPOSITORIES}?page_size=3&ordering={ordering}")

    name = ordering.removeprefix("-")
    values = [row[name] for row in rows]
    assert values == sorted(values, reverse=ordering.startswith("-"))
    assert len({row["path"] for row in rows}) == len(rows) == 20


def test_rows_added_while_walking_hide_and_repeat_nothing(record: Record, viewer: Caller) -> None:
    paths = [f"m-{number:02}" for number in range(20)]
    for path in paths:
        record.repository(path)

    seen: list[str] = []
    following: str | None = f"{REPOSITORIES}?page_size=3"
    while following:
        page = viewer.read(following)
        seen += [row["path"] for row in page["results"]]
        following = page["next"]
        # One before all rows and one behind the row that was last: offsets would slip.
        record.repository(f"a-{len(seen):02}")
        record.repository(f"{seen[-1]}-more")

    assert len(seen) == len(set(seen))
    assert [path for path in seen if path in paths] == paths
    assert not [path for path in seen if path.startswith("a-")]


def test_a_row_that_goes_while_walking_hides_no_other(record: Record, viewer: Caller) -> None:
    repositories = [record.repository(f"app-{number}") for number in range(6)]
    page = viewer.read(f"{REPOSITORIES}?page_size=3")

    repositories[2].delete()

    rest = viewer.walk(page["next"])
    assert [row["path"] for row in rest] == ["app-3", "app-4", "app-5"]


def test_times_in_a_cursor_are_exact(record: Record, viewer: Caller) -> None:
    repository, image = record.repository("app"), record.image("app")
    for number in range(9):
        moment = NOW + timedelta(microseconds=number // 2)
        record.tag(repository, f"t{number}", image, changed_at=moment)

    rows = viewer.walk(f"{TAGS}?page_size=2&ordering=changed_at")

    assert [row["name"] for row in rows] == [f"t{number}" for number in range(9)]


def test_the_next_address_is_absolute_and_keeps_the_question(
    record: Record, viewer: Caller
) -> None:
    for number in range(5):
        record.repository(f"team/app-{number}")

    address = f"{REPOSITORIES}?prefix=team&search=APP&ordering=-path&page_size=2"
    following = viewer.read(address)["next"]

    query = parse_qs(urlsplit(following).query)
    assert following.startswith(f"http://testserver/api/v1/{REPOSITORIES}?")
    assert {name: query[name] for name in ("prefix", "search", "ordering", "page_size")} == {
        "prefix": ["team"],
        "search": ["APP"],
        "ordering": ["-path"],
        "page_size": ["2"],
    }


@pytest.mark.parametrize("size", [3, 1000])
def test_the_last_page_has_no_next(record: Record, viewer: Caller, size: int) -> None:
    for number in range(3):
        record.repository(f"app-{number}")

    page = viewer.read(f"{REPOSITORIES}?page_size={size}")

    assert len(page["results"]) == 3
    assert page["next"] is None


def test_an_empty_list_is_a_page(record: Record, viewer: Caller) -> None:
    assert viewer.read(REPOSITORIES) == {"results": [], "next": None}


def test_a_cursor_of_another_order_or_list_is_refused(record: Record, viewer: Caller) -> None:
    image = record.image("image")
    for path in ("app", "web"):
        repository = record.repository(path)
        for name in ("1", "2", "3"):
            record.tag(repository, name, image)
    cursor = cursor_of(viewer.read(f"{TAGS}?page_size=1"))
    web = TAGS.replace("app", "web")

    assert viewer.get(f"{TAGS}?cursor={cursor}").status_code == 200
    for address in (f"{TAGS}?ordering=name&cursor={cursor}", f"{web}?cursor={cursor}"):
        problem = problem_of(viewer.get(address), 400, "invalid")
        assert list(problem["errors"]) == ["cursor"]


@pytest.mark.parametrize("damage", ["x", ":", "%00", "%F0%9F%90%B3", "=="])
def test_a_damaged_cursor_is_refused(record: Record, viewer: Caller, damage: str) -> None:
    for number in range(2):
        record.repository(f"app-{number}")
    cursor = cursor_of(viewer.read(f"{REPOSITORIES}?page_size=1"))

    for broken in (cursor + damage, damage + cursor, damage):
        response = viewer.get(f"{REPOSITORIES}?cursor={broken}")
        assert list(problem_of(response, 400, "invalid")["errors"]) == ["cursor"]


def test_a_later_page_costs_what_the_first_costs(
    record: Record, viewer: Caller, statements: Callable[[Callable[[], Any]], int]
) -> None:
    for number in range(9):
        record.repository(f"app-{number}")
    page = viewer.read(f"{REPOSITORIES}?page_size=3")

    first = statements(lambda: viewer.read(f"{REPOSITORIES}?page_size=3"))
    assert statements(lambda: viewer.read(page["next"])) == first


def test_an_order_that_there_is_not_is_told_those_there_are(record: Record, viewer: Caller) -> None:
    problem = problem_of(viewer.get(f"{REPOSITORIES}?ordering=age"), 400, "invalid")

    assert "“age” is no order; write one of path, -path," in problem["detail"]
