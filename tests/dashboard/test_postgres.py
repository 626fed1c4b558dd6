"""The embedded Postgres: from nothing, through crashes, and shared between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from dashboard.lease import Lease
from dashboard.postgres import SOCKET_PATH_BYTES, EmbeddedPostgres
from dashboard.unprivileged import PostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
UNSAFE_AND_FAST = ("-c", "fsync=off")
HOLDER = """
import sys
from pathlib import Path
from dashboard import lease
from dashboard.postgres import EmbeddedPostgres

lease.hold(EmbeddedPostgres(Path(sys.argv[1]), ("-c", "fsync=off")))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    embedded = EmbeddedPostgres(tmp_path / "home", UNSAFE_AND_FAST)
    yield embedded
    embedded.stop()


def remember(server: EmbeddedPostgres, text: str) -> None:
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def remembered(server: EmbeddedPostgres) -> list[str]:
    with psycopg.connect(server.conninfo()) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY text")]


def server_process(server: EmbeddedPostgres) -> psutil.Process:
    pid = server.server_pid()
    assert pid is not None
    return psutil.Process(pid)


def has_ended(process: psutil.Process) -> bool:
    """Wait for the end; a zombie whose first process reaps nobody has ended too."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        gone, _ = psutil.wait_procs([process], timeout=0.1)
        if gone:
            return True
    return True


def holder(server: EmbeddedPostgres) -> subprocess.Popen[str]:
    """Start a process that holds the server until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(server.home)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_it_starts_from_nothing_sorts_by_code_point_and_keeps_utc(server: EmbeddedPostgres) -> None:
    server.start()

    with psycopg.connect(server.conninfo()) as connection:
        words = connection.execute(
            "SELECT array_agg(w ORDER BY w) FROM unnest('{b,B,a,é}'::text[]) w"
        ).fetchone()
        zone = connection.execute("SHOW timezone").fetchone()
        addresses = connection.execute("SHOW listen_addresses").fetchone()

    assert words == (["B", "a", "b", "é"],)
    assert zone == ("UTC",)
    assert addresses == ("",)


def test_its_files_and_its_socket_are_closed_to_other_users(server: EmbeddedPostgres) -> None:
    server.start()

    assert server.data.stat().st_mode & 0o077 == 0
    assert server.socket_directory.stat().st_mode & 0o077 == 0


def test_starting_it_twice_keeps_the_first(server: EmbeddedPostgres) -> None:
    server.start()
    first = server.server_pid()

    server.start()

    assert server.server_pid() == first


def test_it_keeps_what_was_stored_over_an_orderly_stop(server: EmbeddedPostgres) -> None:
    server.start()
    remember(server, "before")

    server.stop()
    assert server.server_pid() is None
    server.start()

    assert remembered(server) == ["before"]


def test_it_comes_back_whole_after_sigkill(server: EmbeddedPostgres) -> None:
    server.start()
    remember(server, "committed")
    killed = server_process(server)

    killed.send_signal(signal.SIGKILL)
    assert has_ended(killed)
    server.start()

    assert remembered(server) == ["committed"]


def test_a_process_id_that_now_belongs_to_somebody_else_does_not_block_the_start(
    server: EmbeddedPostgres,
) -> None:
    server.start()
    remember(server, "kept")
    lock_file = server.data / "postmaster.pid"
    lines = lock_file.read_text().splitlines()
    server.stop()
    lock_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    server.start()

    assert remembered(server) == ["kept"]


def test_a_half_made_cluster_is_made_anew(server: EmbeddedPostgres) -> None:
    draft = server.home / "postgres.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")

    server.start()

    assert server.answers()
    assert not draft.exists()


def test_data_of_another_version_is_refused_in_one_line(server: EmbeddedPostgres) -> None:
    server.data.mkdir(parents=True, mode=0o700)
    (server.data / "PG_VERSION").write_text("15\n")

    with pytest.raises(PostgresError) as refusal:
        server.start()

    assert "holds data of PostgreSQL 15, this program runs 18" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_home_with_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = EmbeddedPostgres(tmp_path / ("deep" * 30), UNSAFE_AND_FAST)
    assert len(str(deep.data)) > SOCKET_PATH_BYTES

    deep.start()

    assert deep.answers()
    deep.stop()
    deep.socket_directory.rmdir()


def test_the_last_of_several_users_stops_it(server: EmbeddedPostgres) -> None:
    first, second = Lease(server), Lease(server)
    first.take()
    second.take()

    first.leave()
    assert server.answers()
    second.leave()

    assert server.server_pid() is None


def test_it_stops_when_its_last_user_is_killed(server: EmbeddedPostgres) -> None:
    user = holder(server)
    postgres = server_process(server)

    user.kill()
    user.communicate()

    assert has_ended(postgres)


def test_it_stays_when_one_of_two_users_is_killed(server: EmbeddedPostgres) -> None:
    lease = Lease(server)
    lease.take()
    user = holder(server)

    user.kill()
    user.communicate()

    assert server.answers()
    lease.leave()
    assert server.server_pid() is None


def test_a_killed_server_is_revived_for_those_who_hold_it(server: EmbeddedPostgres) -> None:
    lease = Lease(server)
    lease.take()
    remember(server, "kept")
    killed = server_process(server)
    killed.send_signal(signal.SIGKILL)
    assert has_ended(killed)

    lease.revive()

    assert remembered(server) == ["kept"]
    lease.leave()
