"""Serve a fake registry: ``python -m tests.fake_registry --port 5000 --company``.

Prints one line with its address and serves on 127.0.0.1 until SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.fake_registry.company import Company
from tests.fake_registry.habits import PRESETS
from tests.fake_registry.server import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fake_registry.store import Store


class Evolution:
    """Counts the steps of a company, whoever asks for the next one."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._lock = threading.Lock()
        self._step = 0

    def next(self, store: Store) -> dict[str, Any]:
        """Apply the next step and return what it changed."""
        with self._lock:
            self._step += 1
            return self._company.evolve(store, self._step, datetime.now(UTC))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes. Returns the exit status: 1 if the port cannot be used."""
    options = _parser().parse_args(arguments)
    evolution = Evolution(company := Company(datetime.now(UTC)))
    fake = FakeRegistry(
        PRESETS[options.habits](),
        port=options.port,
        evolve=(lambda: evolution.next(fake.store)) if options.control else None,
    )
    if options.company:
        company.fill(fake.store)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        fake.start()
    except OSError as failure:
        sys.stderr.write(f"Port {options.port} cannot be used: {failure.strerror}\n")
        return 1
    sys.stdout.write(f"Fake registry: {fake.url}\n")
    sys.stdout.flush()
    # Without --live the wait has no end but a signal; with it, each wait that times out is a step.
    while not stopping.wait(options.live):
        evolution.next(fake.store)
    fake.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_registry", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--company", action="store_true", help="fill it with acme's content")
    parser.add_argument(
        "--live",
        type=float,
        nargs="?",
        const=60.0,
        metavar="SECONDS",
        help="change something every so many seconds (60)",
    )
    parser.add_argument(
        "--control",
        action="store_true",
        help="open POST /_fake/evolve, which applies the next step and says what changed",
    )
    parser.add_argument("--habits", choices=sorted(PRESETS), default="distribution2")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
