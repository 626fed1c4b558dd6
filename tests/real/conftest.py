"""The real registry, filled by a real client."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.builders import HttpTarget
from tests.real_registry import RealRegistry
from tests.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.builders import Built


class Skopeo:
    """`skopeo copy` from an OCI layout on disk to a registry, in either format."""

    def __init__(self, directory: Path, host: str) -> None:
        self._program = require_tool("skopeo")
        self._directory = directory
        self._host = host
        self._layouts = 0

    def push(self, reference: str, built: Built, *, docker: bool = False) -> None:
        """Copy an image, or an index with all that it names. `docker` converts an image."""
        layout = self._layout(built)
        options = ["--all"] if built.children else ["--format", "v2s2" if docker else "oci"]
        subprocess.run(
            [
                *(self._program, "--insecure-policy", "copy", "--quiet", *options),
                *(
                    "--dest-tls-verify=false",
                    f"oci:{layout}:it",
                    f"docker://{self._host}/{reference}",
                ),
            ],
            check=True,
            capture_output=True,
            text=True,
        )

    def _layout(self, built: Built) -> Path:
        self._layouts += 1
        layout = self._directory / f"layout-{self._layouts}"
        blobs = layout / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for each in built.walk():
            (blobs / each.digest.removeprefix("sha256:")).write_bytes(each.body)
            for blob in each.blobs:
                if blob.data is not None:
                    (blobs / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
        entry = {**built.descriptor(), "annotations": {"org.opencontainers.image.ref.name": "it"}}
        (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
        return layout


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealRegistry]:
    with RealRegistry(tmp_path) as real:
        yield real


@pytest.fixture
def skopeo(tmp_path: Path, real: RealRegistry) -> Skopeo:
    return Skopeo(tmp_path, real.host)


@pytest.fixture
def target(real: RealRegistry) -> Iterator[HttpTarget]:
    target = HttpTarget(real.url)
    yield target
    target.close()
