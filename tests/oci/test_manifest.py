from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from registry_browser.oci import mediatypes
from registry_browser.oci.descriptor import MAX_CHILDREN, MAX_CLAIMED, MAX_LAYERS
from registry_browser.oci.manifest import (
    MAX_BODY,
    Manifest,
    Platform,
    parse_manifest,
    schema1_digest,
    verify,
)

if TYPE_CHECKING:
    from collections.abc import Callable

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


def descriptor(digest: str, media_type: str, size: int = 10, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def image(**changes: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": mediatypes.OCI_MANIFEST,
        "config": descriptor(A, mediatypes.OCI_CONFIG),
        "layers": [descriptor(B, LAYER), descriptor(C, LAYER)],
    } | changes


def index(*children: dict[str, Any], **changes: Any) -> dict[str, Any]:
    document = {"schemaVersion": 2, "mediaType": mediatypes.OCI_INDEX, "manifests": [*children]}
    return document | changes


def parse(document: object, media_type: str | None = None) -> Manifest:
    return parse_manifest(json.dumps(document).encode(), media_type)


def test_an_image_has_a_config_and_layers_in_order() -> None:
    manifest = parse(image(annotations={"k": "v"}))

    assert manifest.kind == "image"
    assert manifest.artifact_type is None
    assert [blob.digest for blob in manifest.blobs] == [A, B, C]
    assert manifest.annotations == {"k": "v"}
    assert manifest.problem is None


def test_a_docker_image_is_an_image() -> None:
    manifest = parse(
        image(
            mediaType=mediatypes.DOCKER_MANIFEST,
            config=descriptor(A, mediatypes.DOCKER_CONFIG),
            layers=[descriptor(B, FOREIGN, urls=["https://elsewhere.example/b"])],
        )
    )

    assert (manifest.kind, manifest.media_type) == ("image", mediatypes.DOCKER_MANIFEST)
    assert manifest.layers[0].is_foreign
    assert manifest.layers[0].urls == ("https://elsewhere.example/b",)


def test_an_index_lists_platforms_and_tells_attestations_apart() -> None:
    manifest = parse(
        index(
            descriptor(
                A,
                mediatypes.OCI_MANIFEST,
                platform={"os": "linux", "architecture": "arm", "variant": "v7"},
            ),
            descriptor(
                B,
                mediatypes.OCI_MANIFEST,
                platform={"os": "unknown", "architecture": "unknown"},
                annotations={
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": A,
                },
            ),
            descriptor(C, mediatypes.OCI_INDEX),
        )
    )

    arm, attestation, nested = manifest.children
    assert manifest.kind == "index"
    assert (str(arm.platform), arm.is_attestation) == ("linux/arm/v7", False)
    assert (attestation.is_attestation, attestation.attests) == (True, A)
    assert attestation.platform is not None
    assert attestation.platform.is_unknown
    assert nested.platform is None


def test_windows_versions_are_kept() -> None:
    platform = {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1"}
    child = parse(index(descriptor(A, mediatypes.OCI_MANIFEST, platform=platform))).children[0]

    assert child.platform == Platform("windows", "amd64", "", "10.0.17763.1")


@pytest.mark.parametrize(
    ("document", "served_as", "media_type", "kind"),
    [
        (image(mediaType=None), None, mediatypes.OCI_MANIFEST, "image"),
        (image(mediaType=None), mediatypes.DOCKER_MANIFEST, mediatypes.DOCKER_MANIFEST, "image"),
        (image(mediaType=None), "text/plain; charset=utf-8", mediatypes.OCI_MANIFEST, "image"),
        (image(), "application/json", mediatypes.OCI_MANIFEST, "image"),
        (image(layers=None), None, mediatypes.OCI_MANIFEST, "image"),
        (image(annotations=None), None, mediatypes.OCI_MANIFEST, "image"),
        (index(mediaType=""), mediatypes.DOCKER_LIST, mediatypes.DOCKER_LIST, "index"),
        (index(manifests=None), None, mediatypes.OCI_INDEX, "index"),
        ({"manifests": []}, None, mediatypes.OCI_INDEX, "index"),
    ],
)
def test_the_shape_decides_where_types_are_missing(
    document: dict[str, Any], served_as: str | None, media_type: str, kind: str
) -> None:
    manifest = parse(document, served_as)

    assert (manifest.kind, manifest.media_type) == (kind, media_type)


@pytest.mark.parametrize(
    ("document", "artifact_type", "name"),
    [
        (
            image(config=descriptor(A, mediatypes.HELM_CONFIG)),
            mediatypes.HELM_CONFIG,
            "Helm chart",
        ),
        (
            image(config=descriptor(A, mediatypes.OCI_EMPTY), artifactType="application/spdx+json"),
            "application/spdx+json",
            "SPDX SBOM",
        ),
        (
            image(layers=[descriptor(B, "application/vnd.dev.cosign.simplesigning.v1+json")]),
            "application/vnd.dev.cosign.simplesigning.v1+json",
            "cosign signature",
        ),
        (
            image(layers=[descriptor(B, mediatypes.IN_TOTO), descriptor(C, mediatypes.IN_TOTO)]),
            mediatypes.IN_TOTO,
            "in-toto attestation",
        ),
        (
            image(config=descriptor(A, "application/vnd.wasm.config.v0+json")),
            "application/vnd.wasm.config.v0+json",
            "WebAssembly module",
        ),
        (
            image(config=descriptor(A, "application/vnd.cncf.openpolicyagent.config.v1+json")),
            "application/vnd.cncf.openpolicyagent.config.v1+json",
            "OPA policy bundle",
        ),
        (
            image(config=descriptor(A, "application/vnd.acme.thing")),
            "application/vnd.acme.thing",
            None,
        ),
        (
            image(config=descriptor(A, mediatypes.BUILDKIT_CACHE)),
            mediatypes.BUILDKIT_CACHE,
            "BuildKit cache",
        ),
    ],
)
def test_artifacts_are_known_by_type(
    document: dict[str, Any], artifact_type: str, name: str | None
) -> None:
    manifest = parse(document)

    assert (manifest.kind, manifest.artifact_type) == ("artifact", artifact_type)
    assert mediatypes.artifact_name(manifest.artifact_type) == name


def test_an_image_with_one_odd_layer_stays_an_image() -> None:
    layers = [descriptor(B, LAYER), descriptor(C, mediatypes.IN_TOTO)]

    assert parse(image(layers=layers)).kind == "image"


def test_an_oras_artifact_has_blobs_and_a_subject() -> None:
    manifest = parse(
        {
            "mediaType": mediatypes.ORAS_ARTIFACT,
            "artifactType": "application/vnd.cncf.notary.signature",
            "blobs": [descriptor(A, "application/jose+json")],
            "subject": descriptor(B, mediatypes.OCI_MANIFEST),
        }
    )

    assert manifest.kind == "artifact"
    assert [layer.digest for layer in manifest.layers] == [A]
    assert manifest.subject is not None
    assert manifest.subject.digest == B
    assert mediatypes.artifact_name(manifest.artifact_type) == "Notation signature"


def test_a_cache_export_is_an_index_of_blobs() -> None:
    manifest = parse(
        index(descriptor(A, LAYER), descriptor(B, LAYER), descriptor(C, mediatypes.BUILDKIT_CACHE))
    )

    assert manifest.kind == "index"
    assert manifest.is_cache_export
    assert manifest.children == ()
    assert [layer.digest for layer in manifest.layers] == [A, B]
    assert manifest.config is not None
    assert manifest.config.digest == C


def test_an_index_may_list_types_that_nobody_knows() -> None:
    manifest = parse(index(descriptor(A, "application/vnd.acme.thing")))

    assert manifest.children[0].media_type == "application/vnd.acme.thing"


@pytest.mark.parametrize(
    ("document", "served_as", "problem"),
    [
        (index(layers=[]), None, "both manifests and layers"),
        (index(config={}), None, "both manifests and config"),
        (image(mediaType=mediatypes.OCI_INDEX), None, "calls itself"),
        (image(mediaType=None), mediatypes.OCI_INDEX, "was served as"),
        (image(layers=[descriptor("sha256:123", LAYER)]), None, "layer 1 has no valid digest"),
        (image(layers=[descriptor(B, LAYER, size=-1)]), None, "layer 1 has no believable size"),
        (image(layers=[descriptor(B, LAYER, size=2**60)]), None, "no believable size"),
        (image(layers=[descriptor(B, LAYER) | {"size": True}]), None, "no believable size"),
        (image(layers={}), None, "layers are not a list"),
        (image(layers=["x"]), None, "layer 1 is not an object"),
        (image(config=None), None, "no config"),
        (image(subject={"digest": 1}), None, "subject has no valid digest"),
        (image(blobs=[]), None, "both layers and blobs"),
        (index(manifests="x"), None, "not a list"),
        (index({"digest": A}), None, "manifest 1 has no believable size"),
        ({"fsLayers": [{"blobSum": "x"}]}, None, "Layer 1 has no valid digest"),
        ({"fsLayers": [], "layers": []}, None, "mixes schema 1 and schema 2"),
        ({}, None, "neither layers nor other manifests"),
        ({"mediaType": [1]}, None, "neither layers nor other manifests"),
        ({"mediaType": {}}, mediatypes.OCI_MANIFEST, "neither layers nor other manifests"),
        ([], None, "not a JSON object"),
        ("x", None, "not a JSON object"),
        (None, None, "not a JSON object"),
        (image(layers=[descriptor(B, LAYER)] * (MAX_LAYERS + 1)), None, "we read"),
        (index(*[descriptor(A, LAYER)] * (MAX_CHILDREN + 1)), None, "are the most"),
    ],
)
def test_what_cannot_be_read_says_why(
    document: object, served_as: str | None, problem: str
) -> None:
    manifest = parse(document, served_as)

    assert manifest.kind == "unparsed"
    assert problem in (manifest.problem or "")
    assert manifest.blobs == ()
    assert manifest.children == ()


@pytest.mark.parametrize(
    "claims",
    [
        lambda blobs: image(layers=blobs),
        lambda blobs: index(*blobs, descriptor(C, mediatypes.BUILDKIT_CACHE)),
        lambda blobs: {"mediaType": mediatypes.ORAS_ARTIFACT, "blobs": blobs},
    ],
)
def test_claims_that_could_not_be_added_up_are_not_believed(
    claims: Callable[[list[dict[str, Any]]], object],
) -> None:
    assert MAX_CLAIMED * 2_000_000 < 2**63

    def manifest(total: int) -> Manifest:
        shares = [total // 2, total - total // 2]
        layers = [
            descriptor(digest, LAYER, size=size)
            for digest, size in zip((A, B), shares, strict=True)
        ]
        return parse(claims(layers))

    assert manifest(MAX_CLAIMED - 10).problem is None
    assert "name more bytes than is believable" in (manifest(MAX_CLAIMED + 1).problem or "")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":"\\ud800"}', b"9" * 5000]
)
def test_bytes_that_are_no_json_are_unparsed(body: bytes) -> None:
    assert parse_manifest(body, mediatypes.OCI_MANIFEST).kind == "unparsed"


def test_a_manifest_may_have_four_mebibytes_and_not_more() -> None:
    body = json.dumps(image()).encode()

    assert parse_manifest(body.ljust(MAX_BODY), None).kind == "image"
    assert "4,194,304" in (parse_manifest(body.ljust(MAX_BODY + 1), None).problem or "")


def test_annotations_lose_what_postgres_cannot_store() -> None:
    manifest = parse(image(annotations={"a\x00b": "c\x00d", "n": 1, "none": None, "t": True}))

    assert manifest.annotations == {"ab": "cd", "n": "1", "none": "", "t": "true"}


def signed_schema1() -> tuple[bytes, str]:
    """A signed schema 1 document and its digest, laid out as libtrust writes it."""
    payload = json.dumps(
        {
            "schemaVersion": 1,
            "name": "a/b",
            "tag": "v1",
            "architecture": "amd64",
            "fsLayers": [{"blobSum": A}, {"blobSum": B}],
            "history": [{"v1Compatibility": json.dumps({"os": "linux"})}, {}],
        },
        indent=3,
    ).encode()
    length = len(payload) - 2
    head = {"formatLength": length, "formatTail": base64.urlsafe_b64encode(b"\n}").decode()}
    protected = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
    signatures = json.dumps([{"signature": "x", "protected": protected}]).encode()
    body = payload[:length] + b',\n   "signatures": ' + signatures + b"\n}"
    return body, f"sha256:{sha256(payload).hexdigest()}"


def test_schema_1_is_named_by_its_payload_without_signatures() -> None:
    body, digest = signed_schema1()
    whole = f"sha256:{sha256(body).hexdigest()}"

    assert schema1_digest(body) == digest != whole
    assert verify(body, digest, mediatypes.DOCKER_SCHEMA1_SIGNED)
    assert verify(body, digest, None)
    assert not verify(body, digest, mediatypes.OCI_MANIFEST)
    assert not verify(body, A, mediatypes.DOCKER_SCHEMA1_SIGNED)


def test_schema_1_is_read_oldest_layer_first() -> None:
    body, _ = signed_schema1()
    manifest = parse_manifest(body, mediatypes.DOCKER_SCHEMA1_SIGNED)

    assert (manifest.kind, manifest.media_type) == ("schema1", mediatypes.DOCKER_SCHEMA1_SIGNED)
    assert [(layer.digest, layer.size) for layer in manifest.layers] == [(B, 0), (A, 0)]
    assert str(manifest.platform) == "linux/amd64"


@pytest.mark.parametrize("newest", ["[" * 100_000, "{", "7", 7, None, []])
def test_schema_1_is_read_whatever_its_history_says(newest: object) -> None:
    history = [{"v1Compatibility": newest}]
    manifest = parse({"fsLayers": [{"blobSum": A}], "architecture": "arm", "history": history})

    assert (manifest.kind, str(manifest.platform)) == ("schema1", "linux/arm")


@pytest.mark.parametrize(
    "signatures", [None, [], [{}], [{"protected": "!"}], [{"protected": "e30"}], {"a": 1}]
)
def test_broken_signatures_leave_the_digest_of_the_whole(signatures: object) -> None:
    body = json.dumps({"signatures": signatures}).encode()

    assert schema1_digest(body) == f"sha256:{sha256(body).hexdigest()}"


def test_signatures_without_end_verify_nothing() -> None:
    body = b'{"signatures":' + b"[" * 100_000

    assert schema1_digest(body) == f"sha256:{sha256(body).hexdigest()}"
    assert not verify(body, A, "text/plain")
