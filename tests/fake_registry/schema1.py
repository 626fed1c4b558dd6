"""Docker schema 1: the old manifest whose digest is that of the document without its signatures.

The signature itself is made of the right parts but is not verifiable; no reader of metadata checks
it, and the digest rule, which readers must get right, does not depend on it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

UNSIGNED = "application/vnd.docker.distribution.manifest.v1+json"
SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
MEDIA_TYPES = (UNSIGNED, SIGNED)


def sign(repository: str, tag: str, blob_sums: Sequence[str], history: Sequence[str]) -> bytes:
    """Return a signed document. Layers and ``v1Compatibility`` strings come newest first."""
    document = {
        "schemaVersion": 1,
        "name": repository,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": digest} for digest in blob_sums],
        "history": [{"v1Compatibility": entry} for entry in history],
    }
    payload = json.dumps(document, indent=3).encode()
    # The signatures go before the closing brace: the payload is head + tail.
    head, tail = payload[: payload.rindex(b"\n}")], b"\n}"
    protected = {
        "formatLength": len(head),
        "formatTail": _encode(tail),
        "time": "2016-03-01T10:00:00Z",
    }
    signature = {
        "header": {"jwk": {"crv": "P-256", "kty": "EC", "kid": "FAKE"}, "alg": "ES256"},
        "signature": _encode(hashlib.sha512(payload).digest()),
        "protected": _encode(json.dumps(protected, separators=(",", ":")).encode()),
    }
    signatures = json.dumps([signature], indent=3).encode()
    return head + b',\n   "signatures": ' + signatures + tail


def digest_of_signed(body: bytes) -> str:
    """Return the digest of a document without its signatures (of the whole, if it has none)."""
    document = json.loads(body)
    signatures = document.get("signatures")
    if not signatures:
        return f"sha256:{hashlib.sha256(body).hexdigest()}"
    protected = json.loads(_decode(signatures[0]["protected"]))
    payload = body[: protected["formatLength"]] + _decode(protected["formatTail"])
    return f"sha256:{hashlib.sha256(payload).hexdigest()}"


def rewrite(repository: str, tag: str, manifest: dict[str, Any]) -> tuple[bytes, str]:
    """Return what 2.8.2 makes of a schema 2 manifest for an old client, and its other digest."""
    layers = [layer["digest"] for layer in manifest.get("layers", [])][::-1]
    history = [json.dumps({"id": digest.partition(":")[2]}) for digest in layers]
    body = sign(repository, tag, layers, history)
    return body, digest_of_signed(body)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
