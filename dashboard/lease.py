"""Who uses the embedded Postgres, and when it may stop.

Any number of processes share one server: `manage.py up`, a command run beside it, the workers of a
test run. Each holds a shared lock on a file for as long as it lives; the kernel takes the lock back
however the process ends, SIGKILL included. The server runs while anybody holds the lock:

1. Who needs the server takes the shared lock, and starts the server if it does not answer.
2. Who leaves tries for the exclusive lock. Getting it means to be the last, and stops the server.
3. A small keeper process waits for the exclusive lock all the time. It gets it when the last user
   was killed, stops the server and ends.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.postgres import EmbeddedPostgres
from dashboard.unprivileged import PostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parent.parent


class Lease:
    """A process's claim on the server. `take` first, `leave` once."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self._users = _open(server.home / "postgres-users.lock")
        self._process = os.getpid()

    def take(self) -> None:
        """Claim the server and make sure that it runs. Raises PostgresError."""
        fcntl.flock(self._users, fcntl.LOCK_SH)
        self.revive()

    def revive(self) -> None:
        """Start the server again if it does not answer. Raises PostgresError."""
        with _locked(self.server.home / "postgres-start.lock"):
            self.server.start()
            self._ensure_keeper()

    def leave(self) -> None:
        """Give the claim back; as the last user, stop the server first.

        A forked child shares the claim of its parent and must not give it back.
        """
        if self._process != os.getpid():
            return
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.server.stop()
        except BlockingIOError:
            # Others use it, or the keeper was quicker; then this returns when it has finished.
            fcntl.flock(self._users, fcntl.LOCK_SH)
        finally:
            os.close(self._users)

    def _ensure_keeper(self) -> None:
        """Start the keeper, unless one holds its lock. It inherits the lock with the open file."""
        lock = _open(self.server.home / "postgres-keeper.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        else:
            subprocess.run(
                [sys.executable, "-m", "dashboard.lease", str(self.server.home), str(lock)],
                check=True,
                cwd=CHECKOUT,
                pass_fds=[lock],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        finally:
            os.close(lock)


_held: Lease | None = None


def hold(server: EmbeddedPostgres) -> Lease:
    """Return this process's lease; the first call takes it, the end of the process gives it back.

    Raises PostgresError.
    """
    global _held
    if _held is None or _held.server != server:
        lease = Lease(server)
        lease.take()
        if _held is None:
            atexit.register(release)
        _held = lease
    return _held


def release() -> None:
    """Give this process's lease back before its end, if it holds one."""
    global _held
    if _held is not None:
        _held.leave()
        _held = None


def keep(home: Path, keeper_lock: int) -> None:
    """Wait until nobody uses the server, then stop it.

    The keeper's lock goes before the users' lock: who then comes next finds both free, and starts
    a server with a keeper of its own.
    """
    users = _open(home / "postgres-users.lock")
    fcntl.flock(users, fcntl.LOCK_EX)
    EmbeddedPostgres(home).stop()
    os.close(keeper_lock)
    os.close(users)


def _open(file: Path) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise PostgresError(
            f"REGISTRY_BROWSER_HOME: cannot use {error.filename}: {error.strerror}"
        ) from None


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    lock = _open(file)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


if __name__ == "__main__" and os.fork() == 0:
    # The parent ends at once, so that the keeper is nobody's child and nobody has to wait for it.
    os.chdir("/")
    keep(Path(sys.argv[1]), int(sys.argv[2]))
