"""What registries hold besides images: charts, policies, SBOMs, signatures, caches, old formats.

The media types and annotations are those of the tools that push such things (Helm, conftest,
cosign, BuildKit, ORAS, Notation, wasm-to-oci).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.builders.blobs import EMPTY_TYPE, Blob, content, foreign_layer, layer
from tests.builders.images import (
    OCI_INDEX,
    Built,
    make_image,
    make_index,
    make_manifest,
)
from tests.builders.pushing import PushedImage, push
from tests.fake_registry import schema1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.builders.pushing import Target
    from tests.fake_registry import FakeRegistry

SPDX = "application/spdx+json"
NOTATION = "application/vnd.cncf.notary.signature"
COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
ORAS_ARTIFACT = "application/vnd.cncf.oras.artifact.manifest.v1+json"
CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0"


def helm_chart(name: str, version: str, app_version: str = "", description: str = "") -> Built:
    """Build a Helm chart as ``helm push`` does. A ``+`` in its version becomes ``_`` in the tag."""
    chart = {
        "name": name,
        "version": version,
        "appVersion": app_version or version,
        "description": description or f"A Helm chart for {name}",
        "apiVersion": "v2",
        "type": "application",
    }
    archive = replace(
        layer(f"{name}/Chart.yaml {version}"),
        media_type="application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    )
    annotations = {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.description": chart["description"],
    }
    config = _json_blob(chart, "application/vnd.cncf.helm.config.v1+json")
    return make_manifest(config, (archive,), annotations=annotations)


def policy_bundle(name: str, rules: Sequence[str] = ("deny",)) -> Built:
    """Build a policy bundle as ``conftest push`` does: Rego files, data, an empty config."""
    prefix = "application/vnd.cncf.openpolicyagent"
    layers = [
        content(
            f"package {name}\n\n{rule} := true\n".encode(),
            f"{prefix}.policy.layer.v1+rego",
            {"org.opencontainers.image.title": f"{rule}.rego"},
        )
        for rule in rules
    ]
    data = content(
        b'{"limits":{"replicas":10}}',
        f"{prefix}.data.layer.v1+json",
        {"org.opencontainers.image.title": "data.json"},
    )
    return make_manifest(content(b"{}", f"{prefix}.config.v1+json"), (*layers, data))


def wasm_module(name: str) -> Built:
    """Build a WebAssembly module as ``wasm-to-oci`` pushes it."""
    code = content(
        b"\x00asm\x01\x00\x00\x00" + name.encode(),
        "application/vnd.wasm.content.layer.v1+wasm",
        {"org.opencontainers.image.title": "module.wasm"},
    )
    return make_manifest(content(b"{}", "application/vnd.wasm.config.v1+json"), (code,))


def sbom(subject: Built, *, packages: int = 3) -> Built:
    """Build an SPDX document that refers to ``subject``, as ``oras attach`` does."""
    names = [{"name": f"package-{n}", "versionInfo": f"1.{n}.0"} for n in range(packages)]
    document = {
        "spdxVersion": "SPDX-2.3",
        "name": subject.digest,
        "packages": names,
    }
    return referrer(subject, SPDX, _json_blob(document, SPDX))


def signature(subject: Built, *, kind: str = NOTATION) -> Built:
    """Build a signature that refers to ``subject``; its bytes sign nothing."""
    envelope = _json_blob({"payload": subject.digest, "signature": "none"}, "application/jose+json")
    return referrer(subject, kind, envelope)


def referrer(subject: Built, artifact_type: str, blob: Blob) -> Built:
    """Build any artifact about ``subject``, with the empty config of OCI 1.1."""
    return make_manifest(
        content(b"{}", EMPTY_TYPE),
        (blob,),
        artifact_type=artifact_type,
        subject=subject,
        annotations={"org.opencontainers.image.created": "2026-01-01T12:00:00Z"},
    )


def oci_artifact(subject: Built | None = None, *, media_type: str = OCI_ARTIFACT) -> Built:
    """Build the artifact manifest of the OCI 1.1 drafts, or ORAS's (``media_type``): ``blobs``.

    Distribution refuses to take one; other registries still hold them.
    """
    blob = content(b"an old SBOM", SPDX)
    document: dict[str, Any] = {
        "mediaType": media_type,
        "artifactType": "application/vnd.example.sbom.v1",
        "blobs": [blob.descriptor()],
    }
    if subject is not None:
        document["subject"] = subject.descriptor()
    body = json.dumps(document, separators=(",", ":")).encode()
    return Built(media_type, body, (blob,), artifact_type="application/vnd.example.sbom.v1")


def cosign_tag(digest: str, suffix: str = "") -> str:
    """Return the tag that stands for a digest: ``sha256-<hex>`` with ``.sig``, ``.att``, ``.sbom``.

    Without a suffix it is the referrers fallback tag of the OCI specification.
    """
    tag = digest.replace(":", "-", 1)
    return f"{tag}.{suffix}" if suffix else tag


def cosign_signature(digest: str) -> Built:
    """Build what ``cosign sign`` stores under the ``.sig`` tag of ``digest``."""
    payload = {
        "critical": {"image": {"docker-manifest-digest": digest}, "type": "cosign container image"}
    }
    simple = _json_blob(
        payload,
        "application/vnd.dev.cosign.simplesigning.v1+json",
        {"dev.cosignproject.cosign/signature": "MEUCIQ=="},
    )
    return make_manifest(_cosign_config(simple), (simple,))


def cosign_attestation(digest: str) -> Built:
    """Build what ``cosign attest`` stores under the ``.att`` tag of ``digest``."""
    envelope = _json_blob(
        {"payloadType": "application/vnd.in-toto+json", "payload": digest, "signatures": []},
        "application/vnd.dsse.envelope.v1+json",
    )
    return make_manifest(_cosign_config(envelope), (envelope,))


def cosign_sbom(digest: str) -> Built:
    """Build what ``cosign attach sbom`` stores under the ``.sbom`` tag of ``digest``."""
    document = _json_blob({"spdxVersion": "SPDX-2.3", "name": digest}, "text/spdx+json")
    return make_manifest(_cosign_config(document), (document,))


def push_cosign(target: FakeRegistry | Target, image: PushedImage) -> list[PushedImage]:
    """Push signature, attestation and SBOM of an image under cosign's three tags."""
    builders = {"sig": cosign_signature, "att": cosign_attestation, "sbom": cosign_sbom}
    return [
        push(target, f"{image.repository}:{cosign_tag(image.digest, suffix)}", build(image.digest))
        for suffix, build in builders.items()
    ]


def push_referrers(
    target: FakeRegistry | Target,
    image: PushedImage,
    referrers: Sequence[Built],
    *,
    fallback_tag: bool = True,
) -> list[PushedImage]:
    """Push artifacts about an image by digest and, if asked, the index under the fallback tag.

    Clients keep that tag where a registry has no referrers API (distribution 2.8 and 3).
    """
    pushed = [push(target, image.repository, each) for each in referrers]
    if fallback_tag:
        pushed.append(
            push(
                target,
                f"{image.repository}:{cosign_tag(image.digest)}",
                make_index(list(referrers)),
            )
        )
    return pushed


def cache_export(name: str = "cache") -> Built:
    """Build BuildKit's registry cache: an index whose entries are blobs, not manifests."""
    layers = [layer(f"{name} step {number}") for number in range(3)]
    config = _json_blob(
        {"layers": [{"blob": each.digest} for each in layers], "records": []}, CACHE_CONFIG
    )
    entries = [each.descriptor() for each in (*layers, config)]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    body = json.dumps(document, separators=(",", ":")).encode()
    return Built(OCI_INDEX, body, (*layers, config))


def windows_image(
    app: str,
    *,
    os_version: str = "10.0.20348.2700",
    docker: bool = True,
    base_size: int = 120 << 20,
) -> Built:
    """Build a Windows image: a foreign base layer that no registry stores, and one of its own."""
    base = foreign_layer(f"windows base {os_version}", base_size, docker=docker)
    return make_image(
        (base, app),
        platform=f"windows/amd64:{os_version}",
        docker=docker,
        env=(),
        entrypoint=("C:\\app\\app.exe",),
    )


def schema1_image(repository: str, tag: str, texts: Sequence[str] = ("base", "app")) -> Built:
    """Build a signed Docker schema 1 image. Its digest is that of the unsigned document."""
    layers = [layer(text, docker=True) for text in texts]
    newest_first = layers[::-1]
    history = [
        json.dumps({"id": each.digest[7:], "created": "2016-03-01T10:00:00Z", "os": "linux"})
        for each in newest_first
    ]
    body = schema1.sign(repository, tag, [each.digest for each in newest_first], history)
    return Built(schema1.SIGNED, body, tuple(layers), signed_digest=schema1.digest_of_signed(body))


def unknown_manifest(media_type: str = "application/vnd.example.future.v9+json") -> Built:
    """Build a manifest of a type that no reader knows."""
    return Built(media_type, b'{"schemaVersion":9,"parts":["of the future"]}')


def _cosign_config(blob: Blob) -> Blob:
    config = {
        "architecture": "",
        "os": "",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [blob.digest]},
    }
    return _json_blob(config, "application/vnd.oci.image.config.v1+json")


def _json_blob(
    value: object, media_type: str, annotations: Mapping[str, str] | None = None
) -> Blob:
    data = json.dumps(value, separators=(",", ":")).encode()
    return content(data, media_type, annotations)
