"""Blobs with true digests: layers as real tar.gz bytes, phantoms, foreign layers, any content."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that a manifest names. ``data`` None: the registry does not hold them.

    ``size`` is in bytes, compressed. ``created_by`` is the history line of a layer, ``diff_id``
    the digest of its uncompressed bytes. ``stored`` False marks a foreign layer: it is not pushed.
    """

    digest: str
    size: int
    media_type: str
    data: bytes | None = None
    created_by: str = ""
    diff_id: str = ""
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    stored: bool = True

    def descriptor(self) -> dict[str, Any]:
        """Return the entry that stands for this blob in a manifest."""
        entry: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.urls:
            entry["urls"] = list(self.urls)
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry


@dataclass(frozen=True, slots=True)
class Empty:
    """A history line that made no layer (``ENV``, ``LABEL``, ``CMD``…)."""

    created_by: str


def content(
    data: bytes, media_type: str, annotations: Mapping[str, str] | None = None, created_by: str = ""
) -> Blob:
    """Return a blob of exactly these bytes."""
    return Blob(
        _sha256(data), len(data), media_type, data, created_by, annotations=annotations or _NOTHING
    )


def layer(text: str, *, size: int = 0, created_by: str = "", docker: bool = False) -> Blob:
    """Return a tar.gz layer that holds one file with ``text``: the same text, the same layer.

    ``size`` asks for about so many compressed bytes more, of deterministic noise.
    """
    archive = _tar(text, size)
    data = gzip.compress(archive, mtime=0)
    media_type = DOCKER_LAYER if docker else OCI_LAYER
    line = created_by or f"COPY {text} / # buildkit"
    return Blob(_sha256(data), len(data), media_type, data, line, _sha256(archive))


def phantom_layer(text: str, size: int, *, created_by: str = "", docker: bool = False) -> Blob:
    """Return a layer that is only declared: ``size`` bytes, but no content anywhere.

    Its digest is a stable hash of ``text`` and ``size`` and so is *not* the hash of any bytes. HEAD
    finds it, GET answers 404. Use it for demonstrations with gigabytes, where nobody reads layers;
    never where bytes are compared.
    """
    digest = _sha256(f"phantom layer {text} {size}".encode())
    diff_id = _sha256(f"phantom content {text} {size}".encode())
    media_type = DOCKER_LAYER if docker else OCI_LAYER
    return Blob(digest, size, media_type, None, created_by or f"RUN {text}", diff_id)


def foreign_layer(text: str, size: int, *, created_by: str = "", docker: bool = False) -> Blob:
    """Return a non-distributable layer of ``size`` bytes, as Windows base images have them.

    It is named in manifests with its ``urls`` and never stored in the registry.
    """
    digest = _sha256(f"foreign layer {text} {size}".encode())
    diff_id = _sha256(f"foreign content {text} {size}".encode())
    media_type = DOCKER_FOREIGN_LAYER if docker else OCI_FOREIGN_LAYER
    url = f"https://mcr.example.com/v2/windows/blobs/{digest}"
    return Blob(
        digest, size, media_type, None, created_by or text, diff_id, urls=(url,), stored=False
    )


def as_docker(blob: Blob) -> Blob:
    """Return the same layer under Docker's media type; other blobs are returned unchanged."""
    types = {OCI_LAYER: DOCKER_LAYER, OCI_FOREIGN_LAYER: DOCKER_FOREIGN_LAYER}
    if blob.media_type not in types:
        return blob
    return Blob(
        blob.digest,
        blob.size,
        types[blob.media_type],
        blob.data,
        blob.created_by,
        blob.diff_id,
        blob.urls,
        blob.annotations,
        blob.stored,
    )


@functools.lru_cache(maxsize=512)
def _tar(text: str, size: int) -> bytes:
    files = [("content.txt", text.encode())]
    if size:
        files.append(("noise.bin", hashlib.shake_256(text.encode()).digest(size)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
