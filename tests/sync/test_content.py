"""Every kind of content that a registry may hold, and some that it should not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import (
    Blob,
    ImageConfig,
    Manifest,
    ManifestChild,
    ManifestKind,
    PresenceState,
    RunState,
    Tag,
)
from tests.builders import (
    Built,
    cache_export,
    content,
    cosign_tag,
    foreign_layer,
    helm_chart,
    layer,
    make_image,
    make_index,
    make_manifest,
    oci_artifact,
    phantom_layer,
    policy_bundle,
    push,
    push_cosign,
    push_referrers,
    sbom,
    schema1_image,
    signature,
    unknown_manifest,
    windows_image,
)
from tests.fake_registry import FakeRegistry, digest_of, oci
from tests.fake_registry.faults import Answer, Body, answer
from tests.sync import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_browser.models import Registry
    from tests.sync.conftest import Sync

TAGGED, CHILD, REFERRER, DANGLING, _KEPT = PresenceState
HTML = "<script>alert('1')</script><b onmouseover=\"x\">&amp;\u202e\N{SNOWMAN}"


@pytest.fixture
def any_content(add: Callable[..., Registry]) -> Iterator[tuple[FakeRegistry, Registry]]:
    """A registry that does all that the OCI specification asks for, referrers included."""
    with FakeRegistry(oci()) as fake:
        yield fake, add(fake)


def stored(registry: Registry, digest: str) -> Manifest:
    return Manifest.objects.get(registry=registry, digest=digest)


def test_labels_full_of_html_are_kept_as_text(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    labels = {"org.opencontainers.image.title": HTML, HTML: "a label with an odd name"}
    image = push(
        fake,
        "app:1.0",
        make_image(labels=labels, env=(f"X={HTML}",), annotations={"note": HTML}),
    )
    assert sync(registry).state == RunState.DONE
    config = ImageConfig.objects.get(blob__digest=image.config_digest)
    assert config.labels == labels
    assert config.env == [f"X={HTML}"]
    assert stored(registry, image.digest).annotations == {"note": HTML}


def test_text_that_postgres_cannot_hold_is_stored_all_the_same(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    odd = "zero \x00 and \x1b[31m red"
    image = push(fake, "app:1.0", make_image(labels={odd: odd}, annotations={odd: odd}))
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == {("app", "1.0"): image.digest}
    assert ImageConfig.objects.get(blob__digest=image.config_digest).labels


def test_the_longest_names_that_are_allowed(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    long_tag = "1." * 63 + "0z"
    path = "/".join(["n" * 63] * 3 + ["m" * 63])
    assert (len(long_tag), len(path)) == (128, 255)
    image = push(fake, f"{path}:{long_tag}")
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == {(path, long_tag): image.digest}


def test_names_with_dots_and_dashes(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    for reference in (
        "a.b/c-d/e__f:v1.0-rc.1_x",
        "a--b/c.d.e:_",
        "0/1:2",
        "marketing/c10-18/web:A",
    ):
        push(fake, reference)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_names_outside_of_the_grammar_are_left_out(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "app:1.0")
    fake.habits.extra_tags = (None, "", "sha256:" + "0" * 64, "no tag", "x" * 129)
    names = {"repositories": ["app", "../etc", "UPPER", "a" * 256, "", "a//b"]}
    fake.faults.on("GET", "/v2/_catalog", Body(json.dumps(names).encode()))
    assert "4 names that no repository can have" in sync(registry).error
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_a_manifest_of_three_mebibytes(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    image = push(fake, "app:1.0", make_image(annotations={"note": "x" * (3 << 20)}))
    assert sync(registry).state == RunState.DONE
    assert bytes(stored(registry, image.digest).stored_body.body) == image.body


def test_a_manifest_that_is_too_large_is_reported_and_the_rest_syncs(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    small = push(fake, "app:small")
    push(fake, "app:large", make_image(annotations={"note": "x" * (5 << 20)}))
    run = sync(registry)
    assert run.state == RunState.INCOMPLETE
    assert recorded.tags(registry) == {("app", "small"): small.digest}
    assert "4,194,304 bytes" in recorded.problems(registry, "app")


def test_twenty_thousand_tags_of_one_repository(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "app:latest")
    names = [f"1.{number // 100}.{number % 100}" for number in range(20_000)]
    body = json.dumps({"name": "app", "tags": ["latest", *names]}).encode()
    fake.faults.on("GET", "/tags/list", Body(body))
    fake.faults.on("GET", r"/manifests/1\.", Serve(fake, "latest"))
    run = sync(registry)
    assert run.state == RunState.DONE
    assert (run.tags_checked, registry.tag_count) == (20_001, 20_001)
    assert set(recorded.tags(registry).values()) == {image.digest}
    first = Tag.objects.order_by("-sort_key", "-name").values_list("name", flat=True)[:3]
    assert list(first) == ["latest", "1.199.99", "1.199.98"]


class Serve(Answer):
    """Answers with the manifest of one tag, whichever was asked for."""

    def __init__(self, fake: FakeRegistry, tag: str) -> None:
        manifest = fake.store.manifest("app", tag)
        assert manifest is not None
        super().__init__(
            200,
            manifest.body,
            {"Content-Type": manifest.media_type, "Docker-Content-Digest": manifest.digest},
        )


@pytest.mark.parametrize("null", [True, False])
def test_a_repository_that_was_emptied_of_tags(
    fake: FakeRegistry, registry: Registry, sync: Sync, null: bool
) -> None:
    fake.habits.null_tags = null
    push(fake, "app:1.0")
    push(fake, "other:1.0")
    fake.store.untag("app", "1.0")
    assert sync(registry).state == RunState.DONE
    app = recorded.repository(registry, "app")
    assert (app.complete, app.tag_count) == (True, 0)


def test_a_repository_that_never_held_a_manifest(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fake.store.put_blob("app", b"uploaded and never used")
    push(fake, "other:1.0")
    assert sync(registry).state == RunState.DONE
    assert recorded.repository(registry, "app").complete
    assert sync(registry).state == RunState.DONE


def test_an_image_with_its_layers_and_history(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "app:1.0", make_image(("base", "app"), platform="linux/arm/v7"))
    sync(registry)
    manifest = stored(registry, image.digest)
    assert (manifest.kind, manifest.platform) == (ManifestKind.IMAGE, "linux/arm/v7")
    layers = manifest.blob_links.filter(role=1).order_by("position")
    assert [link.blob.digest for link in layers] == image.layer_digests
    sizes = sum(blob.size for blob in image.built.blobs)
    assert (manifest.content_bytes, manifest.pull_bytes) == (sizes, sizes)
    assert bytes(manifest.stored_body.body) == image.body
    config = ImageConfig.objects.get(blob__digest=image.config_digest)
    assert len(config.history) == 2


def test_the_same_layer_twice_in_one_image(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    twice = layer("twice", size=1000)
    image = push(fake, "app:1.0", make_image((twice, "own", twice)))
    sync(registry)
    manifest = stored(registry, image.digest)
    distinct = {blob.digest: blob.size for blob in image.built.blobs}
    assert manifest.content_bytes == sum(distinct.values())
    assert manifest.blob_links.filter(role=1).count() == 3
    app = recorded.repository(registry, "app")
    assert app.stored_bytes == app.apparent_bytes == sum(distinct.values()) + len(image.body)


def test_an_index_with_attestations(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    amd, arm = (make_image((each,), platform=each) for each in ("linux/amd64", "linux/arm64/v8"))
    index = push(fake, "app:1.0", make_index([arm, amd], attestations=True))
    sync(registry)
    children = ManifestChild.objects.filter(manifest__digest=index.digest).order_by("position")
    assert [(child.platform, child.attests) for child in children] == [
        ("linux/arm64/v8", ""),
        ("linux/amd64", ""),
        ("", arm.digest),
        ("", amd.digest),
    ]
    assert set(recorded.states(registry, "app").values()) == {TAGGED, CHILD}
    assert len(recorded.states(registry, "app")) == 5
    pulled = sum(blob.size for blob in amd.blobs)
    assert stored(registry, index.digest).pull_bytes == pulled


def test_an_index_of_images_that_are_known_is_as_large_as_they_are(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    images = [make_image((each,), platform=each) for each in ("linux/amd64", "linux/arm64/v8")]
    for tag, image in zip(("amd64", "arm64"), images, strict=True):
        push(fake, f"app:{tag}", image)
    sync(registry)
    index = push(fake, "app:1.0", make_index(images))
    sync(registry)
    assert (
        stored(registry, index.digest).pull_bytes == stored(registry, images[0].digest).pull_bytes
    )
    assert stored(registry, index.digest).pull_bytes > 0


def test_an_index_is_as_large_as_a_child_that_comes_later(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = make_image(("late",))
    inner = make_index([image])
    outer = push(fake, "app:1.0", make_index([inner]))
    fake.faults.on("GET", f"/app/manifests/{image.digest}", answer(404), times=1)
    sync(registry)
    assert stored(registry, outer.digest).pull_bytes == 0
    sync(registry, full_check=True)
    assert (
        stored(registry, outer.digest).pull_bytes == stored(registry, image.digest).pull_bytes > 0
    )


def test_nested_indexes(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    built = make_index([make_image((each,), platform=each) for each in ("linux/amd64",)])
    for depth in range(4):
        built = make_index([built], annotations={"depth": str(depth)})
    push(fake, "app:1.0", built)
    assert sync(registry).state == RunState.DONE
    states = recorded.states(registry, "app")
    assert sorted(states.values()) == [TAGGED] + [CHILD] * 5
    image = next(iter(built.walk()))
    assert stored(registry, built.digest).pull_bytes == sum(blob.size for blob in image.blobs)


def test_a_docker_manifest_list(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    index = push(fake, "app:1.0", make_index(docker=True))
    sync(registry)
    assert stored(registry, index.digest).kind == ManifestKind.INDEX
    assert len(recorded.states(registry, "app")) == 3


def test_a_cache_export_is_an_index_of_blobs(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fake.habits.accepts_any_manifest = True
    cache = push(fake, "app:cache", cache_export())
    assert sync(registry).state == RunState.DONE
    assert recorded.repository(registry, "app").problems == []
    manifest = stored(registry, cache.digest)
    assert manifest.artifact_type == "application/vnd.buildkit.cacheconfig.v0"
    assert manifest.children.count() == 0
    assert Blob.objects.filter(registry=registry, holders=1).count() == 5


def test_foreign_layers_take_no_room(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    image = push(fake, "app:1.0", windows_image("app", base_size=120 << 20))
    sync(registry)
    manifest = stored(registry, image.digest)
    assert (manifest.os, manifest.os_version) == ("windows", "10.0.20348.2700")
    assert manifest.content_bytes > 120 << 20
    own = sum(blob.size for blob in image.built.blobs if blob.stored) + len(image.body)
    assert recorded.repository(registry, "app").stored_bytes == own == registry.stored_bytes


def test_a_layer_that_is_foreign_in_one_image_and_stored_in_another_is_stored(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    phantom = phantom_layer("base", 5000)
    foreign = foreign_layer("base", 5000)
    same = type(foreign)(
        phantom.digest, 5000, foreign.media_type, None, urls=foreign.urls, stored=False
    )
    push(fake, "team/one:foreign", make_image((same, "a")))
    sync(registry)
    push(fake, "team/two:stored", make_image((phantom, "b")))
    sync(registry)
    blob = Blob.objects.get(digest=phantom.digest)
    assert (blob.size, blob.stored_bytes) == (5000, 5000)
    assert_bytes_are_those_of_the_blobs(registry)


def test_schema_1_images(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    fake.habits.accepts_schema1 = True
    image = push(fake, "old/app:1.0", schema1_image("old/app", "1.0"))
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == {("old/app", "1.0"): image.digest}
    assert stored(registry, image.digest).kind == ManifestKind.SCHEMA1
    assert sync(registry).changed_repositories == 0


def test_a_layer_that_schema_1_names_without_a_size_gets_it_from_another_manifest(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "app:old", schema1_image("app", "old", ("base",)))
    sync(registry)
    base = layer("base", docker=True)
    assert Blob.objects.get(digest=base.digest).size == 0
    push(fake, "app:new", make_image(("base",), docker=True))
    sync(registry)
    blob = Blob.objects.get(digest=base.digest)
    assert (blob.size, blob.stored_bytes) == (base.size, base.size)
    assert_bytes_are_those_of_the_blobs(registry)


def assert_bytes_are_those_of_the_blobs(registry: Registry) -> None:
    for repository in registry.repositories.all():
        held = Blob.objects.filter(repositories__repository=repository)
        sizes = list(held.values_list("stored_bytes", "holders"))
        assert repository.stored_bytes == sum(size for size, _ in sizes)
        assert repository.exclusive_bytes == sum(size for size, holders in sizes if holders == 1)
    in_all = Blob.objects.filter(registry=registry, holders__gt=0)
    assert registry.stored_bytes == sum(in_all.values_list("stored_bytes", flat=True))


@pytest.mark.parametrize(
    ("built", "kind", "artifact_type"),
    [
        (helm_chart("web", "1.0.0"), "artifact", "application/vnd.cncf.helm.config.v1+json"),
        (
            policy_bundle("web"),
            "artifact",
            "application/vnd.cncf.openpolicyagent.config.v1+json",
        ),
        (oci_artifact(), "artifact", "application/vnd.example.sbom.v1"),
        (
            oci_artifact(media_type="application/vnd.cncf.oras.artifact.manifest.v1+json"),
            "artifact",
            "application/vnd.example.sbom.v1",
        ),
        (unknown_manifest(), "unparsed", ""),
    ],
    ids=["helm", "policy", "artifact manifest", "ORAS artifact manifest", "unknown"],
)
def test_artifacts(
    any_content: tuple[FakeRegistry, Registry],
    sync: Sync,
    built: Built,
    kind: str,
    artifact_type: str,
) -> None:
    fake, registry = any_content
    fake.store.add_repository("app")
    pushed = push(fake, "app:1.0", built)
    assert sync(registry).state == RunState.DONE
    manifest = stored(registry, pushed.digest)
    assert (manifest.kind, manifest.artifact_type) == (kind, artifact_type)
    assert bool(manifest.problem) == (kind == "unparsed")
    assert bytes(manifest.stored_body.body) == built.body
    assert recorded.repository(registry, "app").complete


def test_the_config_of_a_chart_is_kept(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    chart = push(fake, "charts/web:1.0.0", helm_chart("web", "1.0.0"))
    sync(registry)
    kept = ImageConfig.objects.get(blob__digest=chart.config_digest)
    assert json.loads(bytes(kept.body))["name"] == "web"


def test_referrers_by_fallback_tag_are_live(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "app:1.0")
    push_referrers(fake, image, [sbom(image.built), signature(image.built)])
    sync(registry)
    assert DANGLING not in recorded.states(registry, "app").values()
    assert recorded.tags(registry).keys() == {
        ("app", "1.0"),
        ("app", cosign_tag(image.digest)),
    }


def test_cosign_tags(fake: FakeRegistry, registry: Registry, sync: Sync) -> None:
    image = push(fake, "app:1.0")
    push_cosign(fake, image)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert len(recorded.tags(registry)) == 4


def test_referrers_by_api_are_live_and_so_are_their_own(
    any_content: tuple[FakeRegistry, Registry], sync: Sync
) -> None:
    fake, registry = any_content
    image = push(fake, "app:1.0")
    about = sbom(image.built)
    push_referrers(fake, image, [about, signature(about)], fallback_tag=False)
    assert sync(registry).state == RunState.DONE
    states = recorded.states(registry, "app")
    assert sorted(states.values()) == [TAGGED, REFERRER, REFERRER]


def test_a_referrer_that_was_pushed_later_is_found_by_a_full_check(
    any_content: tuple[FakeRegistry, Registry], sync: Sync
) -> None:
    fake, registry = any_content
    index = push(fake, "app:1.0", make_index())
    sync(registry)
    push_referrers(fake, index, [signature(index.built)], fallback_tag=False)
    push_referrers(fake, index, [signature(index.children[0])], fallback_tag=False)
    sync(registry)
    assert REFERRER not in recorded.states(registry, "app").values()
    sync(registry, full_check=True)
    assert sorted(recorded.states(registry, "app").values())[-2:] == [REFERRER, REFERRER]


def test_referrers_of_what_loses_its_tag_dangle_with_it(
    any_content: tuple[FakeRegistry, Registry], sync: Sync
) -> None:
    fake, registry = any_content
    image = push(fake, "app:1.0", make_image(("old",)))
    push_referrers(fake, image, [sbom(image.built)], fallback_tag=False)
    push(fake, "app:2.0", make_image(("kept",)))
    sync(registry)
    fake.store.untag("app", "1.0")
    sync(registry)
    assert sorted(recorded.states(registry, "app").values()) == [TAGGED, DANGLING, DANGLING]
    assert recorded.repository(registry, "app").dangling_count == 2


def test_an_index_that_refers_to_its_own_child_ends(
    any_content: tuple[FakeRegistry, Registry], sync: Sync
) -> None:
    fake, registry = any_content
    image = make_image()
    push(fake, "app:1.0", image)
    push(fake, "app", make_index([image], subject=image))
    assert sync(registry).state == RunState.DONE
    assert sorted(recorded.states(registry, "app").values()) == [TAGGED, REFERRER]


def test_a_registry_that_lists_a_manifest_as_its_own_referrer_does_not_stop_us(
    any_content: tuple[FakeRegistry, Registry], sync: Sync
) -> None:
    fake, registry = any_content
    index = push(fake, "app:1.0", make_index())
    listed = {
        "schemaVersion": 2,
        "manifests": [each.descriptor() for each in (index.built, *index.children)],
    }
    fake.faults.on("GET", "/referrers/", Body(json.dumps(listed).encode()))
    assert sync(registry).state == RunState.DONE
    assert sync(registry, full_check=True).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_referrers_that_cannot_be_listed_do_not_hide_the_tag(
    any_content: tuple[FakeRegistry, Registry], sync: Sync
) -> None:
    fake, registry = any_content
    image = push(fake, "app:1.0")
    push_referrers(fake, image, [sbom(image.built)], fallback_tag=False)
    denied = answer(403, '{"errors":[{"code":"DENIED"}]}', {"Content-Type": "application/json"})
    rule = fake.faults.on("GET", f"/referrers/{image.digest}", denied)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == recorded.served_tags(fake)
    assert "Its referrers cannot be listed" in recorded.problems(registry, "app")
    fake.faults.remove(rule)
    sync(registry, full_check=True)
    assert sorted(recorded.states(registry, "app").values()) == [TAGGED, REFERRER]
    assert recorded.repository(registry, "app").problems == []


def test_an_index_that_names_a_child_which_is_not_there(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    index = push(fake, "app:1.0", make_index())
    missing = index.children[1]
    fake.store.delete_manifest("app", missing.digest)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == {("app", "1.0"): index.digest}
    assert missing.digest not in recorded.states(registry, "app")
    (problem,) = recorded.repository(registry, "app").problems
    assert problem["digest"] == missing.digest
    assert problem["reason"].startswith("An index names it, but: ")
    sync(registry)
    assert recorded.repository(registry, "app").problems == [problem]
    push(fake, "app", missing)
    sync(registry, full_check=True)
    assert recorded.repository(registry, "app").problems == []
    assert recorded.states(registry, "app")[missing.digest] == CHILD


def test_a_child_that_one_repository_lacks_and_another_has(
    fake: FakeRegistry, add: Callable[..., Registry], sync: Sync
) -> None:
    """Whoever asks first where it is not must not speak for the others."""
    children = [make_image((each,), platform=each) for each in ("linux/amd64", "linux/arm64")]
    index = make_index(children)
    for number in range(8):
        push(fake, f"team/app-{number}:1.0", index)
        if number != 5:
            fake.store.delete_manifest(f"team/app-{number}", children[0].digest)
    registry = add(fake)
    sync(registry)
    assert recorded.tags(registry) == recorded.served_tags(fake)
    sync(registry, full_check=True)
    sync(registry, full_check=True)
    assert recorded.states(registry, "team/app-5")[children[0].digest] == CHILD
    assert recorded.repository(registry, "team/app-5").problems == []
    for number in (0, 1, 7):
        assert recorded.gone(registry, f"team/app-{number}") <= {children[0].digest}
        assert children[0].digest not in recorded.states(registry, f"team/app-{number}")


def test_the_same_digest_in_several_repositories(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    index = make_index(attestations=True)
    for path in ("a/one", "b/two"):
        push(fake, f"{path}:1.0", index)
    sync(registry)
    assert recorded.states(registry, "a/one") == recorded.states(registry, "b/two")
    one = recorded.repository(registry, "a/one")
    assert (one.exclusive_bytes, one.stored_bytes) == (0, registry.stored_bytes)
    assert registry.manifest_count == 2 * one.manifest_count


def test_the_same_digest_in_two_registries(
    fake: FakeRegistry, registry: Registry, add: Callable[..., Registry], sync: Sync
) -> None:
    image = push(fake, "app:1.0")
    sync(registry)
    with FakeRegistry() as second:
        push(second, "app:1.0", image.built)
        other = add(second, "other")
        sync(other)
    assert Manifest.objects.filter(digest=image.digest).count() == 2
    assert registry.stored_bytes == other.stored_bytes


def test_a_layer_that_bears_the_digest_of_a_manifest(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image = push(fake, "app:1.0")
    fake.store.put_blob("app", image.body)
    body = content(image.body, "application/octet-stream")
    push(fake, "app:copy", make_manifest(content(b"{}", "application/vnd.example+json"), (body,)))
    assert sync(registry).state == RunState.DONE
    assert recorded.repository(registry, "app").stored_bytes == fake.store.stored_bytes()


def test_a_manifest_named_by_sha512(any_content: tuple[FakeRegistry, Registry], sync: Sync) -> None:
    fake, registry = any_content
    image = make_image()
    push(fake, "app", image)
    digest = digest_of(image.body, "sha512")
    fake.store.put_manifest("app", digest, image.media_type, image.body)
    fake.store.tag("app", "1.0", digest)
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == {("app", "1.0"): digest}
    assert sync(registry).changed_repositories == 0
