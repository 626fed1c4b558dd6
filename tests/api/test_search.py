"""Search over everything that the record holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import Caller, problem_of
from tests.record import Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def record(db: None) -> Record:
    record = Record()
    image = record.image("app", [record.layer("base", 10)])
    record.tag(record.repository("team/app"), "1.0", image)
    return record


def found(viewer: Caller, text: str) -> list[tuple[str, str]]:
    answer = viewer.read(f"search/?q={text}")
    assert answer["next"] is None
    return [(row["kind"], row["name"]) for row in answer["results"]]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("team", ("place", "team/app")),
        ("prod", ("registry", "prod")),
        ("docker%20pull%20registry.example/team/app:1.0", ("tag", "1.0")),
        (digest_of("app"), ("manifest", digest_of("app"))),
        (digest_of("base")[:20], ("layer", digest_of("base"))),
    ],
)
def test_anything_that_can_be_pasted_finds_its_match(
    record: Record, viewer: Caller, text: str, match: tuple[str, str]
) -> None:
    assert match in found(viewer, text)


@pytest.mark.parametrize(
    "text", ["team", "prod", "team/app:1.0", digest_of("app"), digest_of("base")]
)
def test_every_match_leads_to_an_address_that_answers(
    record: Record, viewer: Caller, text: str
) -> None:
    rows = viewer.read(f"search/?q={text}")["results"]

    assert rows
    for row in rows:
        assert viewer.get(row["url"]).status_code == 200


def test_a_namespace_leads_to_its_repositories(record: Record, viewer: Caller) -> None:
    [place] = [
        row
        for row in viewer.read("search/?q=registry.example/team")["results"]
        if row["path"] == "team"
    ]

    assert [row["path"] for row in viewer.read(place["url"])["results"]] == ["team/app"]


def test_a_match_is_listed_once(record: Record, viewer: Caller) -> None:
    rows = found(viewer, "team/app")

    assert len(rows) == len(set(rows))


def test_nothing_is_found_for_what_is_not_there(record: Record, viewer: Caller) -> None:
    assert viewer.read("search/?q=absent") == {"results": [], "next": None, "more": False}


def test_more_matches_than_are_shown_are_told(record: Record, viewer: Caller) -> None:
    for number in range(20):
        record.repository(f"many/{number}")

    assert viewer.read("search/?q=many/")["more"] is True


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20", f"?q={'x' * 1001}", "?q=%00"])
def test_a_search_needs_a_word(record: Record, viewer: Caller, query: str) -> None:
    problem = problem_of(viewer.get(f"search/{query}"), 400, "invalid")

    assert list(problem["errors"]) == ["q"]


def test_the_number_of_statements_does_not_grow_with_the_matches(
    record: Record, viewer: Caller, statements: Callable[[Callable[[], Any]], int]
) -> None:
    viewer.read("search/?q=team")
    few = statements(lambda: viewer.read("search/?q=team"))
    for number in range(10):
        record.repository(f"team/{number}")

    assert statements(lambda: viewer.read("search/?q=team")) == few
