"""The whole dashboard as a person starts it, over a company's registry: `manage.py up`.

Web, worker, scheduler, Postgres and broker are the real ones, in a home of their own; the tests
speak to it as browsers do, and share it, since starting takes longer than looking.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from dashboard.lease import Lease
from dashboard.postgres import EmbeddedPostgres
from tests.builders import layer, make_image, push
from tests.fake_registry import FakeRegistry
from tests.fake_registry.company import Company
from tests.homes import remove_home
from tests.worker.stage import POSTGRES_OPTIONS, dies_with_us

if TYPE_CHECKING:
    from types import TracebackType

CHECKOUT = Path(__file__).resolve().parent.parent.parent
HOSTILE = "<script>document.title = 'taken over'</script><img src=x onerror=alert(1)>"


class Dashboard:
    """A context manager. `url` leads to its pages, `registry` is what it shows as "acme"."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self.home = Path(tempfile.mkdtemp(prefix="registry-browser-pages-"))
        self._ending.callback(remove_home, self.home)
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._company = Company(datetime.now(UTC))
        self._steps = 0
        self.registry = FakeRegistry(evolve=self._evolve)
        self._environment = {
            **{name: os.environ[name] for name in os.environ if "DATABASE_URL" not in name},
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "REGISTRY_BROWSER_HOME": str(self.home),
            "POSTGRES_OPTIONS": " ".join(POSTGRES_OPTIONS),
            "PORT": str(self._port),
            "WORKER_CONCURRENCY": "1",
        }
        self.made: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self._ending)
            self._company.fill(self.registry.store)
            _push_hostile(self.registry)
            self._ending.enter_context(self.registry)
            lease = Lease(EmbeddedPostgres(self.home, options=POSTGRES_OPTIONS))
            lease.take()
            self._ending.callback(lease.leave)
            closed = f"http://127.0.0.1:{_free_port()}"
            self.made = self._prepare(self.registry.url, closed)
            self._up()
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    @cached_property
    def names(self) -> dict[str, str]:
        """Manifests by what they are ("index", "dangling"), each as `repository@digest`."""
        return dict(self.made["names"])

    def manage(self, *arguments: str) -> str:
        """What a command says beside the dashboard, as an admin runs it at its terminal."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _evolve(self) -> dict[str, Any]:
        self._steps += 1
        return self._company.evolve(self.registry.store, self._steps, datetime.now(UTC))

    def _prepare(self, *arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.browser.acting", *arguments],
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"The record could not be made:\n{done.stderr[-4000:]}")
        return dict(json.loads(done.stdout))

    def _up(self) -> None:
        """Start it; return when it says that it serves."""
        process = subprocess.Popen(
            [*dies_with_us(), sys.executable, "manage.py", "up"],
            cwd=CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Sign in: "):
                break
        else:
            raise AssertionError(f"The dashboard did not start:\n{''.join(said[-60:])}")
        # Nobody reads what it logs from here on, and a full pipe would stop it.
        drain = threading.Thread(target=_drain, args=(process.stdout,), daemon=True)
        drain.start()
        self._ending.callback(drain.join)
        self._ending.callback(_end, process)


def _drain(output: IO[str]) -> None:
    with output:
        for _ in output:
            pass


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _push_hostile(registry: FakeRegistry) -> None:
    """An image whose every text would be markup, were it not shown as text."""
    image = make_image(
        (layer("hostile", created_by=f"RUN echo {HOSTILE}"),),
        labels={"note": HOSTILE, HOSTILE: "a name"},
        annotations={"org.opencontainers.image.url": "javascript:alert(1)", "note": HOSTILE},
        env=(f"NOTE={HOSTILE}",),
        cmd=(HOSTILE,),
    )
    push(registry, "sandbox/hostile:latest", image)
