"""Repositories as a list."""

import pytest

from registry_browser.queries.repositories import repositories
from tests.record import NOW, Record

pytestmark = pytest.mark.django_db


def test_a_row_carries_the_stored_figures() -> None:
    record = Record()
    record.repository(
        "team/web",
        tag_count=1,
        manifest_count=2,
        dangling_count=3,
        apparent_bytes=4,
        stored_bytes=5,
        exclusive_bytes=6,
        reclaimable_bytes=7,
        complete=False,
        incomplete_reason="403 from the registry",
    )

    [row] = repositories(record.registry).rows

    assert (row.tags, row.manifests, row.dangling) == (1, 2, 3)
    assert (row.apparent_bytes, row.stored_bytes) == (4, 5)
    assert (row.exclusive_bytes, row.reclaimable_bytes) == (6, 7)
    assert (row.complete, row.incomplete_reason) == (False, "403 from the registry")


def test_prefix_and_search_narrow_the_list() -> None:
    record = Record()
    for path in ("team/web", "team/web/cache", "team-b/web", "zoo/web"):
        record.repository(path)
    record.repository("team/web-old", gone_at=NOW)

    def paths(**asked: str) -> list[str]:
        return [row.path for row in repositories(record.registry, **asked).rows]  # type: ignore[arg-type]

    assert paths(prefix="team") == ["team/web", "team/web/cache"]
    assert paths(prefix="team/web") == ["team/web", "team/web/cache"]
    assert paths(search="WEB", prefix="zoo") == ["zoo/web"]
    assert paths(search="%") == []


def test_following_the_pages_meets_every_repository_once() -> None:
    record = Record()
    for number in range(7):
        record.repository(f"r{number}")

    met: list[str] = []
    after: str | None = None
    while True:
        page = repositories(record.registry, after=after, limit=3)
        met += [row.path for row in page.rows]
        if (after := page.after) is None:
            break

    assert met == [f"r{number}" for number in range(7)]


def test_a_repository_added_meanwhile_moves_no_page() -> None:
    record = Record()
    for name in ("a", "c", "d"):
        record.repository(name)
    first = repositories(record.registry, limit=2)
    record.repository("b")

    second = repositories(record.registry, limit=2, after=first.after)

    assert [row.path for row in first.rows + second.rows] == ["a", "c", "d"]
