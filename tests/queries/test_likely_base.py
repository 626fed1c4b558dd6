"""What images seem to be based on, by the bases that a sync found."""

from __future__ import annotations

import pytest

from registry_browser.queries.likely_base import base_of_manifest, base_of_repository
from tests.record import Record

pytestmark = pytest.mark.django_db


def built() -> Record:
    """Node on a system, and two applications on node."""
    record = Record()
    system, node = record.layer("system", 1000), record.layer("node", 500)
    base = record.repository("base/node")
    record.tag(base, "22-slim", record.image("node", [system, node]))
    record.tag(record.repository("base/system"), "12", record.image("system image", [system]))
    record.tag(record.repository("base/other"), "1", record.image("other", [system]))
    for name in ("web", "api"):
        app = record.image(f"{name} app", [system, node, record.layer(name, 10)])
        record.tag(record.repository(f"team/{name}"), "1", app)
    record.refresh()
    return record


def test_the_tallest_base_is_named_by_its_tag() -> None:
    record = built()
    web = record.registry.repositories.get(path="team/web")

    found = base_of_repository(web)

    assert found is not None
    assert (found.reference, found.layers) == ("base/node:22-slim", 2)
    assert base_of_manifest(web, web.tags.get().manifest) == found


def test_an_index_stands_on_what_its_platforms_stand_on() -> None:
    record = built()
    system, node = record.layer("system", 1000), record.layer("node", 500)
    child = record.image("child", [system, node, record.layer("more", 1)])
    index = record.index("index", {"linux/amd64": child})
    repository = record.repository("team/multi")
    record.tag(repository, "1", index)
    record.refresh()

    found = base_of_manifest(repository, index)

    assert found is not None
    assert found.path == "base/node"


def test_a_base_is_not_based_on_itself_nor_an_image_on_its_older_self() -> None:
    record = built()
    own = record.layer("own", 7)
    repository = record.repository("team/alone")
    for number in range(3):
        layers = [record.layer("alone", 3), own, record.layer(f"own {number}", 1)]
        record.tag(repository, f"{number}", record.image(f"own {number}", layers[: number + 2]))
    record.refresh()
    base = record.registry.repositories.get(path="base/system")

    assert base_of_repository(base) is None
    assert base_of_repository(repository) is None
