"""Images and indexes as values: a body with a true digest, and everything that it names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.builders.blobs import Blob, Empty, as_docker, content, layer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"

CREATED = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
"""When built images say they were created, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Built:
    """A manifest ready to be pushed, with its blobs and, for an index, its children.

    ``platform`` and ``entry_annotations`` are what an index writes beside it. ``signed_digest``
    overrides the hash of the body for schema 1 alone.
    """

    media_type: str
    body: bytes
    blobs: tuple[Blob, ...] = ()
    children: tuple[Built, ...] = ()
    platform: str | None = None
    artifact_type: str | None = None
    entry_annotations: tuple[tuple[str, str], ...] = ()
    signed_digest: str = ""

    @property
    def digest(self) -> str:
        """``sha256:…`` of the body."""
        return self.signed_digest or f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def document(self) -> dict[str, Any]:
        """The parsed body."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def config_digest(self) -> str | None:
        """The digest of the config, None where there is none."""
        config = self.document.get("config")
        return config["digest"] if config else None

    @property
    def layer_digests(self) -> list[str]:
        """The digests of the layers, base first."""
        return [entry["digest"] for entry in self.document.get("layers", [])]

    def descriptor(self) -> dict[str, Any]:
        """Return the entry that stands for this manifest in an index or as a subject."""
        entry: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.body),
        }
        if self.artifact_type:
            entry["artifactType"] = self.artifact_type
        return entry

    def index_entry(self) -> dict[str, Any]:
        """Return the descriptor with platform and annotations."""
        entry = self.descriptor()
        if self.entry_annotations:
            entry["annotations"] = dict(self.entry_annotations)
        if self.platform:
            entry["platform"] = platform_object(self.platform)
        return entry

    def walk(self) -> Iterator[Built]:
        """Yield everything to push, children before what names them."""
        for child in self.children:
            yield from child.walk()
        yield self


def make_image(
    layers: Sequence[str | Blob | Empty] = ("base", "app"),
    *,
    config: Mapping[str, Any] | None = None,
    platform: str = "linux/amd64",
    docker: bool = False,
    created: datetime | str | None = CREATED,
    env: Sequence[str] = ("PATH=/usr/local/bin:/usr/bin:/bin",),
    entrypoint: Sequence[str] = ("/app",),
    cmd: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    subject: Built | None = None,
    media_type_in_body: bool = True,
) -> Built:
    """Build an image for one platform.

    ``layers`` come base first. A string makes a tiny real layer from that text, so the same string
    is the same layer everywhere; ``Empty`` adds a history line without a layer. ``platform`` is
    ``os/architecture[/variant][:os.version]``. ``config`` is merged over the config document that
    the other arguments make; ``created`` None leaves the time out.
    """
    steps = [layer(step, docker=docker) if isinstance(step, str) else step for step in layers]
    blobs = [step for step in steps if isinstance(step, Blob)]
    if docker:
        blobs = [as_docker(blob) for blob in blobs]
    document = _config(steps, platform, created, env, entrypoint, cmd, labels or {})
    document.update(config or {})
    config_blob = content(_json(document), DOCKER_CONFIG if docker else OCI_CONFIG)
    built = make_manifest(
        config_blob,
        blobs,
        media_type=DOCKER_MANIFEST if docker else OCI_MANIFEST,
        annotations=annotations,
        subject=subject,
        media_type_in_body=media_type_in_body,
    )
    return replace(built, platform=platform)


def make_manifest(
    config: Blob,
    layers: Sequence[Blob],
    *,
    media_type: str = OCI_MANIFEST,
    artifact_type: str | None = None,
    annotations: Mapping[str, str] | None = None,
    subject: Built | None = None,
    media_type_in_body: bool = True,
) -> Built:
    """Build any manifest with a config and layers: images, charts, bundles, signatures."""
    document: dict[str, Any] = {"schemaVersion": 2}
    if media_type_in_body:
        document["mediaType"] = media_type
    if artifact_type:
        document["artifactType"] = artifact_type
    document["config"] = config.descriptor()
    document["layers"] = [blob.descriptor() for blob in layers]
    if subject is not None:
        document["subject"] = subject.descriptor()
    if annotations:
        document["annotations"] = dict(annotations)
    return Built(media_type, _json(document), blobs=(config, *layers), artifact_type=artifact_type)


def make_index(
    children: Sequence[Built] | None = None,
    *,
    docker: bool = False,
    attestations: bool = False,
    annotations: Mapping[str, str] | None = None,
    subject: Built | None = None,
    platform: str | None = None,
) -> Built:
    """Build an index (``docker``: a manifest list) of images, other indexes or artifacts.

    Without ``children`` it names two images, linux/amd64 and linux/arm64. ``attestations`` adds for
    each image child the provenance and SBOM manifest that BuildKit pushes beside it.
    """
    if children is None:
        platforms = ("linux/amd64", "linux/arm64/v8")
        children = [
            make_image(("base " + each, "app " + each), platform=each, docker=docker)
            for each in platforms
        ]
    named = list(children)
    if attestations:
        named += [attestation(child) for child in children if not child.children]
    media_type = DOCKER_LIST if docker else OCI_INDEX
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [child.index_entry() for child in named],
    }
    if subject is not None:
        document["subject"] = subject.descriptor()
    if annotations:
        document["annotations"] = dict(annotations)
    return Built(media_type, _json(document), children=tuple(named), platform=platform)


def attestation(image: Built) -> Built:
    """Build BuildKit's attestation manifest of an image: provenance and SBOM as in-toto layers."""
    layers = [
        content(
            _json(
                {
                    "_type": "https://in-toto.io/Statement/v0.1",
                    "predicateType": predicate,
                    "subject": [{"name": "image", "digest": {"sha256": image.digest[7:]}}],
                    "predicate": {},
                }
            ),
            "application/vnd.in-toto+json",
            {"in-toto.io/predicate-type": predicate},
        )
        for predicate in ("https://spdx.dev/Document", "https://slsa.dev/provenance/v0.2")
    ]
    config = {
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [blob.digest for blob in layers]},
    }
    built = make_manifest(content(_json(config), OCI_CONFIG), layers)
    return replace(
        built,
        platform="unknown/unknown",
        entry_annotations=(
            ("vnd.docker.reference.digest", image.digest),
            ("vnd.docker.reference.type", "attestation-manifest"),
        ),
    )


def platform_object(platform: str) -> dict[str, str]:
    """Return the JSON object for ``os/architecture[/variant][:os.version]``."""
    names, _, version = platform.partition(":")
    os, architecture, *variant = names.split("/")
    entry = {"architecture": architecture, "os": os}
    if version:
        entry["os.version"] = version
    if variant:
        entry["variant"] = variant[0]
    return entry


def _config(
    steps: Sequence[Blob | Empty],
    platform: str,
    created: datetime | str | None,
    env: Sequence[str],
    entrypoint: Sequence[str],
    cmd: Sequence[str],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    moment = (
        created.isoformat().replace("+00:00", "Z") if isinstance(created, datetime) else created
    )
    container: dict[str, Any] = {"Env": list(env), "WorkingDir": "/"}
    if entrypoint:
        container["Entrypoint"] = list(entrypoint)
    if cmd:
        container["Cmd"] = list(cmd)
    if labels:
        container["Labels"] = dict(labels)
    history = []
    for step in steps:
        entry: dict[str, Any] = {"created_by": step.created_by}
        if moment is not None:
            entry["created"] = moment
        if isinstance(step, Empty):
            entry["empty_layer"] = True
        history.append(entry)
    document: dict[str, Any] = {
        **platform_object(platform),
        "config": container,
        "rootfs": {
            "type": "layers",
            "diff_ids": [step.diff_id for step in steps if isinstance(step, Blob)],
        },
        "history": history,
    }
    if moment is not None:
        document["created"] = moment
    return document


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=False).encode()
