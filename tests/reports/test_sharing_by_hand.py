"""Sharing and untagged manifests of tiny stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry_browser.models import PresenceState, Protection, Registry
from registry_browser.models.chains import chains, top_chain
from registry_browser.reports.across import copies
from registry_browser.reports.bases import bases, every_base
from registry_browser.reports.pairs import pairs
from registry_browser.reports.untagged import every_untagged, state_counts, untagged
from tests.record import NOW, Record, digest_of

pytestmark = pytest.mark.django_db


def test_a_chain_names_a_layer_with_all_below_it() -> None:
    assert chains(["a", "b", "c"])[:2] == chains(["a", "b"])
    assert len(set(chains(["a", "a", "a"]))) == 3
    assert chains(["b", "a"])[1] != chains(["a", "b"])[1]
    assert top_chain(["a", "b"]) == chains(["a", "b"])[-1]
    assert top_chain([]) is None


def test_pairs_have_in_common_what_both_store() -> None:
    record = Record()
    base, code = record.layer("base", 1000), record.layer("code", 10)
    for path, layers in (("a", [base, code]), ("b", [base, code]), ("c", [base]), ("d", [])):
        record.tag(record.repository(path), "1", record.image(path, layers))
    record.refresh()

    found = pairs(record.registry)

    assert [(row.first, row.second, row.common_bytes) for row in found.rows] == [
        ("a", "b", 1010),
        ("a", "c", 1000),
        ("b", "c", 1000),
    ]
    assert [row.percent for row in found.rows] == [100, 100, 100]
    assert found.certain_above == 0
    matrix = dict(found.matrix())
    assert [cell.common_bytes if cell else None for cell in matrix["c"]] == [1000, 1000, None]


def test_pairs_that_are_left_out_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_browser.reports.pairs.COMPARED", 2)
    record = Record()
    big, small = record.layer("big", 1000), record.layer("small", 10)
    for path, layers in (("a", [big]), ("b", [big]), ("c", [small]), ("d", [small])):
        record.tag(record.repository(path), "1", record.image(path, layers))
    record.refresh()

    found = pairs(record.registry)

    assert [(row.first, row.second) for row in found.rows] == [("a", "b")]
    assert (found.compared, found.repositories, found.certain_above) == (2, 4, 10)


def test_images_stand_on_the_layers_they_agree_on_from_the_lowest() -> None:
    record = Record()
    os, python = record.layer("os", 100), record.layer("python", 50)
    base = record.repository("base/python")
    record.tag(base, "3.11", record.image("python", [os, python]))
    for number in range(3):
        code = record.layer(f"code {number}", 1)
        app = record.repository(f"team/app-{number}")
        record.tag(app, "1", record.image(f"app {number}", [os, python, code]))
    record.tag(record.repository("tool"), "1", record.image("tool", [os]))
    record.refresh()

    rows = bases(record.registry).rows

    assert [(row.images, row.layers, row.stored_bytes, row.reference) for row in rows] == [
        (4, 1, 100, "tool:1"),
        (3, 2, 150, "base/python:3.11"),
    ]
    assert [row.repositories for row in rows] == [4, 3]
    assert list(every_base(record.registry)) == rows


def test_a_platforms_base_is_named_by_the_tag_of_its_index() -> None:
    record = Record()
    os = record.layer("os", 100)
    image = record.image("os image", [os])
    base = record.repository("base/os")
    record.tag(base, "12", record.index("os index", {"linux/amd64": image}))
    for number in range(2):
        layers = [os, record.layer(f"code {number}", 1)]
        record.tag(record.repository(f"app-{number}"), "1", record.image(f"{number}", layers))
    record.refresh()

    [row] = bases(record.registry).rows

    assert (row.reference, row.digest) == ("base/os:12", image.digest)


def test_layers_below_a_gap_are_no_base() -> None:
    record = Record()
    one, other, top = (record.layer(name, 10) for name in ("one", "other", "top"))
    record.tag(record.repository("a"), "1", record.image("a", [one, top]))
    record.tag(record.repository("b"), "1", record.image("b", [other, top]))
    record.refresh()

    assert bases(record.registry).rows == []


def test_each_registry_stores_its_own_copy_of_a_layer() -> None:
    prod, mirror = Record(), Record("mirror", "https://mirror.example")
    for record in (prod, mirror):
        repository = record.repository("app")
        layers = [record.layer("base", 1000), record.layer(f"own {record.registry.name}", 5)]
        record.tag(repository, "1", record.image("app", layers))
        record.refresh()

    found = copies(Registry.objects.all())

    [row] = found.rows
    assert (row.digest, row.registries, row.copied_bytes) == (
        digest_of("base"),
        ["mirror", "prod"],
        1000,
    )
    assert (found.layers, found.copied_bytes) == (1, 1000)
    assert copies([prod.registry]).rows == []


def untagged_store() -> Record:
    record = Record()
    web = record.repository("team/web")
    child = record.image("child", [record.layer("child", 8)])
    live = record.index("live", {"linux/amd64": child})
    record.tag(web, "1", live)
    record.present(web, record.artifact("signature", 3, "x/sig", subject=live))
    old = record.image("old", [record.layer("old", 100)])
    record.present(
        web, record.index("old index", {"linux/arm64": old}), untagged_since=NOW - timedelta(days=9)
    )
    record.present(web, record.unparsed("odd", "application/x", "not JSON"))
    record.refresh()
    return record


def test_each_untagged_manifest_is_shown_as_what_it_is() -> None:
    record = untagged_store()
    counts = state_counts(record.registry)

    rows = untagged(record.registry, counts=counts).rows

    assert (counts.child, counts.referrer, counts.dangling, counts.unparsed) == (1, 1, 2, 1)
    assert (counts.untagged, counts.reached, counts.dangling_repositories) == (5, 2, 1)
    states = {row.digest: (row.state, row.may_go) for row in rows}
    assert states == {
        digest_of("child"): ("child", False),
        digest_of("signature"): ("referrer", False),
        digest_of("old index"): ("dangling", True),
        digest_of("old"): ("dangling", True),
        digest_of("odd"): ("unparsed", False),
    }


def test_what_dangles_says_since_when_and_why() -> None:
    record = untagged_store()
    counts = state_counts(record.registry, "team")

    found = untagged(record.registry, "team", counts=counts, state="dangling").rows
    rows = {row.digest: row for row in found}
    index, image = rows[digest_of("old index")], rows[digest_of("old")]

    assert (index.since, index.was_tagged) == (NOW - timedelta(days=9), True)
    assert index.reasons == ["child of no index"]
    assert (image.parent, image.parent_live, image.reasons) == (
        digest_of("old index"),
        False,
        ["child of no live index"],
    )
    assert (image.alone_bytes, image.set_bytes) == (100, 100)
    assert counts.oldest_since == NOW - timedelta(days=9)


def test_a_tag_that_is_attached_keeps_what_it_names_from_being_offered() -> None:
    record = Record()
    web = record.repository("web")
    image = record.image("image", [record.layer("code", 10)])
    record.present(web, image)
    tag = f"{image.digest.replace(':', '-')}.sig"
    record.tag(web, tag, record.artifact("cosign", 3, "x/sig"))
    record.refresh()
    counts = state_counts(record.registry)

    [row] = untagged(record.registry, counts=counts).rows

    assert (row.state, row.attached, row.may_go) == ("kept", [tag], False)
    assert (counts.dangling, counts.kept, counts.oldest_since) == (0, 1, None)
    assert record.registry.reclaimable_bytes == 0


def test_children_of_what_is_kept_are_kept_and_not_called_reached() -> None:
    record = Record()
    web = record.repository("web")
    child = record.image("child", [record.layer("child", 10)])
    index = record.index("index", {"linux/amd64": child})
    record.present(web, index)
    tag = f"{index.digest.replace(':', '-')}.sig"
    record.tag(web, tag, record.artifact("cosign", 3, "x/sig"))
    record.refresh()

    counts = state_counts(record.registry)
    rows = {row.digest: row for row in untagged(record.registry, counts=counts).rows}

    assert (counts.reached, counts.kept) == (0, 2)
    assert rows[child.digest].state == "kept"
    assert (rows[child.digest].parent, rows[child.digest].parent_live) == (index.digest, True)


def test_what_is_kept_says_by_what() -> None:
    record = Record()
    web = record.repository("team/web")
    subject = record.image("subject", [record.layer("subject", 10)])
    bill = record.artifact("bill", 3, "x/sbom", subject=subject)
    record.present(web, subject)
    record.tag(web, "sbom", bill)
    locked = record.image("locked", [record.layer("locked", 10)])
    record.present(web, locked)
    Protection.objects.create(
        registry=record.registry, path="team", digest=locked.digest, reason="audit", created_at=NOW
    )
    mentioned = record.image("mentioned", [record.layer("mentioned", 10)])
    record.present(web, mentioned)
    record.present(web, record.unparsed("odd", "application/x", "not JSON", mentions=[mentioned]))
    record.refresh()

    counts = state_counts(record.registry)
    found = untagged(record.registry, counts=counts, state="kept").rows
    rows = {row.digest: row for row in found}

    assert (counts.kept, counts.unparsed, counts.dangling) == (3, 1, 0)
    assert rows[subject.digest].referrer == bill.digest
    assert rows[locked.digest].locked == "audit"
    assert (rows[mentioned.digest].referrer, rows[mentioned.digest].locked) == ("", "")
    assert record.registry.reclaimable_bytes == 0


def test_the_same_manifest_in_two_repositories_frees_nothing_alone() -> None:
    record = Record()
    image = record.image("image", [record.layer("code", 10)])
    for path in ("a", "b"):
        record.present(record.repository(path), image, PresenceState.DANGLING)
    record.refresh()

    everywhere = untagged(record.registry, counts=state_counts(record.registry)).rows
    here = untagged(record.registry, "a", counts=state_counts(record.registry, "a")).rows

    assert [(row.alone_bytes, row.set_bytes) for row in everywhere] == [(0, 10), (0, 10)]
    assert [(row.alone_bytes, row.set_bytes) for row in here] == [(0, 0)]


def test_all_rows_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_browser.reports.untagged.CSV_PAGE", 2)
    record = untagged_store()

    every = [row.digest for row in every_untagged(record.registry)]

    assert len(every) == len(set(every)) == 5
