"""One manifest in one repository."""

import pytest
from pytest_django import DjangoAssertNumQueries

from registry_browser.models import PresenceState
from registry_browser.queries.images import config_body, manifest_body, manifest_page
from tests.record import NOW, Record, digest_of

pytestmark = pytest.mark.django_db

STEPS = [
    {"created_by": "ADD rootfs.tar /"},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": "RUN /bin/sh -c make # buildkit"},
    {"created_by": 'CMD ["app"]', "empty_layer": True},
]


def test_layers_carry_their_step_sizes_and_who_else_holds_them() -> None:
    record = Record()
    web = record.repository("team/web")
    base, code = record.layer("base", 1000), record.layer("code", 10)
    image = record.image("app", [base, code], config_bytes=5, config={"history": STEPS})
    record.tag(web, "1.0", image)
    for number in range(3):
        record.tag(record.repository(f"other/{number}"), "1", record.image(f"o{number}", [base]))
    record.present(web, record.image("was here", [base]), gone_at=NOW)

    page = manifest_page(web, image.digest)

    assert page is not None
    first, second = page.layers
    assert (first.created_by, first.size, first.cumulative_bytes) == (
        "ADD rootfs.tar /",
        1000,
        1000,
    )
    assert (second.created_by, second.size, second.cumulative_bytes) == ("RUN make", 10, 1010)
    assert (first.shared_with, second.shared_with) == (3, 0)
    assert [str(step) for step in second.empty_before] == ["ENV A=1"]
    assert [str(step) for step in page.empty_after] == ['CMD ["app"]']
    assert (page.size_bytes, page.exclusive_bytes, page.only_here) == (1015, 15, 1)


def test_a_layer_that_stands_twice_is_pulled_once() -> None:
    record = Record()
    web = record.repository("team/web")
    empty = record.layer("empty", 32)
    image = record.image("app", [empty, record.layer("code", 10), empty])
    record.tag(web, "1.0", image)

    page = manifest_page(web, image.digest)

    assert page is not None
    assert [layer.cumulative_bytes for layer in page.layers] == [32, 42, 42]


def test_a_child_knows_its_index_its_siblings_and_the_tags_that_reach_it() -> None:
    record = Record()
    web = record.repository("team/web")
    amd = record.image("amd", [record.layer("code", 10)])
    arm = record.image("arm", platform="linux/arm64")
    proof = record.attestation("proof", 7, "https://slsa.dev/provenance/v1")
    inner = record.index("i", {"linux/amd64": amd, "linux/arm64": arm}, attestations=[proof])
    outer = record.index("outer", {"linux/amd64": inner})
    record.tag(web, "1.0", inner)
    record.tag(web, "latest", inner)
    record.tag(web, "all", outer)

    page = manifest_page(web, amd.digest)

    assert page is not None
    assert (page.state, page.tags, page.parents) == ("child", [], [inner.digest])
    assert {reached.index: reached.tags for reached in page.reached_by} == {
        inner.digest: ["latest", "1.0"],
        outer.digest: ["all"],
    }
    assert [child.platform for child in page.siblings] == ["linux/amd64", "linux/arm64"]
    assert page.metadata == [("provenance", 1)]


def test_an_index_shows_platforms_and_attestations_apart() -> None:
    record = Record()
    web = record.repository("team/web")
    base = record.layer("base", 1000)
    amd = record.image("amd", [base, record.layer("amd code", 10)])
    arm = record.image("arm", [base, record.layer("arm code", 20)], platform="linux/arm64")
    proof = record.attestation("proof", 7, "https://spdx.dev/Document")
    index = record.index("i", {"linux/amd64": amd, "linux/arm64": arm}, attestations=[proof])
    record.tag(web, "1.0", index)

    page = manifest_page(web, index.digest)

    assert page is not None
    assert (page.what, page.size_platform) == ("index of 2", "linux/amd64")
    assert [(row.platform, row.exclusive_bytes) for row in page.platforms] == [
        ("linux/amd64", 10),
        ("linux/arm64", 20),
    ]
    assert [row.digest for row in page.attestations] == [proof.digest]
    assert page.metadata == [("SBOM", 1)]
    # base once in each child, as content; once as what comes back.
    assert page.total_bytes == 1010 + 1020 + 7
    assert page.exclusive_bytes == 1000 + 10 + 20 + 7 + proof.body_bytes


def test_referrers_are_found_by_subject_and_by_cosign_tag() -> None:
    record = Record()
    web = record.repository("team/web")
    image = record.image("app")
    record.tag(web, "1.0", image)
    sbom = record.artifact("sbom", 5, "application/spdx+json", subject=image)
    record.present(web, sbom, PresenceState.REFERRER)
    signature = record.artifact("sig", 3, "application/vnd.dev.cosign.simplesigning.v1+json")
    record.tag(web, f"{image.digest.replace(':', '-')}.sig", signature)
    gone = record.artifact("gone", 5, "application/spdx+json", subject=image)
    record.present(web, gone, gone_at=NOW)

    page = manifest_page(web, image.digest)
    other = manifest_page(web, sbom.digest)

    assert page is not None and other is not None
    assert [(row.digest, row.what) for row in page.referrers] == [
        (sbom.digest, "SPDX SBOM"),
        (signature.digest, "cosign signature"),
    ]
    assert (other.subject, other.subject_is_here) == (image.digest, True)


def test_other_repositories_that_hold_it_are_named() -> None:
    record = Record()
    web, image = record.repository("team/web"), record.image("app")
    record.tag(web, "1.0", image)
    record.present(record.repository("team/copy"), image)
    record.present(record.repository("team/was"), image, gone_at=NOW)

    page = manifest_page(web, image.digest)

    assert page is not None
    assert (page.elsewhere, page.elsewhere_count) == (["team/copy"], 1)


def test_what_was_never_in_the_repository_has_no_page() -> None:
    record = Record()
    web, api = record.repository("team/web"), record.repository("team/api")
    image = record.image("app")
    record.tag(api, "1.0", image)

    assert manifest_page(web, image.digest) is None
    assert manifest_body(web, image.digest) is None
    assert config_body(web, image.digest) is None


def test_what_is_gone_still_has_its_page() -> None:
    record = Record()
    web, image = record.repository("team/web"), record.image("app")
    record.present(web, image, gone_at=NOW)

    page = manifest_page(web, image.digest)

    assert page is not None
    assert page.state == "gone"


def test_bodies_come_back_byte_for_byte() -> None:
    record = Record()
    web = record.repository("team/web")
    proof = record.attestation("proof", 7, "https://spdx.dev/Document")
    image = record.image("app")
    record.present(web, proof)
    record.present(web, image)

    raw = manifest_body(web, proof.digest)

    assert raw is not None
    assert raw[0].startswith(b'{"layers": [')
    assert raw[1] == "application/vnd.oci.image.manifest.v1+json"
    assert config_body(web, image.digest) == b"{}"
    assert config_body(web, proof.digest) is None


def test_the_same_digest_in_another_registry_is_another_manifest() -> None:
    record, other = Record(), Record("other", "https://other.example")
    web, elsewhere = record.repository("team/web"), other.repository("team/web")
    record.tag(web, "1.0", record.image("app", [record.layer("code", 10)]))
    other.tag(elsewhere, "2.0", other.image("app", [other.layer("code", 10)]))

    page = manifest_page(web, digest_of("app"))

    assert page is not None
    assert (page.tags, page.exclusive_bytes, page.layers[0].shared_with) == (["1.0"], 10, 0)


@pytest.mark.parametrize("count", [1, 9])
def test_a_page_costs_the_same_however_much_it_shows(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record = Record()
    web = record.repository("team/web")
    layers = [record.layer(f"layer {number}", 1) for number in range(count)]
    image = record.image("app", layers)
    index = record.index("index", {"linux/amd64": image})
    for number in range(count):
        record.tag(web, f"1.{number}", index)
        sbom = record.artifact(f"sbom {number}", 5, "application/spdx+json", subject=image)
        record.present(web, sbom, PresenceState.REFERRER)

    with django_assert_num_queries(18):
        page = manifest_page(web, image.digest)

    assert page is not None and len(page.layers) == count
