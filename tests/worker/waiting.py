"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 300.0
"""Seconds; a deadline against hanging, far beyond what anything here takes."""
_PAUSE = threading.Event()


def until(condition: Callable[[], object], what: str, *, within: float = PATIENCE) -> None:
    """Return as soon as `condition` is true; AssertionError, naming `what`, if it never is."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:.0f} s in vain until {what}")
        _PAUSE.wait(0.02)
