"""Pages of one image, artifact or layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry_browser.models import PresenceState, TagEvent, TagEventKind
from tests.record import NOW, Record, digest_of
from tests.web.test_browse import HOSTILE, text_of

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

HISTORY = [
    {"created_by": "ADD rootfs.tar /"},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": f"RUN /bin/sh -c echo '{HOSTILE}'"},
]


def filled() -> Record:
    record = Record()
    web = record.repository("team/web")
    base = record.layer("base", 2048)
    amd = record.image(
        "amd",
        [base, record.layer("code", 1024)],
        config={
            "history": HISTORY,
            "labels": {"source": "https://example.org/x", "bad": "javascript:alert(1)"},
            "env": ["A=1", "B=2", "C=3", f"D={HOSTILE}"],
            "entrypoint": ["/bin/app", HOSTILE],
        },
        annotations={HOSTILE: HOSTILE},
    )
    arm = record.image("arm", [base], platform="linux/arm64")
    proof = record.attestation("proof", 7, "https://slsa.dev/provenance/v1")
    index = record.index("index", {"linux/amd64": amd, "linux/arm64": arm}, attestations=[proof])
    record.tag(web, "1.0", index)
    record.tag(web, "latest", index)
    record.present(
        web,
        record.artifact("sbom", 5, "application/spdx+json", subject=amd),
        PresenceState.REFERRER,
    )
    record.tag(record.repository("team/copy"), "1", amd)
    record.refresh()
    return record


AMD = f"/r/prod/team/web/-/manifests/{digest_of('amd')}"


def test_a_tag_leads_to_what_it_points_to(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/r/prod/team/web/-/tags/1.0")

    assert "<h1" in page and "web:1.0" in page
    assert digest_of("index") in page
    assert "?platform=linux/arm64" in page
    assert "provenance" in page
    assert "docker pull" in page and "docker pull registry.example/team/web:1.0" in page
    assert f"docker pull registry.example/team/web@{digest_of('index')}" in page


def test_a_platform_of_a_tag_has_its_own_address(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/r/prod/team/web/-/tags/1.0?platform=linux/amd64")

    assert digest_of("amd") in page
    assert "Child of a live index" in page
    assert '<span aria-current="page">linux/amd64</span>' in page
    assert "docker pull --platform linux/amd64 registry.example/team/web:1.0" in page


def test_a_platform_that_a_tag_lacks_leads_to_those_it_has(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/r/prod/team/web/-/tags/1.0?platform=linux/s390x", status=404)

    assert "1.0 has no image for linux/s390x" in page
    assert "It has: linux/amd64, linux/arm64." in page
    assert '<span aria-current="page">linux/s390x</span>' in page
    assert 'href="/r/prod/team/web/-/tags/1.0">team/web:1.0</a>' in page
    assert 'href="/r/prod/team/web/">team/web</a>' in page


def test_the_platform_of_a_tag_that_is_one_image_is_that_image(viewer: Client) -> None:
    record = Record()
    record.tag(record.repository("team/web"), "1.0", record.image("only"))

    page = text_of(viewer, "/r/prod/team/web/-/tags/1.0?platform=linux/amd64")

    assert "docker pull registry.example/team/web:1.0" in page


def test_layers_show_their_commands_sizes_and_sharing(viewer: Client) -> None:
    filled()

    page = text_of(viewer, AMD)

    assert "<b>ADD</b> rootfs.tar /" in page
    assert "1 step without a layer: ENV" in page
    assert "shared with 1 image<" in page and "only here" in page
    assert f"/r/prod/-/layers/{digest_of('base')}" in page
    assert "3.0 <span" in page


def test_everything_around_a_manifest_is_on_its_page(viewer: Client) -> None:
    filled()

    page = text_of(viewer, AMD)

    assert "Through index" in page
    assert "/r/prod/team/web/-/tags/latest" in page
    assert "SPDX SBOM" in page
    assert "/r/prod/team/copy/-/manifests/" in page
    assert "Show a reconstructed Dockerfile" in page
    assert f"{AMD}/config" in page and f"{AMD}/raw" in page


def test_text_from_an_image_is_shown_as_text(viewer: Client) -> None:
    filled()

    page = text_of(viewer, AMD)

    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


def test_only_web_addresses_become_links(viewer: Client) -> None:
    filled()

    page = text_of(viewer, AMD)

    assert 'href="https://example.org/x" rel="noopener noreferrer nofollow"' in page
    assert "javascript:alert(1)" in page
    assert 'href="javascript:' not in page


def test_raw_bytes_are_served_as_they_came_and_as_text(viewer: Client) -> None:
    record = Record()
    proof = record.attestation("proof", 7, "https://slsa.dev/provenance/v1")
    record.present(record.repository("team/web"), proof)

    response = viewer.get(f"/r/prod/team/web/-/manifests/{proof.digest}/raw")

    assert response.content == bytes(proof.stored_body.body)
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Registry-Content-Type"] == proof.media_type


def test_a_config_is_served_and_what_has_none_says_so(viewer: Client) -> None:
    filled()

    assert viewer.get(f"{AMD}/config").content == b"{}"
    index = f"/r/prod/team/web/-/manifests/{digest_of('index')}/config"
    assert "no config" in text_of(viewer, index, status=404)


@pytest.mark.parametrize(
    ("state", "said"),
    [("dangling", "No tag reaches this manifest"), ("gone", "not in the registry any more")],
)
def test_what_nothing_reaches_or_is_gone_says_so(viewer: Client, state: str, said: str) -> None:
    record = Record()
    web, image = record.repository("team/web"), record.image("old")
    record.present(web, image, gone_at=NOW if state == "gone" else None)

    assert said in text_of(viewer, f"/r/prod/team/web/-/manifests/{image.digest}")


def test_what_could_not_be_read_shows_why_and_its_bytes(viewer: Client) -> None:
    record = Record()
    odd = record.unparsed("odd", "application/vnd.acme", f"It is odd: {HOSTILE}")
    record.present(record.repository("team/web"), odd)

    page = text_of(viewer, f"/r/prod/team/web/-/manifests/{odd.digest}")

    assert "could not be read" in page
    assert "It is odd: &lt;script&gt;" in page
    assert "Show the raw manifest" in page


def test_an_artifact_lists_its_blobs_and_is_pulled_with_oras(viewer: Client) -> None:
    record = Record()
    sbom = record.artifact("sbom", 5, "application/spdx+json")
    record.tag(record.repository("team/web"), "sbom", sbom)

    page = text_of(viewer, "/r/prod/team/web/-/tags/sbom")

    assert "Blobs" in page
    assert "oras pull registry.example/team/web:sbom" in page
    assert "docker pull" not in page


def test_a_tag_that_was_deleted_says_when(viewer: Client) -> None:
    record = filled()
    repository = record.repository("team/old")
    TagEvent.objects.create(
        registry_id=record.registry.pk,
        repository_id=repository.pk,
        registry_name="prod",
        path="team/old",
        tag="0.9",
        kind=TagEventKind.DELETED,
        seen_at=NOW,
        source="sync",
    )

    page = text_of(viewer, "/r/prod/team/old/-/tags/0.9", status=404)

    assert "was seen to be gone 20 Nov 2026 14:30 UTC" in page


def test_layers_are_listed_by_what_they_save_and_name_their_users(viewer: Client) -> None:
    filled()

    listing = text_of(viewer, "/r/prod/-/layers")
    page = text_of(viewer, f"/r/prod/-/layers/{digest_of('base')}")
    region = text_of(viewer, f"/r/prod/-/layers/{digest_of('base')}", htmx=True)

    assert digest_of("base") in listing
    assert "<b>ADD</b> rootfs.tar /" in page
    assert ">team/web</a>" in page and ">team/copy</a>" in page
    assert region.lstrip().startswith('<div class="sheet" id="layer-users">')
