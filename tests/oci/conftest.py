"""Lets a test be a coroutine: it runs in an event loop of its own."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    scenario: Coroutine[Any, Any, None] = pyfuncitem.obj(**arguments)
    asyncio.run(asyncio.wait_for(scenario, timeout=120))
    return True
