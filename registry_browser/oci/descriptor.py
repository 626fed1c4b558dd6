"""Descriptors: how one document of a registry points to another, or to a blob."""

from typing import Any

import msgspec

from registry_browser.oci import mediatypes
from registry_browser.oci.digest import is_digest
from registry_browser.oci.text import storable, storable_map, storable_or_empty

MAX_LAYERS = 4096
MAX_CHILDREN = 10_000
MAX_CLAIMED = 2**42
"""Bytes (4 TiB) that one blob may claim to have, and all of a manifest together. Whoever may push
may claim anything; of such claims two million, summed up, still fit a bigint."""


class Platform(msgspec.Struct, frozen=True):
    """Where an image runs. `str()` is the usual short form: "linux/arm/v7"."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    os_version: str = ""

    def __str__(self) -> str:
        parts = (self.os or "unknown", self.architecture or "unknown", self.variant)
        return "/".join(part for part in parts if part)

    @property
    def is_unknown(self) -> bool:
        """BuildKit gives attestations the platform "unknown/unknown"."""
        return self.os in ("", "unknown") and self.architecture in ("", "unknown")


class Descriptor(msgspec.Struct, frozen=True):
    """A pointer to content: a valid digest, a size in bytes, a media type without parameters."""

    digest: str
    size: int
    media_type: str
    urls: tuple[str, ...] = ()
    annotations: dict[str, str] = {}
    artifact_type: str | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether the registry need not hold these bytes (Windows base layers)."""
        return mediatypes.is_foreign_layer(self.media_type)


class Child(Descriptor, frozen=True):
    """An entry of an index, or of a list of referrers."""

    platform: Platform | None = None

    @property
    def is_attestation(self) -> bool:
        """BuildKit's provenance and SBOMs travel as index entries with this annotation."""
        return self.annotations.get("vnd.docker.reference.type") == "attestation-manifest"

    @property
    def attests(self) -> str | None:
        """The digest of the image manifest that this attestation speaks about."""
        digest = self.annotations.get("vnd.docker.reference.digest", "")
        return digest if is_digest(digest) else None

    @property
    def is_blob(self) -> bool:
        """Whether this entry names a blob, which cannot be fetched as a manifest."""
        return (
            mediatypes.is_layer(self.media_type)
            or mediatypes.is_image_config(self.media_type)
            or self.media_type == mediatypes.BUILDKIT_CACHE
        )


class Odd(ValueError):
    """Why a document cannot be read: a sentence for a person."""


def children_of(items: Any) -> tuple[Child, ...]:
    """Read the `manifests` of an index or of a list of referrers; Odd if one is broken."""
    if items is None:
        return ()
    if not isinstance(items, list):
        raise Odd("The manifest's manifests are not a list.")
    if len(items) > MAX_CHILDREN:
        raise Odd(f"The manifest lists {len(items):,} manifests; {MAX_CHILDREN:,} are the most.")
    children = []
    for position, item in enumerate(items, 1):
        plain = descriptor_of(item, f"manifest {position}")
        platform = item.get("platform")
        children.append(
            Child(
                plain.digest,
                plain.size,
                plain.media_type,
                plain.urls,
                plain.annotations,
                plain.artifact_type,
                _platform(platform) if isinstance(platform, dict) else None,
            )
        )
    return tuple(children)


def descriptors_of(items: Any, what: str) -> tuple[Descriptor, ...]:
    """Read a list of layers or blobs; Odd if one is broken."""
    if items is None:
        return ()
    if not isinstance(items, list):
        raise Odd(f"The manifest's {what}s are not a list.")
    if len(items) > MAX_LAYERS:
        raise Odd(f"The manifest lists {len(items):,} {what}s; we read {MAX_LAYERS:,} at most.")
    return tuple(
        [descriptor_of(item, f"{what} {position}") for position, item in enumerate(items, 1)]
    )


def descriptor_of(item: Any, what: str) -> Descriptor:
    """Read one descriptor; Odd if its digest or size cannot be believed."""
    if not isinstance(item, dict):
        raise Odd(f"The {what} is not an object.")
    digest = item.get("digest")
    if not isinstance(digest, str) or not is_digest(digest):
        raise Odd(f"The {what} has no valid digest.")
    size = item.get("size")
    if type(size) is not int or not 0 <= size <= MAX_CLAIMED:
        raise Odd(f"The {what} has no believable size.")
    media_type = item.get("mediaType")
    annotations = item.get("annotations")
    urls = item.get("urls")
    artifact_type = item.get("artifactType")
    return Descriptor(
        digest,
        size,
        storable(mediatypes.bare(media_type)) if isinstance(media_type, str) else "",
        tuple(storable(url) for url in urls if isinstance(url, str))
        if isinstance(urls, list)
        else (),
        storable_map(annotations) if annotations else {},
        storable(artifact_type) if isinstance(artifact_type, str) and artifact_type else None,
    )


def _platform(item: dict[str, Any]) -> Platform:
    return Platform(
        storable_or_empty(item.get("os")),
        storable_or_empty(item.get("architecture")),
        storable_or_empty(item.get("variant")),
        storable_or_empty(item.get("os.version")),
    )
