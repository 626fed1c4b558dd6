"""Repositories, tags, manifests and layers, over a record that a reader can add up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.api.views import manifests as manifest_views
from registry_browser.models import ManifestBody, Presence, PresenceState
from tests.api.conftest import Caller, problem_of
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORIES = "registries/prod/repositories/"
APP = f"{REPOSITORIES}team/app/"
SPDX = "application/spdx+json"


@pytest.fixture
def record(db: None) -> Record:
    return Record()


def manifest_at(path: str, name: str) -> str:
    return f"{REPOSITORIES}{path}/-/manifests/{digest_of(name)}/"


# -- Repositories


def test_a_prefix_finds_a_repository_and_those_below_it(record: Record, viewer: Caller) -> None:
    for path in ("team", "team/app", "team/app/web", "team-two/app", "other/team"):
        record.repository(path)

    def paths(query: str) -> list[str]:
        return [row["path"] for row in viewer.walk(f"{REPOSITORIES}?{query}")]

    assert paths("prefix=team") == ["team", "team/app", "team/app/web"]
    assert paths("prefix=team/") == ["team", "team/app", "team/app/web"]
    assert paths("prefix=team/app&search=WEB") == ["team/app/web"]
    assert paths("search=two") == ["team-two/app"]
    assert paths("search=%25") == []
    assert paths("prefix=nothing") == []


def test_a_repository_shows_its_figures(record: Record, viewer: Caller) -> None:
    repository = record.repository("team/app")
    record.tag(repository, "1.0", record.image("one", [record.layer("base", 1000)]))
    record.present(repository, record.image("old", [record.layer("old layer", 10)]))
    record.refresh()

    shown = viewer.read(APP)

    assert (shown["tags"], shown["manifests"], shown["dangling"]) == (1, 2, 1)
    assert (shown["stored_bytes"], shown["exclusive_bytes"]) == (1010, 1010)
    assert shown["reclaimable_bytes"] == 10
    assert (shown["complete"], shown["incomplete_reason"]) == (True, "")


def test_an_incomplete_repository_says_why(record: Record, viewer: Caller) -> None:
    record.repository("team/app", complete=False, incomplete_reason="The listing was cut off.")

    shown = viewer.read(APP)

    assert (shown["complete"], shown["incomplete_reason"]) == (False, "The listing was cut off.")


def test_a_repository_that_is_gone_is_read_and_not_listed(record: Record, viewer: Caller) -> None:
    record.repository("team/app", gone_at=NOW)

    assert viewer.walk(REPOSITORIES) == []
    assert viewer.read(APP)["gone_at"] == "2026-11-20T14:30:00Z"


def test_a_path_can_be_a_repository_and_hold_others(record: Record, viewer: Caller) -> None:
    image = record.image("one")
    for path in ("team", "team/app"):
        record.tag(record.repository(path), path.replace("/", "-"), image)

    outer = viewer.walk(f"{REPOSITORIES}team/-/tags/")
    inner = viewer.walk(f"{REPOSITORIES}team/app/-/tags/")

    assert [row["name"] for row in outer] == ["team"]
    assert [row["name"] for row in inner] == ["team-app"]


# -- Tags


def test_tags_come_in_the_order_that_people_expect(record: Record, viewer: Caller) -> None:
    repository, image = record.repository("team/app"), record.image("one")
    for name in ("1.9.0", "1.10.0", "nightly", "latest", "1.10.0-rc.1", "stable"):
        record.tag(repository, name, image)

    names = [row["name"] for row in viewer.walk(f"{APP}-/tags/?page_size=2")]

    assert names == ["latest", "stable", "1.10.0", "1.10.0-rc.1", "1.9.0", "nightly"]


def test_tags_can_be_ordered_by_size(record: Record, viewer: Caller) -> None:
    repository = record.repository("team/app")
    for name, size in (("a", 30), ("b", 10), ("c", 20), ("d", 10)):
        image = record.image(f"image {name}", [record.layer(f"layer {name}", size)])
        record.tag(repository, name, image)

    rows = viewer.walk(f"{APP}-/tags/?ordering=-size_bytes&page_size=1")

    assert [(row["name"], row["size_bytes"]) for row in rows] == [
        ("a", 30),
        ("c", 20),
        ("d", 10),
        ("b", 10),
    ]


def test_tags_can_be_searched(record: Record, viewer: Caller) -> None:
    repository = record.repository("team/app")
    arm = record.image("arm", platform="linux/arm64")
    amd = record.image("amd")
    for name, image in (("1.0", amd), ("1.1", arm), ("2.0", arm), ("nightly", amd)):
        record.tag(repository, name, image)

    def names(query: str) -> list[str]:
        return [row["name"] for row in viewer.walk(f"{APP}-/tags/?{query}")]

    assert names("search=1.") == ["1.1", "1.0"]
    assert names("search=1.*&platform=linux/arm64") == ["1.1"]
    assert names("platform=linux/arm64") == ["2.0", "1.1"]


def test_a_tag_on_an_index_shows_its_platforms_without_attestations(
    record: Record, viewer: Caller
) -> None:
    amd = record.image("amd", [record.layer("amd layer", 100)], created_at=NOW)
    arm = record.image("arm", [record.layer("arm layer", 90)], platform="linux/arm64/v8")
    proof = record.attestation("proof", 5, "https://slsa.dev/provenance/v1")
    index = record.index("both", {"linux/amd64": amd, "linux/arm64/v8": arm}, attestations=[proof])
    changed = NOW - timedelta(days=2)
    record.tag(record.repository("team/app"), "1.0", index, changed_at=changed)

    shown = viewer.read(f"{APP}-/tags/1.0/")

    assert shown["digest"] == digest_of("both")
    assert shown["platforms"] == ["linux/amd64", "linux/arm64/v8"]
    assert shown["size_bytes"] == 100
    assert shown["image_created_at"] == "2026-11-20T14:30:00Z"
    assert shown["changed_at"] == shown["first_seen_at"] == "2026-11-18T14:30:00Z"
    assert [shown] == viewer.walk(f"{APP}-/tags/")


def test_a_tag_on_an_image_shows_its_own_platform(record: Record, viewer: Caller) -> None:
    repository = record.repository("team/app")
    record.tag(repository, "image", record.image("one", platform="linux/arm64"))
    record.tag(repository, "chart", record.artifact("chart", 5, "application/vnd.cncf.helm"))

    rows = {row["name"]: row["platforms"] for row in viewer.walk(f"{APP}-/tags/")}

    assert rows == {"image": ["linux/arm64"], "chart": []}


@pytest.mark.parametrize("name", ["x" * 128, "_", "1.0-rc_1.A"])
def test_any_tag_has_an_address(record: Record, viewer: Caller, name: str) -> None:
    record.tag(record.repository("team/app"), name, record.image("one"))

    assert viewer.read(f"{APP}-/tags/{name}/")["name"] == name


# -- Manifests


@pytest.fixture
def family(record: Record) -> Record:
    """An index with a child and a referrer, what it left behind, and what is gone."""
    base = record.layer("base", 1000)
    history = [
        {"created_by": "/bin/sh -c #(nop) ADD rootfs / "},
        {"created_by": "/bin/sh -c #(nop) ENV A=b", "empty_layer": True},
        {"created_by": "RUN make # buildkit"},
    ]
    child = record.image(
        "child",
        [base, record.layer("code", 10)],
        config_bytes=7,
        body_bytes=3,
        config={"history": history, "labels": {"team": "web"}, "env": ["A=b"]},
        created_at=NOW,
    )
    index = record.index("index", {"linux/amd64": child}, body_bytes=2)
    old = record.image("old", [base])
    repository, other = record.repository("team/app"), record.repository("team/web")
    record.tag(repository, "1.0", index)
    record.tag(repository, "latest", index)
    record.tag(other, "1.0", record.image("web", [base]))
    sbom = record.artifact("sbom", 5, SPDX, subject=child)
    record.present(repository, sbom, PresenceState.REFERRER)
    record.present(repository, old)
    record.present(repository, record.image("gone"), gone_at=NOW)
    record.refresh()
    return record


def test_an_index_shows_its_tags_and_children(family: Record, viewer: Caller) -> None:
    shown = viewer.read(manifest_at("team/app", "index"))

    assert shown["state"] == "tagged"
    assert shown["tags"] == ["latest", "1.0"]
    assert shown["parents"] == []
    assert [(child["digest"], child["platform"]) for child in shown["children"]] == [
        (digest_of("child"), "linux/amd64")
    ]
    assert shown["layers"] == []
    assert shown["config"] is None
    # The index, its image, the config and the one layer that nobody else has.
    assert shown["exclusive_bytes"] == 2 + 3 + 7 + 10


def test_a_child_shows_all_that_is_known_of_it(family: Record, viewer: Caller) -> None:
    shown = viewer.read(manifest_at("team/app", "child"))

    assert shown["state"] == "child"
    assert shown["tags"] == []
    assert shown["parents"] == [digest_of("index")]
    assert shown["referrers"] == [digest_of("sbom")]
    assert shown["platform"] == "linux/amd64"
    assert shown["body_bytes"] == 3
    assert shown["exclusive_bytes"] == 3 + 7 + 10
    assert shown["image_created_at"] == "2026-11-20T14:30:00Z"


def test_layers_say_what_made_them_and_how_many_others_hold_them(
    family: Record, viewer: Caller
) -> None:
    base, code = viewer.read(manifest_at("team/app", "child"))["layers"]

    assert (base["digest"], base["size"]) == (digest_of("base"), 1000)
    assert base["created_by"] == "ADD rootfs /"
    # The old image here and the one of the other repository.
    assert base["shared_with"] == 2
    assert (code["created_by"], code["shared_with"]) == ("RUN make", 0)


def test_a_config_is_shown_parsed(family: Record, viewer: Caller) -> None:
    config = viewer.read(manifest_at("team/app", "child"))["config"]

    assert config["digest"] == digest_of("config of child")
    assert config["size"] == 7
    assert config["image"]["labels"] == {"team": "web"}
    assert config["image"]["env"] == ["A=b"]


def test_a_referrer_names_its_subject(family: Record, viewer: Caller) -> None:
    shown = viewer.read(manifest_at("team/app", "sbom"))

    assert (shown["state"], shown["artifact_type"]) == ("referrer", SPDX)
    assert shown["subject"] == digest_of("child")


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("", {"index", "child", "sbom", "old"}),
        ("?state=tagged", {"index"}),
        ("?state=child", {"child"}),
        ("?state=referrer", {"sbom"}),
        ("?state=dangling", {"old"}),
        ("?state=gone", {"gone"}),
    ],
)
def test_manifests_are_listed_by_state(
    family: Record, viewer: Caller, state: str, names: set[str]
) -> None:
    rows = viewer.walk(f"{APP}-/manifests/{state}")

    assert {row["digest"] for row in rows} == {digest_of(name) for name in names}
    assert {f"?state={row['state']}" for row in rows} >= ({state} - {""})


def test_an_unknown_state_is_refused(family: Record, viewer: Caller) -> None:
    problem = problem_of(viewer.get(f"{APP}-/manifests/?state=lost"), 400, "invalid")

    assert list(problem["errors"]) == ["state"]


def test_the_list_and_the_address_of_a_manifest_say_the_same(
    family: Record, viewer: Caller
) -> None:
    for row in viewer.walk(f"{APP}-/manifests/?page_size=1"):
        assert row == viewer.read(f"{APP}-/manifests/{row['digest']}/")


def test_a_gone_manifest_is_still_read_and_takes_no_room(family: Record, viewer: Caller) -> None:
    shown = viewer.read(manifest_at("team/app", "gone"))

    assert (shown["state"], shown["exclusive_bytes"]) == ("gone", 0)
    assert shown["gone_at"] == "2026-11-20T14:30:00Z"


def test_a_manifest_of_another_repository_is_not_found_here(family: Record, viewer: Caller) -> None:
    problem_of(viewer.get(manifest_at("team/app", "web")), 404, "not-found")


def test_a_manifest_that_could_not_be_parsed_says_so(record: Record, viewer: Caller) -> None:
    odd = record.unparsed("odd", "application/vnd.future+json", "An unknown media type.")
    record.present(record.repository("team/app"), odd)

    shown = viewer.read(manifest_at("team/app", "odd"))

    assert (shown["kind"], shown["problem"]) == ("unparsed", "An unknown media type.")
    assert shown["state"] == "dangling"


def test_raw_is_the_body_as_it_was_served(record: Record, viewer: Caller) -> None:
    image = record.image("one")
    body = '{\n  "schemaVersion": 2,\t"annotations": {"a": "<é😀>"}\n}\n'
    ManifestBody.objects.filter(manifest=image).update(body=body.encode())
    record.present(record.repository("team/app"), image)

    assert viewer.read(manifest_at("team/app", "one"))["raw"] == body


def test_a_body_that_is_no_text_is_shown_all_the_same(record: Record, viewer: Caller) -> None:
    odd = record.unparsed("odd", "application/octet-stream", "Not JSON.")
    ManifestBody.objects.filter(manifest=odd).update(body=b"\xff\x00{")
    record.present(record.repository("team/app"), odd)

    assert viewer.read(manifest_at("team/app", "odd"))["raw"] == "\ufffd\x00{"


def test_an_index_can_name_what_the_registry_lacks(record: Record, viewer: Caller) -> None:
    index = record.index("index", {}, missing={"linux/s390x": digest_of("absent")})
    record.present(record.repository("team/app"), index)

    [child] = viewer.read(manifest_at("team/app", "index"))["children"]

    assert (child["platform"], child["known"]) == ("linux/s390x", False)


def test_a_foreign_layer_is_marked(record: Record, viewer: Caller) -> None:
    image = record.image("windows", [record.layer("base", 1000, foreign=True)])
    record.present(record.repository("team/app"), image)

    shown = viewer.read(manifest_at("team/app", "windows"))

    assert shown["layers"][0]["foreign"] is True
    assert shown["exclusive_bytes"] == 0


def test_a_page_of_large_manifests_ends_early_and_goes_on(
    record: Record, viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = record.repository("team/app")
    for number in range(5):
        record.present(repository, record.image(f"image {number}", body_bytes=60, config_bytes=40))
    monkeypatch.setattr(manifest_views, "PAGE_BYTES", 250)

    page = viewer.read(f"{APP}-/manifests/")

    assert len(page["results"]) == 2
    assert len(viewer.walk(f"{APP}-/manifests/")) == 5


def test_a_manifest_beyond_the_bound_of_a_page_is_a_page(
    record: Record, viewer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = record.repository("team/app")
    for number in range(3):
        record.present(repository, record.image(f"image {number}", body_bytes=1000))
    monkeypatch.setattr(manifest_views, "PAGE_BYTES", 10)

    assert len(viewer.walk(f"{APP}-/manifests/")) == 3


# -- Layers


def test_a_layer_shows_how_far_it_is_shared(family: Record, viewer: Caller) -> None:
    shown = viewer.read(f"registries/prod/layers/{digest_of('base')}/")

    assert shown["size"] == 1000
    assert (shown["references"], shown["manifests"], shown["repositories"]) == (3, 3, 2)
    assert shown["saved_bytes"] == 2000


@pytest.mark.parametrize("ordering", ["-saved_bytes", "saved_bytes", "-repositories", "manifests"])
def test_layers_can_be_ordered_and_equal_ones_come_by_digest(
    family: Record, viewer: Caller, ordering: str
) -> None:
    rows = viewer.walk(f"registries/prod/layers/?ordering={ordering}&page_size=1")

    name, falls = ordering.removeprefix("-"), ordering.startswith("-")
    by_digest = sorted(rows, key=lambda row: str(row["digest"]))
    assert len(rows) == 3
    assert rows == sorted(by_digest, key=lambda row: int(row[name]), reverse=falls)


def test_the_layers_of_present_manifests_are_listed(family: Record, viewer: Caller) -> None:
    rows = viewer.walk("registries/prod/layers/?ordering=-size&page_size=1")

    assert [(row["size"], row["digest"]) for row in rows] == [
        (1000, digest_of("base")),
        (10, digest_of("code")),
        (5, digest_of("blob of sbom")),
    ]
    for row in rows:
        assert row == viewer.read(f"registries/prod/layers/{row['digest']}/")


def test_a_layer_that_only_gone_manifests_hold_is_not_listed(
    family: Record, viewer: Caller
) -> None:
    Presence.objects.update(gone_at=NOW)
    family.refresh()

    assert viewer.walk("registries/prod/layers/") == []


def test_a_layer_that_stands_twice_is_referenced_twice(record: Record, viewer: Caller) -> None:
    layer = record.layer("twice", 10)
    record.tag(record.repository("team/app"), "1", record.image("one", [layer, layer]))
    record.refresh()

    [row] = viewer.walk("registries/prod/layers/")

    assert (row["references"], row["manifests"], row["saved_bytes"]) == (2, 1, 0)


# -- Statements


@pytest.mark.parametrize("part", ["", "team/app/-/tags/", "team/app/-/manifests/", "../layers/"])
def test_the_number_of_statements_does_not_grow_with_the_rows(
    family: Record, viewer: Caller, statements: Callable[[Callable[[], Any]], int], part: str
) -> None:
    address = "registries/prod/layers/" if part == "../layers/" else f"{REPOSITORIES}{part}"
    viewer.read(address)
    few = statements(lambda: viewer.read(address))
    repository = family.repository("team/more")
    for path in ("team/app", "team/more"):
        repository = family.registry.repositories.get(path=path)
        for number in range(10):
            code = family.layer(f"{path} layer {number}", number + 1)
            child = family.image(f"{path} image {number}", [code])
            index = family.index(f"{path} index {number}", {"linux/amd64": child})
            family.tag(repository, f"2.{number}", index)

    assert statements(lambda: viewer.read(address)) == few
