"""Progress of a run: a bar that redraws itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry_browser.models import SyncPhase

if TYPE_CHECKING:
    from django.core.management.base import OutputWrapper

    from registry_browser.models import SyncRun

WIDTH = 30
TENTHS = 10


class Bar:
    """One line that is written over. Leaves the terminal on a fresh line at the `end`."""

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream
        self._width = 0

    def show(self, run: SyncRun) -> None:
        line = _bar(run)
        # What a longer line before left behind is blanked.
        self._stream.write(f"\r{line.ljust(self._width)}", ending="")
        self._stream.flush()
        self._width = len(line)

    def end(self) -> None:
        if self._width:
            self._stream.write("")


class Lines:
    """A line for each phase, each tenth of the repositories and each wait: enough for a log, and
    never thousands.
    """

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream
        self._last: tuple[object, ...] | None = None

    def show(self, run: SyncRun) -> None:
        tenth = run.done * TENTHS // run.total if run.total else 0
        now = (run.phase, tenth, run.rate_limited_until is not None)
        if now != self._last:
            self._last = now
            self._stream.write(_facts(run))

    def end(self) -> None:
        """Nothing is left open by whole lines."""


def _bar(run: SyncRun) -> str:
    filled = WIDTH * run.done // run.total if run.total else 0
    return f"[{'#' * filled}{'.' * (WIDTH - filled)}] {_facts(run)}"


def _facts(run: SyncRun) -> str:
    phase = SyncPhase(run.phase).label
    of = "?" if run.total is None else f"{run.total:,}"
    facts = f"{phase}: {run.done:,} of {of} repositories, {run.requests:,} requests"
    if run.rate_limited_until is None:
        return facts
    return f"{facts}; the registry asks to wait until {run.rate_limited_until:%H:%M:%S} UTC"
