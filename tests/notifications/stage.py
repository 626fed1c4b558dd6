"""A dashboard that serves, with a worker, for a registry to notify."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from tests.worker.stage import CHECKOUT, dies_with_us
from tests.worker.stage import Stage as WorkerStage
from tests.worker.waiting import until

REGISTRY = "real"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage(WorkerStage):
    """A context manager, on PGMQ, with a web server as `manage.py up` starts it."""

    def __init__(self) -> None:
        super().__init__("pgmq")
        self.port = free_port()
        self._environment |= {
            "BIND": "127.0.0.1",
            "PORT": str(self.port),
            "WORKER_CONCURRENCY": "2",
        }
        self._token = ""
        self.secret = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, registry_url: str) -> None:
        """Make the database, connect the registry, open its endpoint, and serve."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.notifications.acting", "prepare", REGISTRY, registry_url],
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found = json.loads(done.stdout)
        self._token, self.secret = found["token"], found["secret"]
        log = (self.home / "web.log").open("wb")
        self._ending.callback(log.close)
        server = subprocess.Popen(
            [
                *dies_with_us(),
                *(sys.executable, "-m", "gunicorn", "-c", "python:dashboard.gunicorn"),
            ],
            cwd=CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self._ending.callback(server.wait)
        self._ending.callback(server.terminate)
        until(self._serves, "the dashboard serves")

    def start_schedule(self, *, every: int) -> None:
        """Have the registry synced every so many seconds, and the clock tick twice a second."""
        log = (self.home / "schedule.log").open("wb")
        self._ending.callback(log.close)
        clock = subprocess.Popen(
            [
                *dies_with_us(),
                *(sys.executable, "-m", "tests.notifications.acting", "tick_on", REGISTRY),
                str(every),
            ],
            cwd=CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        self._ending.callback(clock.wait)
        self._ending.callback(clock.kill)

    def ask(self, path: str, *, method: str = "GET") -> tuple[int, dict[str, Any]]:
        """One request to the API: the status, and the document."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            headers={"Authorization": f"Bearer {self._token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def shown(self, path: str, tag: str) -> str:
        """The digest that the dashboard shows for a tag; "" where it shows none."""
        status, row = self.ask(f"registries/{REGISTRY}/repositories/{path}/-/tags/{tag}/")
        return str(row["digest"]) if status == 200 else ""

    def _serves(self) -> bool:
        try:
            return self.ask("registries/")[0] == 200
        except OSError:
            return False
