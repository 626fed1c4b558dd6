"""Manifests: the documents that a registry names by digest (fact sheet section 5.2).

`parse_manifest` never raises. What cannot be read becomes a Manifest of kind "unparsed" that says
why: its references are unknown, so nothing may be concluded from it, least of all that something
is unused. It is called for every manifest of a first sync and therefore kept lean.
"""

import base64
import binascii
from hashlib import sha256
from typing import Any, Literal

import msgspec

from registry_browser.oci import mediatypes
from registry_browser.oci.descriptor import (
    MAX_CLAIMED,
    MAX_LAYERS,
    Child,
    Descriptor,
    Odd,
    Platform,
    children_of,
    descriptor_of,
    descriptors_of,
)
from registry_browser.oci.digest import Digest, is_digest
from registry_browser.oci.text import storable, storable_map, storable_or_empty

MAX_BODY = 4 * 1024 * 1024
"""Bytes. What the distribution-spec asks registries to accept, and what distribution enforces."""
__all__ = [
    "MAX_BODY",
    "Child",
    "Descriptor",
    "Manifest",
    "Platform",
    "parse_manifest",
    "schema1_digest",
    "verify",
]

Kind = Literal["image", "index", "artifact", "schema1", "unparsed"]

_decode = msgspec.json.Decoder().decode


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest's bytes say.

    `layers` are in the order in which they are applied, oldest first; for an artifact they are its
    blobs. A BuildKit cache export is an index whose entries are blobs: those are given as `layers`
    and `config`, `children` is empty, and `is_cache_export` is set. Schema 1 knows no sizes: they
    are 0. `problem` is a sentence, present exactly when `kind` is "unparsed".
    """

    media_type: str
    kind: Kind
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Child, ...] = ()
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}
    is_cache_export: bool = False
    platform: Platform | None = None
    problem: str | None = None

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The config, if there is one, and the layers."""
        return (self.config, *self.layers) if self.config else self.layers


def parse_manifest(body: bytes, media_type: str | None) -> Manifest:
    """Read a manifest of any known format. `media_type` is the Content-Type it was served with."""
    served_as = mediatypes.bare(media_type) if media_type else ""
    try:
        manifest = _parse(body, served_as)
        if sum(blob.size for blob in manifest.blobs) > MAX_CLAIMED:
            raise Odd("The manifest's layers name more bytes than is believable.")
        return manifest
    except Odd as odd:
        return Manifest(media_type=storable(served_as), kind="unparsed", problem=str(odd))


def schema1_digest(body: bytes) -> str:
    """Return the digest of a schema 1 manifest: that of its payload, without the signatures.

    The payload is the first `formatLength` bytes of the body followed by `formatTail`, both taken
    from the first signature's protected header (Docker's manifest-v2-1.md; seen on distribution
    2.8.2). A body without signatures is its own payload.
    """
    payload = body
    try:
        signature = _decode(body)["signatures"][0]
        protected = _decode(_base64url(signature["protected"]))
        length, tail = protected["formatLength"], _base64url(protected["formatTail"])
    except (KeyError, IndexError, TypeError, ValueError, RecursionError, binascii.Error):
        length, tail = None, b""
    if isinstance(length, int) and 0 < length <= len(body):
        payload = body[:length] + tail
    return f"sha256:{sha256(payload).hexdigest()}"


def verify(body: bytes, digest: str, media_type: str | None) -> bool:
    """Whether these bytes are the manifest named by this digest, schema 1's own rule included."""
    if Digest.parse(digest).verifies(body):
        return True
    looks_signed = media_type is None or not mediatypes.is_manifest(media_type)
    if looks_signed or mediatypes.is_schema1(media_type or ""):
        return b'"signatures"' in body and schema1_digest(body) == digest
    return False


def _parse(body: bytes, served_as: str) -> Manifest:
    if len(body) > MAX_BODY:
        raise Odd(f"The manifest has {len(body):,} bytes; {MAX_BODY:,} are the most we read.")
    try:
        document = _decode(body)
    except (ValueError, RecursionError):
        raise Odd("The manifest is not JSON.") from None
    if not isinstance(document, dict):
        raise Odd("The manifest is not a JSON object.")
    if "manifests" in document:
        return _index(document, served_as)
    if "fsLayers" in document:
        return _schema1(document, served_as)
    if "layers" in document or "config" in document:
        return _image(document, served_as)
    if "blobs" in document:
        return _blob_artifact(document, served_as)
    inner = storable_or_empty(document.get("mediaType")) or served_as
    if inner in mediatypes.ARTIFACT_MANIFEST_TYPES:
        return _blob_artifact(document, served_as)
    raise Odd("The manifest lists neither layers nor other manifests.")


def _image(document: dict[str, Any], served_as: str) -> Manifest:
    if "blobs" in document:
        raise Odd("The manifest has both layers and blobs, so its meaning is ambiguous.")
    media_type = _media_type(
        document, served_as, mediatypes.IMAGE_MANIFEST_TYPES, mediatypes.OCI_MANIFEST
    )
    layers = descriptors_of(document.get("layers"), "layer")
    config = descriptor_of(document["config"], "config") if document.get("config") else None
    artifact_type = _artifact_type(document, config, layers)
    if config is None and artifact_type is None:
        raise Odd("The manifest has no config.")
    return Manifest(
        media_type=media_type,
        kind="image" if artifact_type is None else "artifact",
        artifact_type=artifact_type,
        config=config,
        layers=layers,
        subject=_subject(document),
        annotations=storable_map(document.get("annotations")),
        is_cache_export=artifact_type == mediatypes.BUILDKIT_CACHE,
    )


def _index(document: dict[str, Any], served_as: str) -> Manifest:
    for key in ("layers", "config", "fsLayers", "blobs"):
        # One document that is an index to one reader and an image to another is an attack
        # (CVE-2021-41190), or at best a mistake.
        if key in document:
            raise Odd(f"The manifest has both manifests and {key}, so its meaning is ambiguous.")
    media_type = _media_type(document, served_as, mediatypes.INDEX_TYPES, mediatypes.OCI_INDEX)
    children = children_of(document["manifests"])
    caches = [child for child in children if child.media_type == mediatypes.BUILDKIT_CACHE]
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    if caches:
        config = caches[0]
        layers = tuple(child for child in children if child is not config)
        children = ()
    declared = document.get("artifactType")
    return Manifest(
        media_type=media_type,
        kind="index",
        artifact_type=(storable_or_empty(declared) or None)
        or (mediatypes.BUILDKIT_CACHE if caches else None),
        config=config,
        layers=layers,
        children=children,
        subject=_subject(document),
        annotations=storable_map(document.get("annotations")),
        is_cache_export=bool(caches),
    )


def _blob_artifact(document: dict[str, Any], served_as: str) -> Manifest:
    """The artifact manifests of ORAS and of the OCI release candidates, still met in ACR."""
    return Manifest(
        media_type=_media_type(
            document, served_as, mediatypes.ARTIFACT_MANIFEST_TYPES, mediatypes.OCI_ARTIFACT
        ),
        kind="artifact",
        artifact_type=storable_or_empty(document.get("artifactType"))
        or "application/vnd.unknown.artifact.v1",
        layers=descriptors_of(document.get("blobs"), "blob"),
        subject=_subject(document),
        annotations=storable_map(document.get("annotations")),
    )


def _schema1(document: dict[str, Any], served_as: str) -> Manifest:
    if "layers" in document or "config" in document or "blobs" in document:
        raise Odd("The manifest mixes schema 1 and schema 2, so its meaning is ambiguous.")
    items = document["fsLayers"]
    if not isinstance(items, list) or len(items) > MAX_LAYERS:
        raise Odd(f"The manifest's fsLayers are not a list of at most {MAX_LAYERS:,}.")
    layers = []
    for position, item in enumerate(reversed(items)):
        digest = item.get("blobSum") if isinstance(item, dict) else None
        if not isinstance(digest, str) or not is_digest(digest):
            raise Odd(f"Layer {position + 1} has no valid digest.")
        layers.append(Descriptor(digest, 0, "application/vnd.docker.image.rootfs.diff.tar.gzip"))
    return Manifest(
        media_type=_media_type(
            document, served_as, mediatypes.SCHEMA1_TYPES, mediatypes.DOCKER_SCHEMA1
        )
        if "signatures" not in document
        else mediatypes.DOCKER_SCHEMA1_SIGNED,
        kind="schema1",
        layers=tuple(layers),
        platform=_schema1_platform(document),
    )


def _schema1_platform(document: dict[str, Any]) -> Platform:
    """The newest history entry holds the image's old configuration, as JSON within JSON."""
    try:
        newest = _decode(document["history"][0]["v1Compatibility"])
        system = storable_or_empty(newest.get("os"))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError):
        system = ""
    return Platform(system or "linux", storable_or_empty(document.get("architecture")))


def _media_type(
    document: dict[str, Any], served_as: str, family: frozenset[str], default: str
) -> str:
    """Return the document's own type, else the served one, else the default for its shape.

    A type that belongs to another shape is refused: two readers could take the same bytes for two
    different things. Content types that are no manifest types ("text/plain" from ECR) say nothing.
    """
    inner = document.get("mediaType")
    if isinstance(inner, str) and inner:
        if mediatypes.bare(inner) not in family:
            raise Odd(f"The manifest calls itself {storable(inner)[:100]} and looks different.")
        return mediatypes.bare(inner)
    if served_as in family:
        return served_as
    if served_as in mediatypes.MANIFEST_TYPES:
        raise Odd(f"The manifest was served as {served_as} and looks different.")
    return default


def _artifact_type(
    document: dict[str, Any], config: Descriptor | None, layers: tuple[Descriptor, ...]
) -> str | None:
    """Return what kind of artifact this is, None for a container image (image-spec manifest.md)."""
    declared = storable_or_empty(document.get("artifactType"))
    if declared and not mediatypes.is_image_config(declared):
        return declared
    if config is None:
        return None
    if not mediatypes.is_image_config(config.media_type):
        if config.media_type == mediatypes.OCI_EMPTY and layers:
            return layers[0].media_type
        return config.media_type
    if layers and all(mediatypes.names_an_artifact_layer(layer.media_type) for layer in layers):
        return layers[0].media_type
    return None


def _subject(document: dict[str, Any]) -> Descriptor | None:
    subject = document.get("subject")
    return descriptor_of(subject, "subject") if subject else None


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
