"""`manage.py prepare` for real: all that a dashboard on several machines needs before it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from dashboard.broker import QUEUE
from dashboard.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.worker


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    EmbeddedPostgres(tmp_path / "home").stop()


def manage(home: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=CHECKOUT,
        env={
            **kept,
            "REGISTRY_BROWSER_HOME": str(home),
            "POSTGRES_OPTIONS": "-c fsync=off",
            # No log entries among what it says.
            "LOG_LEVEL": "WARNING",
        },
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_it_makes_tables_queue_and_static_files_and_lets_the_first_admin_in(home: Path) -> None:
    prepared = manage(home, "prepare")
    again = manage(home, "prepare")
    made = manage(
        home, "create_user", "ada", "--role", "admin", "--password-stdin", given="A9-b8c7d6"
    )

    assert prepared.returncode == 0, prepared.stderr
    assert prepared.stdout.startswith("Prepared the database: ")
    assert again.stdout == "The database was prepared already.\nCollected the static files.\n"
    assert made.returncode == 0, made.stderr
    assert (home / "static" / "staticfiles.json").is_file()
    server = EmbeddedPostgres(home)
    server.start()
    with psycopg.connect(server.conninfo()) as session:
        tables = session.execute("SELECT to_regclass('cache') IS NOT NULL").fetchone()
        queues = session.execute("SELECT queue_name FROM pgmq.meta").fetchall()
    assert tables == (True,)
    assert queues == [(QUEUE,)]
