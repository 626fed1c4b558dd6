"""Running the embedded Postgres when we are root, which Postgres itself refuses to be."""

from __future__ import annotations

import logging
import pwd
import stat
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

ACCOUNT = "registry-browser"


class PostgresError(Exception):
    """The embedded Postgres cannot run; the text is one line that says why."""


def account() -> pwd.struct_passwd:
    """Return the system account that owns the server when we are root; make it the first time.

    Postgres refuses to run as root.
    """
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", ACCOUNT]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else error
        raise PostgresError(
            f"Postgres refuses to run as root, and the account {ACCOUNT} cannot be made: "
            f"{str(said).strip()}; start as an ordinary user, or set DATABASE_URL"
        ) from None
    logger.info("made the system account %s: Postgres refuses to run as root", ACCOUNT)
    return pwd.getpwnam(ACCOUNT)


def prefix(*needed: Path) -> list[str]:
    """Return what to put before a command, so that it runs as the account. For root only.

    Where the account cannot reach its files (a checkout under /root), it keeps the one right to
    pass closed directories, instead of us opening other people's directories. The secure bit is
    there for access(2), which otherwise looks at the user alone and denies it: capabilities(7).
    """
    owner = account()
    drop = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}"]
    drop += ["--clear-groups"]
    closed = any(
        not parent.stat().st_mode & stat.S_IXOTH for path in needed for parent in path.parents
    )
    if not closed:
        return [*drop, "--inh-caps=-all", "--"]
    kept = "-all,+dac_override"
    bits = "--securebits=+no_setuid_fixup"
    return [*drop, bits, f"--inh-caps={kept}", f"--ambient-caps={kept}", "--"]
