"""Everything that the real CNCF distribution registry lists is in the record, one by one."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from registry_browser import tasks
from registry_browser.models import (
    Manifest,
    ManifestKind,
    PresenceState,
    Registry,
    Repository,
    RunState,
    SyncRun,
)
from registry_browser.oci import mediatypes
from registry_browser.sync.registries import RegistryDetails, add_registry
from tests.builders import make_image, make_index, push
from tests.sync import recorded

if TYPE_CHECKING:
    from tests.builders import HttpTarget
    from tests.real.conftest import Skopeo
    from tests.real_registry import RealRegistry

pytestmark = [pytest.mark.registry, pytest.mark.django_db]


def ask(url: str, method: str = "GET") -> tuple[dict[str, str], bytes]:
    request = urllib.request.Request(
        url, method=method, headers={"Accept": mediatypes.ACCEPT_MANIFESTS}
    )
    with urllib.request.urlopen(request) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


def listed_tags(real: RealRegistry) -> dict[tuple[str, str], str]:
    """Every tag and its digest, as the registry itself lists them."""
    found = {}
    for path in json.loads(ask(f"{real.url}/v2/_catalog?n=1000")[1])["repositories"]:
        for tag in json.loads(ask(f"{real.url}/v2/{path}/tags/list")[1])["tags"] or []:
            headers, _ = ask(f"{real.url}/v2/{path}/manifests/{tag}", "HEAD")
            found[path, tag] = headers["docker-content-digest"]
    return found


def delete_tags(real: RealRegistry, path: str, *digests: str) -> None:
    for digest in digests:
        ask(f"{real.url}/v2/{path}/manifests/{digest}", "DELETE")


@pytest.fixture
def registry(real: RealRegistry) -> Registry:
    details = RegistryDetails(name="real", url=real.url)
    return add_registry(details, actor="admin", now=timezone.now())


@pytest.fixture
def company(real: RealRegistry, skopeo: Skopeo, target: HttpTarget) -> None:
    """Docker and OCI images, an index, overwritten tags, an emptied repository."""
    for text in ("one", "two"):
        skopeo.push("team/web/app:latest", make_image(("base", text)))
    skopeo.push("team/web/app:1.0", make_image(("base", "one")), docker=True)
    skopeo.push("team/web/app:multi", make_index(attestations=True))
    skopeo.push("team/api.v2/back-end:1.0.0-rc.1", make_image(("base", "api")))
    skopeo.push("team/api.v2/back-end:1.0.0", make_image(("base", "api")))
    old = make_image(("base", "emptied"))
    push(target, "old/emptied:1.0", old)
    delete_tags(real, "old/emptied", old.digest)


def sync(registry: Registry, *, full_check: bool = False) -> SyncRun:
    run = tasks.sync_in_foreground(registry, now=timezone.now(), full_check=full_check)
    registry.refresh_from_db()
    return run


def test_every_tag_and_digest_that_it_lists_is_recorded(
    real: RealRegistry, company: None, registry: Registry
) -> None:
    run = sync(registry)
    assert run.state == RunState.DONE, run.error
    assert recorded.tags(registry) == listed_tags(real)
    assert len(recorded.tags(registry)) == 5
    assert registry.dialect == "distribution"
    paths = Repository.objects.order_by("path").values_list("path", flat=True)
    assert list(paths) == ["old/emptied", "team/api.v2/back-end", "team/web/app"]
    assert recorded.repository(registry, "old/emptied").complete


def test_every_manifest_is_recorded_byte_for_byte(
    real: RealRegistry, company: None, registry: Registry
) -> None:
    sync(registry)
    for path, state in ((path, recorded.states(registry, path)) for path in ("team/web/app",)):
        assert set(state.values()) == {PresenceState.TAGGED, PresenceState.CHILD}
        for digest in state:
            headers, body = ask(f"{real.url}/v2/{path}/manifests/{digest}")
            manifest = Manifest.objects.get(registry=registry, digest=digest)
            assert bytes(manifest.stored_body.body) == body
            assert manifest.media_type == headers["content-type"]
    kinds = set(Manifest.objects.values_list("media_type", flat=True))
    assert kinds == {mediatypes.DOCKER_MANIFEST, mediatypes.OCI_MANIFEST, mediatypes.OCI_INDEX}
    assert not Manifest.objects.filter(kind=ManifestKind.UNPARSED).exists()


def test_the_bytes_that_are_stored_are_those_on_its_disk(
    real: RealRegistry, target: HttpTarget, registry: Registry
) -> None:
    for tag in ("1.0", "1.1"):
        push(target, f"team/app:{tag}", make_index(attestations=True))
        push(target, f"team/other:{tag}", make_image(("base", tag)))
    sync(registry)
    assert registry.stored_bytes == real.stored_bytes()


def test_changes_follow(
    real: RealRegistry,
    company: None,
    skopeo: Skopeo,
    target: HttpTarget,
    registry: Registry,
) -> None:
    sync(registry)
    before = listed_tags(real)
    skopeo.push("team/web/app:latest", make_image(("base", "three")))
    skopeo.push("team/web/app:2.0", make_image(("base", "three")))
    skopeo.push("new/repository:1.0", make_image(("base", "new")))
    push(target, "old/emptied:2.0")
    delete_tags(real, "team/web/app", before["team/web/app", "1.0"])
    run = sync(registry)
    assert run.state == RunState.DONE, run.error
    assert recorded.tags(registry) == listed_tags(real) != before
    assert set(recorded.events(registry)[-5:]) == {
        ("new/repository", "1.0", "created"),
        ("old/emptied", "2.0", "created"),
        ("team/web/app", "1.0", "deleted"),
        ("team/web/app", "2.0", "created"),
        ("team/web/app", "latest", "moved"),
    }
    assert sync(registry, full_check=True).state == RunState.DONE
    assert recorded.gone(registry, "team/web/app") == {before["team/web/app", "1.0"]}
    assert sync(registry).changed_repositories == 0
