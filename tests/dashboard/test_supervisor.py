"""Keeping programs running: restarts, the order of stopping, and our own sudden end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dashboard import supervisor
from dashboard.supervisor import Program, Supervisor
from tests.worker.waiting import until

CHECKOUT = Path(__file__).resolve().parents[2]
# Says its number and waits; SIGTERM makes it say so and end.
PATIENT = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("ends", flush=True), sys.exit()))
print("runs as", os.getpid(), flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import os, signal
for number in (signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
print("runs as", os.getpid(), flush=True)
while True:
    signal.pause()
"""
# Its child keeps the output open after its own death.
PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print("runs as", os.getpid(), "with", child.pid, flush=True)
child.wait()
"""


class Stage:
    """Runs programs, keeps what they say, and reacts to a line when it comes."""

    def __init__(self, **sources: str) -> None:
        self.lines: list[str] = []
        self._arrived = asyncio.Event()
        self.supervisor = Supervisor(
            [Program(name, (sys.executable, "-c", text)) for name, text in sources.items()],
            say=self._hear,
        )

    def _hear(self, line: str) -> None:
        self.lines.append(line)
        self._arrived.set()

    async def line(self, *words: str, count: int = 1) -> str:
        """Wait for the n-th line with all these words."""
        while True:
            self._arrived.clear()
            found = [line for line in self.lines if all(word in line for word in words)]
            if len(found) >= count:
                return found[count - 1]
            await self._arrived.wait()


def pid_in(line: str) -> int:
    return int(line.split("runs as ")[1].split()[0])


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_each_line_stands_behind_the_name_of_its_program() -> None:
    async def scene() -> list[str]:
        stage = Stage(web=PATIENT, worker=PATIENT)

        async def watcher() -> None:
            await stage.line("web", "runs as")
            await stage.line("worker", "runs as")
            stop()

        assert await stage.supervisor.run(watcher()) is None
        return stage.lines

    lines = asyncio.run(scene())

    assert {line.partition(" | ")[0] for line in lines} == {"web   ", "worker"}


def test_programs_stop_one_after_the_other_in_the_order_given() -> None:
    async def scene() -> list[str]:
        stage = Stage(web=PATIENT, scheduler=PATIENT, worker=PATIENT)

        async def watcher() -> None:
            for name in ("web", "scheduler", "worker"):
                await stage.line(name, "runs as")
            stop()

        await stage.supervisor.run(watcher())
        return stage.lines

    ends = [line.split()[0] for line in asyncio.run(scene()) if line.endswith("ends")]

    assert ends == ["web", "scheduler", "worker"]


def test_a_killed_program_is_started_again() -> None:
    async def scene() -> tuple[int, int]:
        stage = Stage(worker=PATIENT)
        pids: list[int] = []

        async def watcher() -> None:
            pids.append(pid_in(await stage.line("runs as")))
            os.kill(pids[0], signal.SIGKILL)
            await stage.line("ended by SIGKILL; starting it again")
            pids.append(pid_in(await stage.line("runs as", count=2)))
            stop()

        await stage.supervisor.run(watcher())
        return pids[0], pids[1]

    first, second = asyncio.run(scene())

    assert first != second
    assert not psutil.pid_exists(second)


def test_the_children_of_a_killed_program_go_with_it() -> None:
    async def scene() -> int:
        stage = Stage(web=PARENT)
        children: list[int] = []

        async def watcher() -> None:
            line = await stage.line("runs as")
            children.append(int(line.rpartition(" ")[2]))
            os.kill(pid_in(line), signal.SIGKILL)
            await stage.line("starting it again")
            stop()

        await stage.supervisor.run(watcher())
        return children[0]

    child = asyncio.run(scene())

    until(lambda: has_ended(child), "the child has gone, too")


def has_ended(process: int) -> bool:
    """Whether it is gone, or a zombie that nobody has asked after yet."""
    try:
        return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_program_that_never_stays_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY", 0.001)

    async def scene() -> str | None:
        return await Stage(web="raise SystemExit(3)", worker=PATIENT).supervisor.run()

    assert asyncio.run(scene()) == "web ended 5 times in a row, last with status 3"


def test_a_program_that_cannot_begin_is_given_up_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY", 0.001)

    async def scene() -> str | None:
        return await Supervisor(
            [Program("web", ("/nowhere/program",))], say=lambda line: None
        ).run()

    reason = asyncio.run(scene())

    assert reason is not None
    assert reason.endswith("before it began: No such file or directory")


def test_a_stubborn_program_is_killed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = ((signal.SIGTERM, 0.01), (signal.SIGQUIT, 0.01), (signal.SIGKILL, 60.0))
    monkeypatch.setattr(supervisor, "PATIENCE", patience)

    async def scene() -> int:
        stage = Stage(worker=STUBBORN)
        pids: list[int] = []

        async def watcher() -> None:
            pids.append(pid_in(await stage.line("runs as")))
            stop()

        await stage.supervisor.run(watcher())
        return pids[0]

    assert not psutil.pid_exists(asyncio.run(scene()))


def test_what_the_watch_cannot_mend_ends_everything_with_its_reason() -> None:
    def watch() -> str | None:
        raise RuntimeError("the disk is gone")

    async def scene() -> str | None:
        programs = [Program("web", (sys.executable, "-c", PATIENT))]
        return await Supervisor(programs, say=lambda line: None, watch=watch).run()

    assert asyncio.run(scene()) == "the disk is gone"


def test_a_very_long_line_comes_in_pieces_and_a_last_one_without_its_end_comes_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY", 0.001)

    async def scene() -> str:
        stage = Stage(web="import sys; sys.stdout.write('x' * 200_000 + '!')")
        await stage.supervisor.run()
        return "".join(line.partition(" | ")[2] for line in stage.lines if "ended" not in line)

    said = asyncio.run(scene())

    assert said == ("x" * 200_000 + "!") * supervisor.GIVES_UP_AFTER


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_programs_die_with_a_killed_supervisor() -> None:
    script = (
        "import asyncio, sys\n"
        "from dashboard.supervisor import Program, Supervisor\n"
        "async def run():\n"
        f"    programs = [Program('web', (sys.executable, '-c', {PATIENT!r}))]\n"
        "    await Supervisor(programs, say=lambda line: print(line, flush=True)).run()\n"
        "asyncio.run(run())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    program = psutil.Process(pid_in(process.stdout.readline()))

    process.kill()
    process.communicate()

    while program.is_running() and program.status() != psutil.STATUS_ZOMBIE:
        psutil.wait_procs([program], timeout=0.1)
    assert not program.is_running() or program.status() == psutil.STATUS_ZOMBIE
