"""External programs that some tests need, and what happens where one is missing."""

from __future__ import annotations

import os
import shutil

import pytest

_INSTALL = {
    "docker-registry": "apt-get install docker-registry",
    "skopeo": "apt-get install skopeo",
    "redis-server": "apt-get install redis-server",
    "chromium": "apt-get install chromium",
}


def require_tool(name: str) -> str:
    """Return the path of a program.

    Where it is missing, a local run skips the test and says how to install it; with ``CI=true`` the
    test fails, so that a build cannot be green without it.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    message = f"{name} is not installed ({_INSTALL.get(name, f'install {name}')})"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
