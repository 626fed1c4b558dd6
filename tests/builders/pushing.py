"""Putting what was built into a registry: straight into the fake's store, or over HTTP."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from tests.builders.images import Built, make_image
from tests.fake_registry import FakeRegistry, digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class Target(Protocol):
    """Where content can be put. ``Store`` is one, ``HttpTarget`` another."""

    def put_blob(self, name: str, data: bytes, digest: str = "") -> str: ...

    def put_phantom_blob(self, name: str, digest: str, size: int) -> None: ...

    def put_manifest(
        self, name: str, reference: str | None, media_type: str, body: bytes, digest: str = ""
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class PushedImage:
    """What a push left in a registry. ``tag`` is None when it was pushed by digest."""

    repository: str
    tag: str | None
    built: Built

    @property
    def digest(self) -> str:
        """The digest of the manifest or index."""
        return self.built.digest

    @property
    def media_type(self) -> str:
        """Its media type."""
        return self.built.media_type

    @property
    def body(self) -> bytes:
        """Its exact bytes."""
        return self.built.body

    @property
    def config_digest(self) -> str | None:
        """The digest of the config, None for an index."""
        return self.built.config_digest

    @property
    def layer_digests(self) -> list[str]:
        """The digests of the layers, base first; empty for an index."""
        return self.built.layer_digests

    @property
    def children(self) -> tuple[Built, ...]:
        """What an index names, attestations included."""
        return self.built.children


def push(
    target: FakeRegistry | Target, reference: str, built: Built | None = None, **options: Any
) -> PushedImage:
    """Put ``built`` with all it names into a registry, and tag it.

    ``reference`` is ``path/name:tag``, or ``path/name`` to push by digest, without a tag. Without
    ``built``, an image is made with ``options`` (those of ``make_image``); its default layers are
    a base shared by all and one of its own.
    """
    repository, _, tag = reference.partition(":")
    if built is None:
        options.setdefault("layers", ("base", reference))
        built = make_image(**options)
    elif options:
        raise TypeError("options make an image; give them or a built one, not both")
    place: Target = target.store if isinstance(target, FakeRegistry) else target
    for each in built.walk():
        for blob in each.blobs:
            if blob.data is not None:
                place.put_blob(repository, blob.data, blob.digest)
            elif blob.stored:
                place.put_phantom_blob(repository, blob.digest, blob.size)
        wanted = tag if each is built and tag else None
        place.put_manifest(repository, wanted, each.media_type, each.body, each.signed_digest)
    return PushedImage(repository, tag or None, built)


class PushRefused(Exception):
    """A registry did not take what was pushed; carries its status and words."""

    def __init__(self, what: str, status: int, body: bytes) -> None:
        super().__init__(f"{what}: {status} {body.decode(errors='replace')}")
        self.status = status


class HttpTarget:
    """Pushes over the wire, for the real registry as for the fake. No credentials, no retries.

    ``url`` is the registry's address, such as ``http://127.0.0.1:5000``.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._connection = http.client.HTTPConnection(*self._address, timeout=60)

    def put_blob(self, name: str, data: bytes, digest: str = "") -> str:
        """Upload a blob unless the repository has it; return its digest. Raises PushRefused."""
        digest = digest or digest_of(data)
        if self._ask("HEAD", f"/v2/{name}/blobs/{digest}")[0] == 200:
            return digest
        status, headers, body = self._ask("POST", f"/v2/{name}/blobs/uploads/")
        if status != 202:
            raise PushRefused(f"upload to {name}", status, body)
        parts = urlsplit(headers["location"])
        query = f"{parts.query}&" if parts.query else ""
        place = f"{parts.path}?{query}digest={quote(digest)}"
        status, _, body = self._ask(
            "PUT", place, data, {"Content-Type": "application/octet-stream"}
        )
        if status != 201:
            raise PushRefused(f"blob {digest} in {name}", status, body)
        return digest

    def put_phantom_blob(self, name: str, digest: str, size: int) -> None:
        """Raise TypeError: only the fake can hold a blob without content."""
        raise TypeError(f"{name}: a phantom layer cannot be pushed over HTTP")

    def put_manifest(
        self, name: str, reference: str | None, media_type: str, body: bytes, digest: str = ""
    ) -> str:
        """Push a manifest by tag, or by digest if ``reference`` is None. Raises PushRefused."""
        digest = digest or digest_of(body)
        place = f"/v2/{name}/manifests/{reference or digest}"
        status, _, answer = self._ask("PUT", place, body, {"Content-Type": media_type})
        if status != 201:
            raise PushRefused(f"manifest {name}:{reference or digest}", status, answer)
        return digest

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        self._connection.request(method, path, body or None, dict(headers or {}))
        answer = self._connection.getresponse()
        data = answer.read()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
