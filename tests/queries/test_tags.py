"""Tags of one repository."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from registry_browser.models import EventSource, Repository
from registry_browser.queries.platforms import platforms_in
from registry_browser.queries.tags import every_tag, tags
from tests.record import NOW, Record, digest_of

pytestmark = pytest.mark.django_db


def names(repository: Repository, **asked: object) -> list[str]:
    return [row.name for row in tags(repository, **asked).rows]  # type: ignore[arg-type]


def test_latest_comes_first_then_channels_and_versions_newest_on_top() -> None:
    record = Record()
    image, web = record.image("app"), record.repository("team/web")
    for name in ("nightly", "1.2.9", "1.2.10", "latest", "1.2.10-rc.1", "stable", "1.2"):
        record.tag(web, name, image)

    newest_first = ["latest", "stable", "1.2", "1.2.10", "1.2.10-rc.1", "1.2.9", "nightly"]
    assert names(web) == newest_first
    assert names(web, ordering="name") == ["latest", *reversed(newest_first[1:])]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.18", ["10.18.5", "10.18.5-rc.1", "v10.18"]),
        ("10.18.*", ["10.18.5", "10.18.5-rc.1"]),
        ("10.18.?", ["10.18.5"]),
        ("*RC*", ["10.18.5-rc.1"]),
        ("10.1.", []),
        ("%", []),
        ("(", []),
        ("(*", []),
        ("*_*", []),
        ("10\\*", []),
        ("1?.*1*8*-*c*?*", ["10.18.5-rc.1"]),
    ],
)
def test_a_filter_is_part_of_the_name_or_a_whole_pattern(text: str, found: list[str]) -> None:
    record = Record()
    image, web = record.image("app"), record.repository("team/web")
    for name in ("10.18.5", "10.18.5-rc.1", "v10.18", "11.0", "latest"):
        record.tag(web, name, image)

    assert sorted(names(web, filter=text)) == sorted(found)


def test_a_pattern_is_no_regular_expression_whose_stars_multiply() -> None:
    web = Record().repository("team/web")

    with CaptureQueriesContext(connection) as captured:
        names(web, filter="?*" * 149 + "z")

    patterns = [query["sql"] for query in captured if "z" in query["sql"]]
    assert patterns
    assert all("ILIKE" in sql and "~" not in sql for sql in patterns)


def test_a_page_says_how_many_tags_are_on_how_many_digests() -> None:
    record = Record()
    one, two, web = record.image("one"), record.image("two"), record.repository("team/web")
    for name in ("1.0", "1", "latest"):
        record.tag(web, name, one)
    record.tag(web, "0.9", two)

    page = tags(web, size=3)

    assert (page.total, page.digests, page.first, page.last) == (4, 2, 1, 3)
    assert [row.name for row in tags(web, size=3, page=2).rows] == ["0.9"]
    assert tags(web, filter="1").digests == 1


def test_the_platform_filter_finds_images_and_indexes() -> None:
    record = Record()
    web = record.repository("team/web")
    amd, arm = record.image("amd"), record.image("arm", platform="linux/arm/v7")
    record.tag(web, "single", amd)
    record.tag(web, "multi", record.index("index", {"linux/amd64": amd, "linux/arm/v7": arm}))

    assert sorted(names(web, platform="linux/amd64")) == ["multi", "single"]
    assert names(web, platform="linux/arm/v7") == ["multi"]
    assert names(web, platform="linux/arm") == []
    assert platforms_in(web) == ["linux/amd64", "linux/arm/v7"]


def test_tags_can_be_narrowed_to_what_changed_lately() -> None:
    record = Record()
    image, web = record.image("app"), record.repository("team/web")
    record.tag(web, "old", image, changed_at=NOW - timedelta(days=8))
    record.tag(web, "new", image, changed_at=NOW - timedelta(days=6))

    assert names(web, changed_since=NOW - timedelta(days=7)) == ["new"]


def test_size_and_exclusive_bytes_are_of_the_platform_that_a_plain_pull_gets() -> None:
    record = Record()
    web = record.repository("team/web")
    base, common = record.layer("base", 1000), record.layer("common", 100)
    amd = record.image("amd", [base, common, record.layer("amd code", 10)])
    arm = record.image("arm", [base, common, record.layer("arm code", 20)], platform="linux/arm64")
    record.tag(web, "1.0", record.index("index", {"linux/arm64": arm, "linux/amd64": amd}))
    record.tag(web, "other", record.image("other", [base]))

    row, other = tags(web).rows

    # `common` is shared by the two platforms, and by nothing outside of the tag.
    assert (row.size_bytes, row.exclusive_bytes, row.shared_bytes) == (1110, 110, 1000)
    assert row.size_platform == "linux/amd64"
    assert (other.size_bytes, other.exclusive_bytes) == (1000, 0)


def test_children_are_platforms_and_attestations_apart() -> None:
    record = Record()
    web = record.repository("team/web")
    amd = record.image("amd", [record.layer("code", 10)])
    proof = record.attestation(
        "proof", 7, "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"
    )
    index = record.index(
        "index",
        {"linux/amd64": amd},
        attestations=[proof],
        missing={"linux/s390x": digest_of("never seen")},
    )
    record.tag(web, "1.0", index)

    [row] = tags(web).rows

    assert [(child.platform, child.size_bytes) for child in row.platforms] == [
        ("linux/amd64", 10),
        ("linux/s390x", None),
    ]
    assert [child.digest for child in row.attestations] == [proof.digest]
    assert row.attestations[0].platform == ""


def test_an_opened_row_has_the_figures_of_its_children() -> None:
    record = Record()
    web = record.repository("team/web")
    common = record.layer("common", 100)
    amd = record.image("amd", [common, record.layer("amd code", 10)])
    arm = record.image("arm", [common, record.layer("arm code", 20)], platform="linux/arm64")
    proof = record.attestation("proof", 7, "https://slsa.dev/provenance/v1", "https://spdx.dev/x")
    index = record.index("i", {"linux/amd64": amd, "linux/arm64": arm}, attestations=[proof])
    record.tag(web, "1.0", index)

    [row] = tags(web, opened="1.0").rows

    assert [child.exclusive_bytes for child in row.platforms] == [10, 20]
    assert row.metadata == (("SBOM", 1), ("provenance", 1))
    body = proof.body_bytes
    assert (row.metadata_bytes, row.metadata_exclusive_bytes) == (14, 14 + body)


def test_a_row_tells_its_last_change() -> None:
    record = Record()
    web = record.repository("team/web")
    old, new = record.image("old"), record.image("new")
    record.tag(web, "1.0", old)
    record.tag(web, "2.0", new, moved_from=old, actor="ci-release", source=EventSource.NOTIFICATION)

    newest, oldest = (row.last_event for row in tags(web).rows)

    assert newest is not None and oldest is not None
    assert (newest.kind, newest.source, newest.actor) == ("moved", "notification", "ci-release")
    assert (oldest.kind, oldest.source, oldest.actor) == ("created", "sync", "")


def test_neighbours_on_one_digest_are_joined() -> None:
    record = Record()
    web = record.repository("team/web")
    one, two = record.image("one"), record.image("two")
    for name, image in (("latest", one), ("3", one), ("2", two), ("1", one)):
        record.tag(web, name, image)

    joins = [(row.joins_previous, row.joins_next) for row in tags(web).rows]

    assert joins == [(False, True), (True, False), (False, False), (False, False)]


def test_tags_of_another_repository_do_not_mix_in() -> None:
    record = Record()
    image = record.image("app")
    record.tag(record.repository("team/web"), "1", image)
    api = record.repository("team/api")
    record.tag(api, "2", image)

    assert names(api) == ["2"]


def test_a_name_of_128_characters_is_a_name() -> None:
    record = Record()
    web, name = record.repository("r" * 255), "v" * 128
    record.tag(web, name, record.image("app"))

    assert names(web) == [name]


@pytest.mark.parametrize("count", [1, 30])
def test_a_page_of_tags_costs_the_same_however_many_rows_it_has(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record = Record()
    web = record.repository("team/web")
    for number in range(count):
        image = record.image(f"image {number}", [record.layer(f"layer {number}", 1)])
        record.tag(web, f"1.{number}", record.index(f"index {number}", {"linux/amd64": image}))

    with django_assert_num_queries(7):
        assert len(tags(web).rows) == count


def test_every_tag_is_met_once_over_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_browser.queries.tags.CSV_PAGE", 2)
    record = Record()
    web, image = record.repository("team/web"), record.image("app")
    for number in range(5):
        record.tag(web, f"1.{number}", image)

    assert [row.name for row in every_tag(web)] == ["1.4", "1.3", "1.2", "1.1", "1.0"]
    assert list(every_tag(web, filter="nothing")) == []
