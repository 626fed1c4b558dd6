"""The manifests of one repository, and why each is here."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from registry_browser.models import PresenceState, Repository
from registry_browser.queries.manifests import (
    every_untagged,
    manifest_rows,
    matching,
    referrer_count,
    referrers,
    state_counts,
    untagged,
)
from tests.record import NOW, Record, digest_of

pytestmark = pytest.mark.django_db


def full() -> tuple[Record, Repository]:
    """One manifest in each state but one: a tagged index, its child, a referrer of it, a dangling
    index of two, an unparsed one, a gone one.
    """
    record = Record()
    web = record.repository("team/web")
    base = record.layer("base", 1000)
    child = record.image("child", [base, record.layer("code", 10)])
    index = record.index("index", {"linux/amd64": child})
    record.tag(web, "1.0", index)
    sbom = record.artifact("sbom", 5, "application/spdx+json", subject=index)
    record.present(web, sbom, PresenceState.REFERRER, first_seen_at=NOW)
    old = [
        record.image(f"old {name}", [base, record.layer(f"old {name} code", 30)], platform=name)
        for name in ("linux/amd64", "linux/arm64")
    ]
    dangling = record.index("old index", {"linux/amd64": old[0], "linux/arm64": old[1]})
    record.present(
        web,
        dangling,
        first_seen_at=NOW - timedelta(days=40),
        untagged_since=NOW - timedelta(days=35),
    )
    odd = record.unparsed("odd", "application/vnd.acme.bundle.v0", "It lists nothing.")
    record.present(web, odd, first_seen_at=NOW - timedelta(days=3))
    record.present(web, record.image("gone"), gone_at=NOW)
    return record, web


def test_counts_tell_unparsed_from_dangling_and_leave_gone_out() -> None:
    _, web = full()

    counts = state_counts(web)

    assert (counts.tagged, counts.child, counts.referrer) == (1, 1, 1)
    assert (counts.dangling, counts.unparsed) == (3, 1)
    assert (counts.untagged, counts.reached) == (6, 2)


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ("child", ["linux/amd64"]),
        ("referrer", ["SPDX SBOM"]),
        ("dangling", ["index of 2", "linux/amd64", "linux/arm64"]),
        ("unparsed", ["unknown type"]),
    ],
)
def test_each_state_lists_its_own(state: str, what: list[str]) -> None:
    _, web = full()

    page = untagged(web, state=state)

    assert sorted(row.what for row in page.rows) == what
    assert {row.state for row in page.rows} == {state}
    assert page.total == len(what)


def test_all_untagged_come_newest_first() -> None:
    _, web = full()

    page = untagged(web)

    assert [row.state for row in page.rows] == [
        "referrer",
        "child",
        "unparsed",
        "dangling",
        "dangling",
        "dangling",
    ]
    assert page.total == 6


def test_a_row_says_why_it_is_here() -> None:
    _, web = full()
    rows = {row.what: row for row in untagged(web).rows if row.state != "dangling"}

    assert rows["linux/amd64"].parents == [digest_of("index")]
    assert rows["SPDX SBOM"].subject == digest_of("index")
    assert rows["unknown type"].problem == "It lists nothing."


def test_an_index_is_measured_with_its_children() -> None:
    _, web = full()
    [index] = [row for row in untagged(web, state="dangling").rows if row.kind == "index"]

    # Each child has base and its own code; base is held by a live child too.
    assert (index.size_bytes, index.exclusive_bytes) == (2060, 60)
    assert index.untagged_since == NOW - timedelta(days=35)
    assert index.reasons == ["child of no index"]


def test_gone_and_tagged_are_listed_when_asked_for() -> None:
    _, web = full()

    [gone] = manifest_rows(web, matching(web, "gone"))
    [tagged] = manifest_rows(web, matching(web, "tagged"))

    assert (gone.digest, gone.state) == (digest_of("gone"), "gone")
    assert (tagged.tags, tagged.referrers) == (["1.0"], [digest_of("sbom")])


def test_parents_in_other_repositories_keep_nothing_here() -> None:
    record = Record()
    here, there = record.repository("a/here"), record.repository("b/there")
    image = record.image("app")
    record.tag(there, "1", record.index("index", {"linux/amd64": image}))
    record.present(here, image)

    [row] = untagged(here).rows

    assert (row.parents, row.parent_count) == ([], 0)


def test_referrers_are_found_by_subject_and_by_cosign_tag() -> None:
    record, web = full()
    lost = record.artifact("lost", 3, "application/vnd.acme", subject=record.image("not here"))
    record.present(web, lost)
    signature = record.artifact("sig", 3, "application/vnd.dev.cosign.simplesigning.v1+json")
    record.tag(web, f"{digest_of('index').replace(':', '-')}.sig", signature)
    record.tag(web, "sha256-of-something", record.image("no referrer"))

    page = referrers(web)

    assert {row.what: (row.state, row.refers_to) for row in page.rows} == {
        "SPDX SBOM": ("referrer", digest_of("index")),
        "application/vnd.acme": ("dangling", digest_of("not here")),
        "cosign signature": ("tagged", digest_of("index")),
    }
    assert page.total == referrer_count(web) == 3


@pytest.mark.parametrize("count", [1, 20])
def test_a_page_costs_the_same_however_many_rows_it_has(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record = Record()
    web = record.repository("team/web")
    for number in range(count):
        image = record.image(f"image {number}", [record.layer(f"layer {number}", 1)])
        record.present(web, record.index(f"index {number}", {"linux/amd64": image}))

    with django_assert_num_queries(11):
        assert len(untagged(web).rows) == 2 * count


def test_every_untagged_is_met_once_over_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_browser.queries.manifests.CSV_PAGE", 2)
    _, web = full()

    assert len({row.digest for row in every_untagged(web)}) == 6
    assert [row.state for row in every_untagged(web, state="child")] == ["child"]
