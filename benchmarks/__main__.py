"""`python -m benchmarks [syncs] [storing] [memory] [pages]`: measure, then print one table."""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.layout import Storage, fill
from tests.real_registry import RealRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parent.parent
CONCURRENCY = 16
"""That of a registry as it is added."""
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `ratio` is empty where there is nothing to compare with."""

    what: str
    goal: str
    measured: str
    absolute: str


def main(wanted: list[str]) -> int:
    """Return 1 where the real registry is missing."""
    if shutil.which("docker-registry") is None:
        sys.stderr.write("docker-registry is not installed (apt-get install docker-registry)\n")
        return 1
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    measures = {
        "syncs": measure_syncs,
        "storing": measure_storing,
        "memory": measure_memory,
        "pages": measure_pages,
    }
    rows = [row for name in wanted or measures for row in measures[name](scale)]
    sys.stdout.write(table(rows))
    sys.stdout.write(f"\n{machine()}; BENCH_SCALE={scale:g}\n")
    return 0


def measure_syncs(scale: float) -> list[Row]:
    """First sync and re-sync beside the bare client, each pair in turns, who begins alternates."""
    with _registry("syncs") as (registry, directory):
        fill(Storage(registry.root), repositories=max(1, round(100 * scale)), tags=50)
        with registry:
            say("syncs: recording the requests")
            recorded = _sync(registry.url, "--record", str(directory))
            pairs: dict[str, list[tuple[float, float]]] = {"first": [], "again": []}
            last = recorded
            for number in range(ROUNDS):
                say(f"syncs: round {number + 1} of {ROUNDS}")
                if number % 2:
                    bare = {name: _bare(registry.url, directory, name) for name in pairs}
                    last = _sync(registry.url)
                else:
                    last = _sync(registry.url)
                    bare = {name: _bare(registry.url, directory, name) for name in pairs}
                for name, found in pairs.items():
                    found.append((last[name]["seconds"], bare[name]))
    first, again = last["first"], last["again"]
    images = f"first sync of {first['tags']:,} images"
    expected = again["tags"] + again["repositories"] + 1
    return [
        _ratio_row(images, "≤ 1.25 times", pairs["first"], f"{first['requests']:,} requests"),
        _ratio_row("re-sync, unchanged", "≤ 1.15 times", pairs["again"], "same requests"),
        Row(
            "requests of a re-sync",
            f"{expected:,}",
            f"{again['requests']:,}",
            f"{again['tags']:,} HEADs, {again['repositories']:,} tag lists, 1 catalog page",
        ),
    ]


def measure_storing(scale: float) -> list[Row]:
    """Manifests with ten layers into an empty record."""
    say("storing")
    found = _run("benchmarks.storing", str(max(500, round(20_000 * scale))))
    return [
        _storing_row(found, "content_", "storing manifests with 10 layers", "≥ 5,000 a second"),
        _storing_row(found, "", "  with tags, ledger and figures", ""),
    ]


def _storing_row(found: dict[str, float], part: str, what: str, goal: str) -> Row:
    seconds = found[f"{part}seconds"]
    waited = seconds - found[f"{part}processor"]
    return Row(
        what,
        goal,
        f"{found['manifests'] / waited:,.0f} a second of database time",
        f"{found['manifests']:,} in {seconds:.2f} s, {waited:.2f} s of it in the database",
    )


def measure_memory(scale: float) -> list[Row]:
    """One repository with many tags, and many repositories."""
    with _registry("memory") as (registry, _):
        storage = Storage(registry.root)
        tags, repositories = round(20_000 * scale), round(5_000 * scale)
        say(f"memory: filling a registry with {tags + repositories:,} images")
        fill(storage, repositories=1, tags=tags, prefix="one")
        fill(storage, repositories=repositories, tags=1, prefix="many")
        with registry:
            say("memory: syncing it")
            found = _sync(registry.url)
    row = Row(
        "memory of a worker at its peak",
        "< 300 MiB",
        f"{found['peak_bytes'] / 2**20:.0f} MiB",
        f"one repository of {tags:,} tags, {repositories:,} others, "
        f"{found['first']['seconds']:.0f} s",
    )
    return [row]


def measure_pages(scale: float) -> list[Row]:
    """Every page and API list over a generated record, and how fast figures follow a change."""
    say("pages: generating a record, then asking for every page")
    found = _run("benchmarks.pages", str(scale))
    slowest = max(found["pages"], key=lambda page: page[1])
    goal = "≤ 100 ms at p95"
    over = (
        f"{found['manifests']:,} manifests, {found['references']:,} layer references, "
        f"{found['repositories']:,} repositories, one of {found['tags']:,} tags, "
        f"{found['events']:,} events; "
        f"{found['database_bytes'] / 2**30:.2f} GiB, made in {found['seconds']:.0f} s"
    )
    rows = [Row("slowest page", goal, f"{slowest[1]:.0f} ms ({slowest[0]})", over)]
    rows += [
        Row(
            f"  {name}",
            goal,
            f"{p95:.0f} ms",
            f"median {median:.0f} ms, {processor:.0f} ms of processors, {statements} statements",
        )
        for name, p95, median, processor, statements in found["pages"]
    ]
    for what, key in (
        ("one changed repository", "changed"),
        ("the one of many tags", "changed_big"),
    ):
        times = sorted(found[key])
        rows.append(
            Row(
                what,
                "figures right in ≤ 300 ms",
                f"{statistics.median(times):.0f} ms",
                f"{times[0]:.0f} to {times[-1]:.0f} ms, {len(times)} times",
            )
        )
    export = found["export"]
    events = f"{found['events']:,} events"
    rows.append(
        Row(
            f"export of {events}",
            "constant memory",
            f"{export['grown_bytes'] / 2**20:.0f} MiB more",
            f"{export['bytes'] / 2**20:.0f} MiB in {export['seconds']:.0f} s",
        )
    )
    rows.append(Row(f"checking the seals of {events}", "", f"{found['verifying']:.0f} s", ""))
    return rows


def _ratio_row(what: str, goal: str, pairs: list[tuple[float, float]], more: str) -> Row:
    ratios = sorted(ours / bare for ours, bare in pairs)
    ours, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(
        what,
        goal,
        f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f}-{ratios[-1]:.2f})",
        f"{ours:.2f} s, bare {bare:.2f} s, {more}",
    )


def _sync(url: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = _run("benchmarks.syncing", url, *options)
    states = {found[name]["state"] for name in ("first", "again")}
    if states != {"done"}:
        raise RuntimeError(f"a sync did not end well: {found}")
    return found


def _bare(url: str, directory: Path, name: str) -> float:
    return float(_run("benchmarks.bare", url, str(CONCURRENCY), str(directory / f"{name}.json")))


def _run(module: str, *arguments: str) -> Any:
    """Run one side in a process of its own, with a home and a database of its own."""
    home = tempfile.mkdtemp(prefix="registry-browser-bench-")
    environment = {name: os.environ[name] for name in os.environ if "DATABASE_URL" not in name}
    environment |= {
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "REGISTRY_BROWSER_HOME": home,
        "LOG_LEVEL": "WARNING",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        shutil.rmtree(home)
    return json.loads(done.stdout)


@contextmanager
def _registry(name: str) -> Iterator[tuple[RealRegistry, Path]]:
    directory = Path(tempfile.mkdtemp(prefix=f"registry-browser-bench-{name}-"))
    try:
        yield RealRegistry(directory), directory
    finally:
        shutil.rmtree(directory)


def table(rows: list[Row]) -> str:
    """The rows under their headings, in columns."""
    cells = [("what", "goal", "measured", "absolute")]
    cells += [(row.what, row.goal, row.measured, row.absolute) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    cells.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    return "".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in cells
    )


def machine() -> str:
    """What this was measured on, and how busy it was."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, load {load:.1f}"
    )


def say(text: str) -> None:
    """Progress, apart from the result."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
