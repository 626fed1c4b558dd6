"""A dashboard of a test's own: home, Postgres, broker and workers that may be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
import psycopg

from dashboard.broker import QUEUE
from dashboard.lease import Lease
from dashboard.postgres import EmbeddedPostgres
from tests.homes import remove_home
from tests.tools import require_tool
from tests.worker.waiting import until

if TYPE_CHECKING:
    from types import TracebackType

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# What Postgres wrote is in the kernel's hands: it survives SIGKILL without waiting for the disk.
POSTGRES_OPTIONS = ("-c", "fsync=off")


class RedisServer:
    """Debian's `redis-server` on a free port, keeping every command on disk as it comes."""

    def __init__(self, directory: Path) -> None:
        self._program = require_tool("redis-server")
        self._directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and return when it accepts connections."""
        self._process = subprocess.Popen(
            [
                *dies_with_us(),
                *(self._program, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self._directory), "--save", "", "--appendonly", "yes"),
            ],
            stdout=subprocess.DEVNULL,
        )
        until(self._accepts, "Redis accepts connections")

    def kill(self, *, forget: bool = False) -> None:
        """End it with SIGKILL; `forget`: with all that it kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if forget:
            shutil.rmtree(self._directory / "appendonlydir")

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Worker:
    """A Celery worker in a process group of its own, as `manage.py up` starts it."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *dies_with_us(),
                    *(sys.executable, "-m", "celery", "--quiet", "--app", "dashboard", "worker"),
                    *("--pool", "prefork", "--without-mingle", "--without-gossip"),
                    "--without-heartbeat",
                ],
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        if self.is_running:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def kill_child(self) -> None:
        """SIGKILL to the process that runs the task, as the kernel does when memory runs out."""
        for child in psutil.Process(self._process.pid).children():
            child.kill()

    def output(self) -> str:
        """All that it has written so far."""
        return self._log.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Its structured log, one object a line."""
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]


class Stage:
    """A context manager. `broker` is "pgmq" or "redis"."""

    def __init__(self, broker: str) -> None:
        self._ending = ExitStack()
        self.home = Path(tempfile.mkdtemp(prefix="registry-browser-worker-"))
        self._ending.callback(remove_home, self.home)
        self.server = EmbeddedPostgres(self.home, options=POSTGRES_OPTIONS)
        self.redis = RedisServer(self.home) if broker == "redis" else None
        self._environment = {
            **{name: os.environ[name] for name in os.environ if "DATABASE_URL" not in name},
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "REGISTRY_BROWSER_HOME": str(self.home),
            "POSTGRES_OPTIONS": " ".join(POSTGRES_OPTIONS),
            "WORKER_CONCURRENCY": "1",
            "LOG_FORMAT": "json",
        }
        if self.redis is not None:
            self._environment["CELERY_BROKER_URL"] = self.redis.url
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.push(self._ending)
            lease = Lease(self.server)
            lease.take()
            self._ending.callback(lease.leave)
            if self.redis is not None:
                self.redis.start()
                self._ending.callback(self.redis.kill)
            self._ending.callback(self._kill_workers)
            undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Shown by pytest where a test has failed.
        for number, worker in enumerate(self.workers, start=1):
            sys.stdout.write(f"worker {number}:\n{worker.output()}\n")
        self._ending.close()

    def act(self, command: str, *arguments: str) -> Any:
        """Run a command of `acting` in this stage and return its answer."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.worker.acting", command, *arguments],
            cwd=CHECKOUT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{command} failed:\n{done.stderr[-4000:]}")
        return json.loads(done.stdout)

    def redeliver_after(self, seconds: int) -> None:
        """Have workers from now on take up the task of a killed one after so many seconds."""
        self._environment["TASK_TIMEOUT"] = str(seconds)

    def start_worker(self) -> Worker:
        """Start one more worker."""
        log = self.home / f"worker-{len(self.workers) + 1}.log"
        worker = Worker(self._environment, log)
        self.workers.append(worker)
        return worker

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read from the record, past Django. No rows while Postgres is away."""
        try:
            with psycopg.connect(self.server.conninfo(), autocommit=True) as session:
                return session.execute(query.encode(), parameters).fetchall()
        except psycopg.OperationalError:
            return []

    def run(self, run_id: int) -> dict[str, Any]:
        """The row of a run; an empty one while Postgres is away."""
        query = "SELECT to_jsonb(run) FROM registry_browser_syncrun run WHERE id = %s"
        found = self.rows(query, run_id)
        return dict(found[0][0]) if found else {}

    def wait_for_progress(self, run_id: int, repositories: int) -> None:
        """Return when the run is under way and so many repositories are in the record."""

        def is_in_the_middle() -> bool:
            run = self.run(run_id)
            assert run.get("state") in (None, "queued", "running"), f"the run is over: {run}"
            done = self.rows(
                "SELECT count(*) FROM registry_browser_syncitem"
                " WHERE run_id = %s AND state = 'done'",
                run_id,
            )
            return bool(done) and done[0][0] >= repositories

        until(is_in_the_middle, f"{repositories} repositories of run {run_id} are stored")

    def wait_for_end(self, run_id: int) -> dict[str, Any]:
        """Return the row of the run when it is over."""
        over = ("done", "incomplete", "failed", "cancelled")
        until(lambda: self.run(run_id).get("state") in over, f"run {run_id} is over")
        return self.run(run_id)

    def kill_postgres(self) -> None:
        """SIGKILL to the server; its sessions end with it."""
        pid = self.server.server_pid()
        assert pid is not None, "Postgres is running"
        os.kill(pid, signal.SIGKILL)

    def forget_messages(self) -> None:
        """Empty the broker, as when it loses its disk."""
        if self.redis is not None:
            self.redis.kill(forget=True)
            self.redis.start()
        else:
            self.rows("SELECT pgmq.purge_queue(%s)", QUEUE)

    def _kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()


def dies_with_us() -> list[str]:
    """The command prefix that lets the kernel end a program when the tests are killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
