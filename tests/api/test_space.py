"""Space over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.conftest import problem_of
from tests.reports.test_space_by_hand import company

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.api.conftest import Caller


def test_space_of_a_registry(viewer: Caller) -> None:
    company()

    found = viewer.read("registries/prod/space/")

    assert (found["registry"], found["prefix"], found["complete"]) == ("prod", "", True)
    assert found["apparent_bytes"] == 1200 + 1030 + 1000 + 50 + 1004 + 50
    assert found["stored_bytes"] == 1284
    assert found["shared_bytes"] == 1050
    assert found["saved_bytes"] == found["apparent_bytes"] - 1284
    assert (found["reclaimable_bytes"], found["dangling_manifests"]) == (80, 3)
    assert [(row["path"], row["exclusive_bytes"]) for row in found["by_namespace"]] == [
        ("team", 230),
        ("tool", 4),
    ]
    assert found["by_namespace_total"] == 2
    assert found["lists_untagged"] is False
    assert found["untagged_known_since"].endswith("Z")


def test_space_below_a_prefix_is_of_the_set(viewer: Caller) -> None:
    company()

    found = viewer.read("registries/prod/space/?prefix=team/")

    assert (found["prefix"], found["stored_bytes"], found["exclusive_bytes"]) == ("team", 1280, 230)
    assert [row["path"] for row in found["by_namespace"]] == ["team/web", "team/api"]


def test_nothing_is_at_an_unknown_place(viewer: Caller) -> None:
    company()

    problem_of(viewer.get("registries/prod/space/?prefix=nowhere"), 404, "not-found")
    problem_of(viewer.get("registries/nowhere/space/"), 404, "not-found")


def test_a_misspelt_parameter_is_refused(viewer: Caller) -> None:
    company()

    assert viewer.get("registries/prod/space/?prefx=team").status_code == 400


def test_space_takes_as_many_statements_however_much_there_is(
    viewer: Caller, statements: Callable[[Callable[[], Any]], int]
) -> None:
    record = company()
    viewer.read("registries/prod/space/")
    few = statements(lambda: viewer.read("registries/prod/space/"))
    for number in range(8):
        record.repository(f"more-{number}")
    record.refresh()

    assert statements(lambda: viewer.read("registries/prod/space/")) == few
