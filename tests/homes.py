"""Homes of dashboards that tests start, taken away again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.worker.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


def remove_home(home: Path) -> None:
    """Remove a home whose server is ending: its last files vanish while we look at them."""

    def is_gone() -> bool:
        shutil.rmtree(home, ignore_errors=True)
        return not home.exists()

    until(is_gone, f"{home} is removed")
