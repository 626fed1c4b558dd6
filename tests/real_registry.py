"""The real CNCF distribution registry (2.8.2, Debian's ``docker-registry``) as a running server."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.tools import require_tool

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CONFIG = """\
version: 0.1
log:
  level: info
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {root}
  delete:
    enabled: {deletion}
http:
  addr: 127.0.0.1:{port}
  secret: a secret of the tests
"""

_TLS = """\
  tls:
    certificate: {certificate}
    key: {key}
"""

_NOTIFICATIONS = """\
notifications:
  endpoints:
    - name: dashboard
      url: {url}
      headers:
        Authorization: [Bearer {secret}]
      timeout: 5s
      threshold: 5
      backoff: 1s
      ignore:
        mediatypes: [application/octet-stream]
        actions: [pull]
"""


@dataclass(frozen=True, slots=True)
class Notified:
    """Whom a registry tells of its events: an address, and the token that it sends along."""

    url: str
    secret: str


class RealRegistry:
    """``docker-registry serve`` on ``port`` of 127.0.0.1 (0: a free one), storing under
    ``directory`` and telling ``notified`` of its events. ``certificate``, a file and that of its
    key, serves https.

    A context manager. Where the program is missing the test is skipped, or fails with ``CI=true``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        deletion: bool = True,
        port: int = 0,
        notified: Notified | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self._program = require_tool("docker-registry")
        self.root = directory / "data"
        self._config = directory / "config.yml"
        text = _CONFIG.format(root=self.root, deletion=str(deletion).lower(), port=port)
        self._scheme = "http" if certificate is None else "https"
        if certificate is not None:
            text += _TLS.format(certificate=certificate[0], key=certificate[1])
        if notified is not None:
            text += _NOTIFICATIONS.format(url=notified.url, secret=notified.secret)
        self._config.write_text(text)
        self.host = ""

    @property
    def url(self) -> str:
        """The address clients connect to."""
        return f"{self._scheme}://{self.host}"

    def __enter__(self) -> Self:
        """Start it and return when it listens. Raises RuntimeError with its output if it ends."""
        self._process = subprocess.Popen(
            [self._program, "serve", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.host = self._listening_address()
        # Its log must be read on, or the pipe fills and the registry stands still.
        self._drain = threading.Thread(target=self._read_log, daemon=True)
        self._drain.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._drain.join()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def garbage_collect(self, *, delete_untagged: bool = False) -> str:
        """Run ``docker-registry garbage-collect`` on the same storage and return its output."""
        command = [self._program, "garbage-collect", str(self._config)]
        if delete_untagged:
            command.append("--delete-untagged")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def stored_bytes(self) -> int:
        """Return the bytes of all blobs on disk, manifests included."""
        blobs = self.root / "docker/registry/v2/blobs"
        return sum(path.stat().st_size for path in blobs.rglob("data"))

    def _listening_address(self) -> str:
        lines: list[str] = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            lines.append(line)
            if "listening on " in line:
                said = str(line).partition("listening on ")[2].split('"')[0]
                return said.partition(",")[0].strip()  # "127.0.0.1:5000, tls"
        self._process.wait()
        raise RuntimeError(f"docker-registry did not start: {''.join(lines)}")

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for _ in self._process.stderr:
            pass
