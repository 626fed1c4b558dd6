"""The tree that slashes draw."""

import pytest
from pytest_django import DjangoAssertNumQueries

from registry_browser.queries.tree import PAGE, breadcrumbs, children, place
from tests.record import NOW, Record

pytestmark = pytest.mark.django_db


def test_right_below_the_registry_are_its_first_path_segments() -> None:
    record = Record()
    for path in ("base", "team/api", "team/web/front", "zoo/lion"):
        record.repository(path, tag_count=2)

    rows = children(record.registry).rows

    assert [(row.name, row.repositories) for row in rows] == [("base", 1), ("team", 2), ("zoo", 1)]
    assert [(row.is_repository, row.is_namespace) for row in rows] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_a_path_can_be_repository_and_namespace_at_once() -> None:
    record = Record()
    record.repository("team/web")
    record.repository("team/web/cache")

    [row] = children(record.registry, "team").rows

    assert (row.path, row.is_repository, row.is_namespace, row.repositories) == (
        "team/web",
        True,
        True,
        2,
    )


def test_a_neighbour_with_the_same_beginning_is_not_below() -> None:
    record = Record()
    record.repository("team/web")
    record.repository("team-b/web")
    record.repository("team.c/web")
    record.repository("team0/web")

    assert [row.path for row in children(record.registry, "team").rows] == ["team/web"]


def test_figures_are_those_of_the_namespace_as_a_set() -> None:
    record = Record()
    base = record.layer("base", 1000)
    for path, size in (("team/web", 10), ("team/api", 20)):
        image = record.image(path, [base, record.layer(f"code of {path}", size)])
        record.tag(record.repository(path), "1", image)
    record.refresh()

    [row] = children(record.registry).rows

    # 1000 once, not twice; nobody outside holds any of it.
    assert (row.tags, row.stored_bytes, row.exclusive_bytes) == (2, 1030, 1030)


def test_a_namespace_is_as_fresh_as_its_stalest_repository() -> None:
    record = Record()
    record.repository("team/web", synced_at=NOW)
    record.repository("team/api", synced_at=None, complete=False)

    [row] = children(record.registry).rows

    assert (row.synced_at, row.incomplete, row.complete) == (None, 1, False)


def test_gone_repositories_and_other_registries_are_left_out() -> None:
    record, other = Record(), Record("other", "https://other.example")
    record.repository("team/web", gone_at=NOW)
    other.repository("team/api")

    assert children(record.registry).rows == []
    assert children(record.registry).total == 0


def test_pages_are_ordered_and_counted() -> None:
    record = Record()
    for number in range(PAGE + 1):
        record.repository(f"r{number:03}", stored_bytes=number)

    page = children(record.registry, ordering="-stored", page=2)

    assert [row.path for row in page.rows] == ["r000"]
    assert (page.total, page.more, children(record.registry).more) == (PAGE + 1, False, True)


def test_an_unknown_ordering_is_by_name() -> None:
    record = Record()
    record.repository("b")
    record.repository("a")

    rows = children(record.registry, ordering="drop table").rows

    assert [row.name for row in rows] == ["a", "b"]


@pytest.mark.parametrize("repositories", [1, 12])
def test_children_are_one_statement(
    repositories: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record = Record()
    for number in range(repositories):
        record.repository(f"team{number}/web")

    with django_assert_num_queries(1):
        assert len(children(record.registry).rows) == repositories


def test_a_place_says_what_a_path_is() -> None:
    record = Record()
    record.repository("team/web")

    found = place(record.registry, "team/web")
    above = place(record.registry, "team")

    assert found is not None and found.repository is not None and found.namespace is None
    assert above is not None and above.repository is None and above.namespace is not None
    assert place(record.registry, "tea") is None


def test_breadcrumbs_hold_every_step() -> None:
    assert [(crumb.name, crumb.path) for crumb in breadcrumbs("a/b/c")] == [
        ("a", "a"),
        ("b", "a/b"),
        ("c", "a/b/c"),
    ]
    assert breadcrumbs("") == []
