"""Chromium, a dashboard to look at, and people who are signed in to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.gate import Gate
from tests.browser.stage import Dashboard
from tests.tools import require_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

# Milliseconds that a page may take on a machine with much else to do; waiting costs nothing where
# it is quick.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
_QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in this folder drives Chromium."""
    for item in items:
        if "/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def dashboard() -> Iterator[Dashboard]:
    require_tool("chromium")
    with Dashboard() as dashboard:
        yield dashboard


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its module: while Playwright runs, no other test in this process may run an event
    loop of its own.
    """
    chromium = require_tool("chromium")
    # Chromium's sandbox refuses to work for root.
    arguments = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_as(
    browser: Browser, dashboard: Dashboard, gates: dict[BrowserContext, Gate]
) -> Callable[..., Page]:
    """Opens an empty page in which somebody with this role is signed in; "nobody" is not."""

    def open_as(role: str, **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1440, "height": 1000})
        context = browser.new_context(base_url=dashboard.url, **options)
        context.set_default_timeout(PATIENCE)
        if role != "nobody":
            key = dashboard.made["sessions"][role]
            context.add_cookies([{"name": "sessionid", "value": key, "url": dashboard.url}])
        gates[context] = Gate(context)
        return context.new_page()

    return open_as


@pytest.fixture
def gates() -> Iterator[dict[BrowserContext, Gate]]:
    """The gate of each context that a test opens; all must be passed in the end."""
    gates: dict[BrowserContext, Gate] = {}
    yield gates
    try:
        for gate in gates.values():
            gate.close()
    finally:
        for context in gates:
            context.close()


@pytest.fixture
def gate_of(gates: dict[BrowserContext, Gate]) -> Callable[[Page], Gate]:
    return lambda page: gates[page.context]


@pytest.fixture
def page(open_as: Callable[..., Page]) -> Page:
    """A viewer's."""
    return open_as("viewer")


@pytest.fixture
def gate(page: Page, gate_of: Callable[[Page], Gate]) -> Gate:
    """The gate of `page`."""
    return gate_of(page)
