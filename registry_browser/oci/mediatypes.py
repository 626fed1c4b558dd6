"""Media types: what a document or a blob says that it is (fact sheet sections 5.1 and 5.3)."""

from functools import lru_cache

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_PLUGIN_CONFIG = "application/vnd.docker.plugin.v1+json"

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
ORAS_ARTIFACT = "application/vnd.cncf.oras.artifact.manifest.v1+json"

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
BUILDKIT_CACHE = "application/vnd.buildkit.cacheconfig.v0"
IN_TOTO = "application/vnd.in-toto+json"

ACCEPT_MANIFESTS = ", ".join(
    (
        OCI_INDEX,
        OCI_MANIFEST,
        DOCKER_LIST,
        DOCKER_MANIFEST,
        OCI_ARTIFACT,
        ORAS_ARTIFACT,
        # Last, since some registries take the first type they can convert to.
        DOCKER_SCHEMA1_SIGNED,
        DOCKER_SCHEMA1,
    )
)
"""The Accept header of every manifest request. A type that is missing here is answered by
distribution 2.8.2 with 404 or with a rewritten document, so all of them are always listed."""

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
IMAGE_MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
ARTIFACT_MANIFEST_TYPES = frozenset({OCI_ARTIFACT, ORAS_ARTIFACT})
SCHEMA1_TYPES = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})
MANIFEST_TYPES = INDEX_TYPES | IMAGE_MANIFEST_TYPES | ARTIFACT_MANIFEST_TYPES | SCHEMA1_TYPES
IMAGE_CONFIG_TYPES = frozenset({OCI_CONFIG, DOCKER_CONFIG})

_LAYER_PREFIXES = (
    "application/vnd.docker.image.rootfs.",
    "application/vnd.oci.image.layer.",
)
_FOREIGN_PREFIXES = (
    "application/vnd.docker.image.rootfs.foreign.",
    "application/vnd.oci.image.layer.nondistributable.",
)

_ARTIFACT_NAMES = {
    HELM_CONFIG: "Helm chart",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip": "Helm chart",
    "application/vnd.cncf.helm.chart.provenance.v1.prov": "Helm provenance",
    "application/vnd.acr.helm.chart": "Helm chart",
    "application/vnd.cncf.openpolicyagent.config.v1+json": "OPA policy bundle",
    "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego": "OPA policy bundle",
    "application/vnd.cncf.openpolicyagent.data.layer.v1+json": "OPA policy bundle",
    "application/vnd.cncf.openpolicyagent.manifest.layer.v1+json": "OPA policy bundle",
    "application/vnd.dev.cosign.simplesigning.v1+json": "cosign signature",
    "application/vnd.dev.cosign.artifact.sig.v1+json": "cosign signature",
    "application/vnd.dev.cosign.artifact.sbom.v1+json": "cosign SBOM",
    "application/vnd.dsse.envelope.v1+json": "cosign attestation",
    "application/vnd.cncf.notary.signature": "Notation signature",
    IN_TOTO: "in-toto attestation",
    "application/spdx+json": "SPDX SBOM",
    "text/spdx": "SPDX SBOM",
    "text/spdx+json": "SPDX SBOM",
    "text/spdx+xml": "SPDX SBOM",
    "application/vnd.cyclonedx": "CycloneDX SBOM",
    "application/vnd.cyclonedx+json": "CycloneDX SBOM",
    "application/vnd.cyclonedx+xml": "CycloneDX SBOM",
    "application/vnd.syft+json": "Syft SBOM",
    "application/sarif+json": "SARIF report",
    "application/vnd.wasm.config.v0+json": "WebAssembly module",
    "application/vnd.wasm.config.v1+json": "WebAssembly module",
    "application/vnd.wasm.content.layer.v1+wasm": "WebAssembly module",
    "application/wasm": "WebAssembly module",
    BUILDKIT_CACHE: "BuildKit cache",
    DOCKER_PLUGIN_CONFIG: "Docker plugin",
    "application/vnd.ansible.collection": "Ansible collection",
    "application/vnd.cncf.flux.config.v1+json": "Flux source",
    "application/vnd.unknown.artifact.v1": "artifact",
}
_ARTIFACT_NAME_PREFIXES = (
    ("application/vnd.dev.sigstore.bundle", "Sigstore bundle"),
    ("application/vnd.cncf.helm.", "Helm chart"),
    ("application/vnd.cncf.openpolicyagent.", "OPA policy bundle"),
    ("application/vnd.module.wasm.", "WebAssembly module"),
    ("application/vnd.wasm.", "WebAssembly module"),
    ("application/vnd.buildkit.", "BuildKit cache"),
    ("application/vnd.cyclonedx", "CycloneDX SBOM"),
    ("text/spdx", "SPDX SBOM"),
)

_NAMED_IMAGE_TYPES = IMAGE_CONFIG_TYPES | {OCI_EMPTY}


def bare(media_type: str) -> str:
    """Return a media type without its parameters, in lower case: they are compared that way."""
    return media_type.partition(";")[0].strip().lower()


def is_image(media_type: str) -> bool:
    """Whether a document of this type describes one image, or an artifact dressed as one."""
    return bare(media_type) in IMAGE_MANIFEST_TYPES


def is_manifest(media_type: str) -> bool:
    """Whether something of this type is fetched as a manifest, not as a blob."""
    return bare(media_type) in MANIFEST_TYPES


def is_schema1(media_type: str) -> bool:
    """Whether this is Docker's first manifest format, signed or not."""
    return bare(media_type) in SCHEMA1_TYPES


def is_layer(media_type: str) -> bool:
    """Whether this is a file system layer of an image, whatever its compression."""
    return bare(media_type).startswith(_LAYER_PREFIXES)


def is_foreign_layer(media_type: str) -> bool:
    """Whether a layer of this type is kept elsewhere, so that the registry stores none of it."""
    return bare(media_type).startswith(_FOREIGN_PREFIXES)


def is_image_config(media_type: str) -> bool:
    """Whether this is the configuration of a container image."""
    return bare(media_type) in IMAGE_CONFIG_TYPES


@lru_cache(maxsize=1024)
def artifact_name(media_type: str | None) -> str | None:
    """Return what people call an artifact of this type: "Helm chart", "SPDX SBOM" …

    The type may be an artifact type, a config's type or a layer's. None for image types and for
    types that nobody has told us about; show the bare type for those.
    """
    if not media_type:
        return None
    plain = bare(media_type)
    if plain in _NAMED_IMAGE_TYPES:
        return None
    if name := _ARTIFACT_NAMES.get(plain):
        return name
    return next((name for start, name in _ARTIFACT_NAME_PREFIXES if plain.startswith(start)), None)


def names_an_artifact_layer(media_type: str) -> bool:
    """Whether a layer of this type is an artifact's content and no file system.

    cosign and BuildKit store signatures and attestations in manifests with an ordinary image
    config; only their layers give them away.
    """
    return not is_layer(media_type) and artifact_name(media_type) is not None
