"""Exclusive bytes, added up by hand."""

import pytest

from registry_browser.models import PresenceState
from registry_browser.queries.exclusive import ManifestSet, exclusive_bytes, reach
from tests.record import NOW, Record

pytestmark = pytest.mark.django_db


def test_a_blob_that_another_present_manifest_holds_is_not_exclusive() -> None:
    record = Record()
    base = record.layer("base", 1000)
    web = record.image("web", [base, record.layer("web code", 30)], config_bytes=7, body_bytes=3)
    api = record.image("api", [base, record.layer("api code", 50)])
    repository = record.repository("team/web")
    record.tag(repository, "web", web)
    record.tag(repository, "api", api)

    assert exclusive_bytes([ManifestSet.of([web.pk]), ManifestSet.of([api.pk])]) == [40, 50]


def test_the_exclusive_bytes_of_a_set_are_not_the_sum_over_its_members() -> None:
    record = Record()
    base = record.layer("base", 1000)
    one = record.image("one", [base, record.layer("1", 1)])
    two = record.image("two", [base, record.layer("2", 2)])
    repository = record.repository("team/web")
    for image in (one, two):
        record.present(repository, image)

    alone = exclusive_bytes([ManifestSet.of([one.pk]), ManifestSet.of([two.pk])])
    assert alone == [1, 2]
    assert exclusive_bytes([ManifestSet.of([one.pk, two.pk])]) == [1003]


def test_what_only_a_gone_manifest_shares_is_exclusive() -> None:
    record = Record()
    base = record.layer("base", 1000)
    kept, gone = record.image("kept", [base]), record.image("gone", [base])
    repository = record.repository("team/web")
    record.tag(repository, "kept", kept)
    record.present(repository, gone, gone_at=NOW)

    assert exclusive_bytes([ManifestSet.of([kept.pk])]) == [1000]


def test_a_holder_in_any_other_repository_counts() -> None:
    record = Record()
    base = record.layer("base", 1000)
    image, elsewhere = record.image("here", [base]), record.image("there", [base])
    record.tag(record.repository("a/here"), "1", image)
    record.present(record.repository("b/there"), elsewhere, PresenceState.DANGLING)

    assert exclusive_bytes([ManifestSet.of([image.pk])]) == [0]


def test_a_foreign_layer_takes_no_room_in_the_registry() -> None:
    record = Record()
    image = record.image("windows", [record.layer("os", 9000, foreign=True), record.layer("x", 5)])
    record.tag(record.repository("team/win"), "1", image)

    assert exclusive_bytes([ManifestSet.of([image.pk])]) == [5]


def test_a_layer_that_stands_twice_counts_once() -> None:
    record = Record()
    empty = record.layer("empty", 32)
    image = record.image("twice", [empty, record.layer("x", 5), empty])
    record.tag(record.repository("team/web"), "1", image)

    assert exclusive_bytes([ManifestSet.of([image.pk])]) == [37]


def test_siblings_own_what_they_share_with_one_another_only_together() -> None:
    record = Record()
    common = record.layer("assets", 100)
    amd = record.image("amd", [common, record.layer("amd code", 10)])
    arm = record.image("arm", [common, record.layer("arm code", 20)], platform="linux/arm64")
    index = record.index("multi", {"linux/amd64": amd, "linux/arm64": arm}, body_bytes=4)
    record.tag(record.repository("team/web"), "1", index)
    family = reach([index.pk])[index.pk]

    assert family == {index.pk, amd.pk, arm.pk}
    assert exclusive_bytes(
        [
            ManifestSet.of([amd.pk]),
            ManifestSet(measured=frozenset([amd.pk]), own=family),
            ManifestSet.of(family),
        ]
    ) == [10, 110, 134]


def test_an_index_in_an_index_is_followed() -> None:
    record = Record()
    image = record.image("leaf")
    inner = record.index("inner", {"linux/amd64": image})
    outer = record.index("outer", {"linux/amd64": inner})

    assert reach([outer.pk, image.pk]) == {
        outer.pk: {outer.pk, inner.pk, image.pk},
        image.pk: {image.pk},
    }


def test_nothing_asked_is_nothing_answered() -> None:
    assert exclusive_bytes([]) == []
    assert reach([]) == {}
