"""Images written straight into the storage of CNCF distribution, thousands of them in seconds.

Its layout is the one that distribution 2.8 and 3 read (`registry/storage/paths.go`). Layers are
named and not there: a sync fetches manifests and configs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders import make_image, phantom_layer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders import Built

_BASES = 20


class Storage:
    """The storage directory of a registry that is not running yet, or rests."""

    def __init__(self, root: Path) -> None:
        self._root = root / "docker/registry/v2"

    def put(self, repository: str, tag: str, image: Built) -> None:
        """Store one image without its layers, and tag it."""
        place = self._root / "repositories" / repository
        config = image.blobs[0]
        self._put_blob(config.digest, config.data or b"")
        self._put_blob(image.digest, image.body)
        self._link(place / "_layers", config.digest)
        self._link(place / "_manifests/revisions", image.digest)
        tagged = place / "_manifests/tags" / tag
        self._link(tagged / "index", image.digest)
        _write(tagged / "current/link", image.digest.encode())

    def _put_blob(self, digest: str, data: bytes) -> None:
        encoded = digest.removeprefix("sha256:")
        _write(self._root / "blobs/sha256" / encoded[:2] / encoded / "data", data)

    def _link(self, place: Path, digest: str) -> None:
        _write(place / "sha256" / digest.removeprefix("sha256:") / "link", digest.encode())


def fill(storage: Storage, repositories: int, tags: int, *, prefix: str = "team") -> None:
    """Store `tags` distinct images in each repository: ten layers, five from a shared base, three
    of the repository and two of the image.
    """
    for number in range(repositories):
        path = f"{prefix}-{number // 20}/app-{number}"
        for tag in range(tags):
            storage.put(path, f"1.{tag}.0", image(path, number, tag))


def image(path: str, number: int, tag: int) -> Built:
    """One image; the same arguments make the same image."""
    texts = [f"base {number % _BASES} {step}" for step in range(5)]
    texts += [f"{path} {step}" for step in range(3)]
    texts += [f"{path} {tag} {step}" for step in range(2)]
    layers = [phantom_layer(text, len(text) * 100_000) for text in texts]
    return make_image(layers, labels={"version": f"1.{tag}.0", "path": path})


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
