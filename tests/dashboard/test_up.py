"""`manage.py up` for real: from nothing to a sign-in link, and out again without a trace."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from dashboard.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.worker


class Dashboard:
    """A running `manage.py up` on a home and a port of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=CHECKOUT,
            env={**environment(home), "PORT": str(port), "WORKER_CONCURRENCY": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._signed = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("Sign in: "):
                self._signed.set()
        self._signed.set()

    def sign_in_link(self) -> str:
        """Wait for the line that a person waits for."""
        assert self._signed.wait(120), self.lines
        links = [line for line in self.lines if line.startswith("Sign in: ")]
        assert links, self.lines
        return links[0].removeprefix("Sign in: ")

    def programs(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children

    def ended(self) -> int:
        """Wait for the end and return the status."""
        status = self.process.wait(120)
        self._reader.join(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "REGISTRY_BROWSER_HOME": str(home), "POSTGRES_OPTIONS": "-c fsync=off"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    running = Dashboard(tmp_path / "home", free_port())
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.ended()
    EmbeddedPostgres(running.home).stop()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return who is left after a time in which all should have gone."""
    _, left = psutil.wait_procs(processes, timeout=60)
    return [each for each in left if each.status() != psutil.STATUS_ZOMBIE]


def up(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=CHECKOUT,
        env={**environment(home), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_serves_signs_in_once_and_leaves_nothing_running(dashboard: Dashboard) -> None:
    link = dashboard.sign_in_link()
    assert re.fullmatch(rf"{dashboard.url}/sign-in/[\w-]+/", link)
    programs = dashboard.programs()
    with urllib.request.urlopen(f"{dashboard.url}/healthz") as answer:
        assert answer.read() == b"ok\n"

    dashboard.process.send_signal(signal.SIGINT)

    assert dashboard.ended() == 0
    assert dashboard.lines[-1] == "Stopped."
    assert alive(programs) == []
    assert EmbeddedPostgres(dashboard.home).server_pid() is None
    token = link.rstrip("/").rpartition("/")[2]
    assert [line for line in dashboard.lines if token in line] == [f"Sign in: {link}"]


def test_a_killed_one_takes_everything_with_it_and_the_next_start_works(
    dashboard: Dashboard,
) -> None:
    dashboard.sign_in_link()
    programs = dashboard.programs()
    server = EmbeddedPostgres(dashboard.home)
    pid = server.server_pid()
    assert pid is not None

    dashboard.process.kill()
    dashboard.ended()

    assert alive([*programs, psutil.Process(pid)]) == []
    again = Dashboard(dashboard.home, int(dashboard.url.rpartition(":")[2]))
    again.sign_in_link()
    again.process.terminate()
    assert again.ended() == 0


def test_a_taken_port_ends_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = up(tmp_path, PORT=str(port))

    assert result.returncode == 1
    assert result.stderr == f"PORT: cannot serve on 127.0.0.1:{port}: Address already in use\n"


def test_a_second_one_on_the_same_home_ends_in_one_line(dashboard: Dashboard) -> None:
    dashboard.sign_in_link()

    result = up(dashboard.home, PORT=str(free_port()))

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"CommandError: REGISTRY_BROWSER_HOME: another dashboard runs on {dashboard.home}."
    ]


def test_a_database_that_is_not_there_ends_in_one_line(tmp_path: Path) -> None:
    result = up(tmp_path, PORT=str(free_port()), DATABASE_URL="postgresql://u:pw@127.0.0.1:1/db")

    assert result.returncode == 1
    assert result.stderr.startswith("DATABASE_URL: cannot connect: ")
    assert len(result.stderr.splitlines()) == 1
    assert "pw" not in result.stderr
