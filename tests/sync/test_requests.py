"""What a sync costs the registry: every request is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.models import RunState
from tests.builders import make_image, make_index, push, push_referrers, sbom, signature
from tests.fake_registry import FakeRegistry, HeadManifest, Paging, oci
from tests.sync import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_browser.models import Registry
    from tests.sync.conftest import Sync


def test_a_first_sync_reads_each_tag_with_one_get(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    for path in ("a/one", "b/two"):
        push(fake, f"{path}:1.0")
        push(fake, f"{path}:2.0", make_image(("base", path, "two")))
    sync(registry)
    assert fake.count("HEAD", "/manifests/") == 0
    assert fake.count("GET", "/manifests/") == 4
    assert fake.count("GET", "/blobs/") == 4


def test_nothing_changed_costs_one_head_a_tag_and_the_listings(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    for path in ("a/one", "b/two", "c/three"):
        for tag in ("1.0", "1.1", "latest"):
            push(fake, f"{path}:{tag}", make_index(attestations=True))
    sync(registry)
    fake.forget_requests()
    run = sync(registry)
    assert fake.count("HEAD", "/manifests/") == 9
    assert fake.count("GET", "/tags/list") == 3
    assert fake.count("GET", "/v2/_catalog") == 1
    assert len(fake.requests) == run.requests == 13


def test_every_page_of_a_listing_is_one_request(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fake.habits.page_limit, fake.habits.clamp_page_size = 2, True
    fake.habits.tags_paging = Paging.RELATIVE
    fake.habits.tags_sorted = True
    for number in range(5):
        push(fake, f"app:{number}")
    sync(registry)
    fake.forget_requests()
    sync(registry)
    assert fake.count("HEAD", "/manifests/") == 5
    assert fake.count("GET", "/tags/list") == 3


def test_a_moved_tag_costs_a_head_and_what_is_new(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "app:latest")
    push(fake, "app:1.0")
    sync(registry)
    moved = push(fake, "app:latest", make_image(("base", "newer")))
    fake.forget_requests()
    sync(registry)
    assert fake.count("HEAD", "/manifests/") == 2
    assert [request.path for request in fake.seen("GET", "/manifests/")] == [
        f"/v2/app/manifests/{moved.digest}"
    ]
    assert fake.count("GET", "/blobs/") == 1


def test_a_tag_that_moves_to_what_is_known_costs_its_head_alone(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    first = push(fake, "app:1.0")
    push(fake, "app:latest", make_image(("other",)))
    sync(registry)
    push(fake, "app:latest", first.built)
    fake.forget_requests()
    run = sync(registry)
    assert fake.count("GET", "/(manifests|blobs)/") == 0
    assert run.changed_repositories == 1
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_a_new_tag_on_what_is_known_costs_one_get(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    image, index = make_image(("base", "app")), make_index(attestations=True)
    push(fake, "a/app:1.0", image)
    push(fake, "a/app:multi", index)
    sync(registry)
    push(fake, "a/app:2.0", image)
    push(fake, "b/app:1.0", image)
    push(fake, "b/app:multi", index)
    fake.forget_requests()
    sync(registry)
    assert sorted(request.path for request in fake.seen("GET", "/(manifests|blobs)/")) == [
        "/v2/a/app/manifests/2.0",
        "/v2/b/app/manifests/1.0",
        "/v2/b/app/manifests/multi",
    ]
    assert recorded.tags(registry) == recorded.served_tags(fake)


def test_shared_children_and_configs_are_fetched_once(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    shared = [make_image(("base", each), platform=each) for each in ("linux/amd64", "linux/arm64")]
    for number in range(6):
        own = make_image(("base", f"own {number}"), platform="linux/riscv64")
        push(fake, f"team/app-{number}:1.0", make_index([*shared, own]))
    sync(registry)
    for child in shared:
        assert fake.count("GET", f"/manifests/{child.digest}") == 1
        assert fake.count("GET", f"/blobs/{child.config_digest}") == 1
    assert fake.count("GET", "/manifests/sha256:") == 2 + 6
    assert recorded.repository(registry, "team/app-5").manifest_count == 4


def test_a_shared_manifest_is_fetched_by_every_new_tag_and_its_config_once(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    shared = make_image(("base", "shared"))
    for number in range(20):
        push(fake, f"team/app-{number}:1.0", shared)
    sync(registry)
    assert fake.count("GET", "/manifests/") == 20
    assert fake.count("GET", "/blobs/") == 1


def test_a_new_child_of_a_moved_index_is_all_that_is_fetched(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    amd, arm = (
        make_image(("base", each), platform=each) for each in ("linux/amd64", "linux/arm64")
    )
    push(fake, "app:latest", make_index([amd, arm]))
    sync(registry)
    newer = make_image(("base", "newer"), platform="linux/arm64")
    index = push(fake, "app:latest", make_index([amd, newer]))
    fake.forget_requests()
    sync(registry)
    assert {request.path for request in fake.seen("GET", "/(manifests|blobs)/")} == {
        f"/v2/app/manifests/{index.digest}",
        f"/v2/app/manifests/{newer.digest}",
        f"/v2/app/blobs/{newer.config_digest}",
    }


def test_a_full_check_asks_once_for_each_manifest_without_a_tag(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "app:latest", make_index())
    push(fake, "app:latest", make_image(("other",)))
    sync(registry)
    push(fake, "app:latest", make_image(("another",)))
    sync(registry)
    fake.forget_requests()
    sync(registry, full_check=True)
    assert fake.count("HEAD", "/manifests/latest") == 1
    assert fake.count("HEAD", "/manifests/sha256:") == 1
    assert fake.count("GET", "/(manifests|blobs)/") == 0


def test_where_head_is_of_no_use_tags_are_read_with_get(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    fake.habits.head_manifest = HeadManifest.NO_DIGEST
    push(fake, "app:1.0")
    sync(registry)
    moved = push(fake, "app:1.0", make_image(("newer",)))
    assert sync(registry).state == RunState.DONE
    assert recorded.tags(registry) == {("app", "1.0"): moved.digest}


def test_the_referrers_of_one_digest_are_asked_for_once_however_many_tags_it_has(
    add: Callable[..., Registry], sync: Sync
) -> None:
    with FakeRegistry(oci()) as fake:
        image = make_image()
        for tag in ("1.0", "1", "latest"):
            pushed = push(fake, f"app:{tag}", image)
        push_referrers(fake, pushed, [sbom(image)], fallback_tag=False)
        registry = add(fake, concurrency=1)
        sync(registry)
        assert fake.count("GET", f"/referrers/{image.digest}") == 1
        fake.forget_requests()
        sync(registry)
        assert fake.count("GET", "/referrers/") == 0


def test_a_manifest_that_is_new_to_a_repository_has_its_referrers_asked_for_there(
    add: Callable[..., Registry], sync: Sync
) -> None:
    with FakeRegistry(oci()) as fake:
        image = make_image()
        push(fake, "a/app:1.0", image)
        registry = add(fake)
        sync(registry)
        pushed = push(fake, "b/app:1.0", image)
        (signed,) = push_referrers(fake, pushed, [signature(image)], fallback_tag=False)
        sync(registry)
        assert signed.digest in recorded.states(registry, "b/app")
        assert signed.digest not in recorded.states(registry, "a/app")
