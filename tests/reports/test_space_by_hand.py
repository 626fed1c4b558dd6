"""Space of tiny stores, with bytes that a reader can add up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import Namespace, PlanState, PresenceState, Registry
from registry_browser.models.deletion import DeletionPlan
from registry_browser.reports.completeness import completeness
from registry_browser.reports.deletion_marks import deletion_marks
from registry_browser.reports.figures import (
    NOTHING,
    registry_figures,
    space_figures,
    use_of,
)
from registry_browser.reports.payoff import payoff
from registry_browser.reports.places import place_page, places, two_levels
from registry_browser.reports.selection import selection_figures
from registry_browser.reports.space_map import NodeKind, place_map, repository_map
from registry_browser.reports.summary import space_summary
from tests.record import NOW, Record

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


def company() -> Record:
    """base 1000 is held by all; web has 200 of its own and 30 that dangle; api 50, which dangle in
    api and in tool alike; tool has 4.
    """
    record = Record()
    base, both = record.layer("base", 1000), record.layer("both", 50)
    web, api, tool = (record.repository(path) for path in ("team/web", "team/api", "tool"))
    record.tag(web, "1", record.image("web", [base, record.layer("code", 200)]))
    record.present(web, record.image("old web", [base, record.layer("old", 30)]))
    record.tag(api, "1", record.image("api", [base]))
    record.present(api, record.image("old api", [both]))
    record.tag(tool, "1", record.image("tool", [base, record.layer("tool", 4)]))
    record.present(tool, record.image("old tool", [both]))
    record.refresh()
    return record


def test_a_namespace_is_measured_as_one_set() -> None:
    found = space_figures(company().registry, "team")

    assert found is not None
    assert (found.repositories, found.manifests, found.dangling) == (2, 4, 2)
    assert found.stored_bytes == 1000 + 200 + 30 + 50
    assert found.exclusive_bytes == 200 + 30
    assert found.reclaimable_bytes == 30
    assert found.apparent_bytes == 1200 + 1030 + 1000 + 50
    assert found.saved_bytes == 2000


def test_what_dangles_in_two_namespaces_comes_back_only_from_both() -> None:
    record = company()

    parts = [space_figures(record.registry, prefix) for prefix in ("team", "tool")]

    assert [part.reclaimable_bytes for part in parts if part] == [30, 0]
    assert registry_figures(record.registry).reclaimable_bytes == 80
    assert selection_figures(record.registry, ["team", "tool"]).reclaimable_bytes == 80


def test_overlapping_places_are_selected_once() -> None:
    record = company()

    together = selection_figures(record.registry, ["team", "team/web", "team/web"])

    assert together == space_figures(record.registry, "team")


def test_nothing_is_at_an_unknown_path() -> None:
    record = company()

    assert space_figures(record.registry, "tea") is None
    assert space_summary(record.registry, "tea") is None
    assert selection_figures(record.registry, ["tea"]) == NOTHING


def test_use_adds_up_to_what_is_stored() -> None:
    record = company()
    listing = place_page(record.registry)

    use = use_of(
        registry_figures(record.registry),
        exclusive=listing.exclusive_bytes,
        reclaimable=listing.reclaimable_bytes,
    )

    assert (use.in_use, use.shared, use.reclaimable) == (204, 1000, 80)


def test_a_repository_that_is_a_namespace_too_is_part_of_it() -> None:
    record = Record()
    outer, inner = record.repository("team/web"), record.repository("team/web/cache")
    base = record.layer("base", 1000)
    record.tag(outer, "1", record.image("outer", [base]))
    record.tag(inner, "1", record.image("inner", [base, record.layer("more", 10)]))
    record.refresh()

    found = space_figures(record.registry, "team/web")
    rows = places(record.registry, "team/web")

    assert found is not None
    assert (found.repositories, found.stored_bytes, found.exclusive_bytes) == (2, 1010, 1010)
    assert [(row.path, row.is_own, row.exclusive_bytes) for row in rows] == [
        ("team/web/cache", False, 10),
        ("team/web", True, 0),
    ]
    assert [row.path for row in places(record.registry, "team")] == ["team/web"]


def test_the_first_level_comes_with_the_second() -> None:
    rows = two_levels(company().registry, first=10, second=10)

    assert [(row.depth, row.path, row.exclusive_bytes) for row in rows] == [
        (1, "team", 230),
        (1, "tool", 4),
        (2, "team/web", 230),
        (2, "team/api", 0),
    ]


def test_rows_behind_the_limit_are_still_in_the_sums() -> None:
    [row] = places(company().registry, limit=1)

    assert (row.siblings, row.siblings_exclusive, row.siblings_reclaimable) == (2, 234, 30)


def test_an_unknown_order_is_by_exclusive_bytes() -> None:
    record = company()

    assert places(record.registry, ordering="; DROP") == places(record.registry)
    assert [row.path for row in places(record.registry, ordering="-name")] == ["tool", "team"]


def test_the_map_shows_what_is_shared_as_a_cell_of_its_own() -> None:
    record = company()

    drawn = place_map(record.registry)
    exclusive = place_map(record.registry, with_shared=False)

    assert [(node.name, node.kind, node.size, node.reclaimable) for node in drawn.inside] == [
        ("team", NodeKind.PLACE, 230, 30),
        ("tool", NodeKind.PLACE, 4, 0),
        ("shared", NodeKind.SHARED, 1050, 0),
    ]
    assert [node.name for node in exclusive.inside] == ["team", "tool"]


def test_the_map_of_a_repository_is_of_its_layers() -> None:
    record = company()
    web = record.registry.repositories.get(path="team/web")

    drawn = repository_map(web)

    assert [(node.kind, node.size, node.reclaimable) for node in drawn.inside if node.size] == [
        (NodeKind.BLOB, 200, 0),
        (NodeKind.BLOB, 30, 30),
        (NodeKind.SHARED, 1000, 0),
    ]


def test_the_largest_layers_of_a_large_repository_are_found_from_the_registrys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = company()
    web = record.registry.repositories.get(path="team/web")
    few = [node for node in repository_map(web).inside if node.size]
    monkeypatch.setattr("registry_browser.reports.repository_blobs.MANY", 0)

    assert [node for node in repository_map(web).inside if node.size] == few


def test_more_parts_than_there_is_room_for_become_one_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry_browser.reports.space_map.FIRST", 2)
    record = Record()
    for number in range(5):
        repository = record.repository(f"app-{number}")
        record.tag(repository, "1", record.image(f"{number}", [record.layer(f"{number}", 10)]))
    record.refresh()

    drawn = place_map(record.registry)

    assert [(node.name, node.size) for node in drawn.inside] == [
        ("app-0", 10),
        ("app-1", 10),
        ("3 more", 30),
    ]


def test_where_deleting_pays_names_since_when() -> None:
    record = company()
    old = record.now - timedelta(days=40)
    record.present(
        record.registry.repositories.get(path="team/api"),
        record.image("older", [record.layer("older", 7)]),
        PresenceState.DANGLING,
        untagged_since=old,
    )
    record.refresh()

    first, second = payoff(record.registry)

    assert (first.path, first.reclaimable_bytes, first.oldest_since) == ("team", 37, old)
    assert (second.path, second.dangling, second.reclaimable_bytes) == ("tool", 1, 0)


def test_nothing_unparsed_counts_as_dangling_or_reclaimable() -> None:
    record = Record()
    web = record.repository("web")
    record.present(web, record.unparsed("odd", "application/x", "not JSON"))
    record.refresh()
    web.refresh_from_db()

    assert (web.dangling_count, web.unparsed_count, web.reclaimable_bytes) == (0, 1, 0)
    assert web.oldest_dangling_at is None


def test_completeness_names_the_first_repository_that_is_not() -> None:
    record = Record()
    record.repository("a", tags_complete_at=NOW - timedelta(hours=2))
    record.repository("b", complete=False, incomplete_reason="403: denied")
    record.repository("c", untagged_known_since=NOW - timedelta(days=3))

    found = completeness(record.registry)

    assert (found.repositories, found.complete, found.is_complete) == (3, 2, False)
    assert (found.incomplete_path, found.incomplete_reason) == ("b", "403: denied")
    assert found.known_since == NOW - timedelta(days=3)
    assert not found.lists_untagged
    assert completeness(record.registry, "a").is_complete


def test_a_registry_that_lists_untagged_manifests_is_known_wholly() -> None:
    record = Record()
    record.repository("a", lists_untagged=True)

    assert completeness(record.registry).lists_untagged


def test_deletions_that_freed_something_mark_the_trend() -> None:
    record = Record()
    plans = [
        DeletionPlan.objects.create(
            registry=record.registry,
            registry_name="prod",
            grace=timedelta(hours=24),
            creator="someone",
            created_at=NOW,
            as_of=NOW,
            expires_at=NOW,
            evidence="",
            state=PlanState.DONE,
            finished_at=NOW - timedelta(days=days),
            freed_bytes=freed,
        )
        for days, freed in ((100, 5), (9, 0), (5, 7))
    ]

    [mark] = deletion_marks(record.registry, NOW - timedelta(days=90))

    assert (mark.plan, mark.freed_bytes) == (plans[2].pk, 7)


def test_reports_take_as_many_statements_whatever_they_find(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    record = company()
    for number in range(20):
        repository = record.repository(f"more/app-{number}")
        record.tag(repository, "1", record.image(f"{number}", [record.layer(f"{number}", 10)]))
    record.refresh()
    registry = Registry.objects.get(pk=record.registry.pk)

    with django_assert_num_queries(1):
        place_page(registry)
    with django_assert_num_queries(1):
        place_map(registry)
    with django_assert_num_queries(2):
        payoff(registry)
    with django_assert_num_queries(1):
        selection_figures(registry, ["more", "team"])
    assert Namespace.objects.filter(registry=registry).count() == 2
