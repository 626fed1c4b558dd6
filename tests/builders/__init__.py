"""Builders of registry content with true digests.

``push(fake, "team/web:1.0")`` is all that most tests need. ``make_image``, ``make_index`` and the
functions of ``artifacts`` return values that ``push`` puts into the fake, or over HTTP into a real
registry (``HttpTarget``).
"""

from tests.builders.artifacts import (
    cache_export,
    cosign_attestation,
    cosign_sbom,
    cosign_signature,
    cosign_tag,
    helm_chart,
    oci_artifact,
    policy_bundle,
    push_cosign,
    push_referrers,
    referrer,
    sbom,
    schema1_image,
    signature,
    unknown_manifest,
    wasm_module,
    windows_image,
)
from tests.builders.blobs import Blob, Empty, content, foreign_layer, layer, phantom_layer
from tests.builders.images import (
    CREATED,
    Built,
    attestation,
    make_image,
    make_index,
    make_manifest,
)
from tests.builders.pushing import HttpTarget, PushedImage, PushRefused, Target, push

__all__ = [
    "CREATED",
    "Blob",
    "Built",
    "Empty",
    "HttpTarget",
    "PushRefused",
    "PushedImage",
    "Target",
    "attestation",
    "cache_export",
    "content",
    "cosign_attestation",
    "cosign_sbom",
    "cosign_signature",
    "cosign_tag",
    "foreign_layer",
    "helm_chart",
    "layer",
    "make_image",
    "make_index",
    "make_manifest",
    "oci_artifact",
    "phantom_layer",
    "policy_bundle",
    "push",
    "push_cosign",
    "push_referrers",
    "referrer",
    "sbom",
    "schema1_image",
    "signature",
    "unknown_manifest",
    "wasm_module",
    "windows_image",
]
