"""Layers of a registry, and who uses one."""

import pytest

from registry_browser.queries.layers import layer, layer_page, layers
from tests.record import NOW, Record

pytestmark = pytest.mark.django_db


def test_the_layers_that_save_most_come_first() -> None:
    record = Record()
    big, small = record.layer("big", 1000), record.layer("small", 600)
    web, api = record.repository("team/web"), record.repository("team/api")
    record.tag(web, "1", record.image("one", [big, small]))
    record.tag(web, "2", record.image("two", [big, small]))
    record.tag(api, "3", record.image("three", [small]))
    record.refresh()

    rows = layers(record.registry).rows

    assert [(row.digest, row.manifests, row.saved_bytes) for row in rows] == [
        (small.digest, 3, 1200),
        (big.digest, 2, 1000),
    ]
    assert [row.repositories for row in rows] == [2, 1]


def test_gone_manifests_and_other_registries_use_nothing() -> None:
    record, other = Record(), Record("other", "https://other.example")
    base = record.layer("base", 1000)
    web = record.repository("team/web")
    record.tag(web, "1", record.image("one", [base]))
    record.present(web, record.image("two", [base]), gone_at=NOW)
    other.tag(other.repository("x"), "1", other.image("three", [other.layer("base", 1000)]))
    record.refresh()

    [row] = layers(record.registry, ordering="-size").rows

    assert (row.references, row.manifests, row.saved_bytes) == (1, 1, 0)


def test_only_shared_layers_are_listed_by_what_sharing_does() -> None:
    record = Record()
    alone, shared = record.layer("alone", 9000), record.layer("shared", 10)
    web = record.repository("team/web")
    record.tag(web, "1", record.image("one", [alone, shared]))
    record.tag(web, "2", record.image("two", [shared]))
    record.refresh()

    def listed(ordering: str) -> list[str]:
        return [row.digest for row in layers(record.registry, ordering=ordering).rows]

    assert listed("-saved") == listed("-manifests") == listed("-repositories") == [shared.digest]
    assert listed("-size") == [alone.digest, shared.digest]


def test_a_foreign_layer_saves_nothing() -> None:
    record = Record()
    os = record.layer("os", 9000, foreign=True)
    web = record.repository("team/win")
    record.tag(web, "1", record.image("one", [os]))
    record.tag(web, "2", record.image("two", [os]))
    record.refresh()

    [row] = layers(record.registry).rows

    assert (row.manifests, row.size, row.saved_bytes) == (2, 9000, 0)


def test_a_layer_that_stands_twice_has_two_references_and_one_manifest() -> None:
    record = Record()
    empty = record.layer("empty", 32)
    record.tag(record.repository("team/web"), "1", record.image("one", [empty, empty]))
    record.refresh()

    found = layer(record.registry, empty.digest)

    assert found is not None
    assert (found.references, found.manifests, found.saved_bytes) == (2, 1, 0)


def test_a_page_names_who_uses_the_layer_and_what_made_it() -> None:
    record = Record()
    base, code = record.layer("base", 1000), record.layer("code", 10)
    history = [{"created_by": "ADD rootfs /"}, {"created_by": "COPY . ."}]
    image = record.image("app", [base, code], config={"history": history})
    record.tag(record.repository("team/web"), "1.0", image)
    record.tag(record.repository("team/copy"), "2.0", image)

    page = layer_page(record.registry, code.digest)

    assert page is not None
    assert str(page.step) == "COPY . ."
    assert [(user.path, user.tags, user.position) for user in page.users] == [
        ("team/copy", ["2.0"], 2),
        ("team/web", ["1.0"], 2),
    ]
    assert [user.platform for user in page.users] == ["linux/amd64"] * 2


def test_users_are_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry_browser.queries.layers.PAGE", 2)
    record = Record()
    base, web = record.layer("base", 1000), record.repository("team/web")
    for number in range(3):
        record.tag(web, f"{number}", record.image(f"image {number}", [base]))

    first, second = (layer_page(record.registry, base.digest, page=page) for page in (1, 2))

    assert first is not None and second is not None
    assert (len(first.users), first.more, len(second.users), second.more) == (2, True, 1, False)


def test_an_unknown_layer_has_no_page() -> None:
    record = Record()

    assert layer_page(record.registry, "sha256:" + "0" * 64) is None
    assert layer(record.registry, "sha256:" + "0" * 64) is None
