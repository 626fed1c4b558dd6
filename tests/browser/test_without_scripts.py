"""Pages without JavaScript: every control is also a link or a form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.acting import PASSWORD
from tests.browser.addresses import GATEWAY
from tests.fake_registry.faults import Hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    from tests.browser.stage import Dashboard

ONE_SYNC_SECONDS = 90


@pytest.fixture
def plain(browser: Browser, dashboard: Dashboard) -> Iterator[Callable[[str], Page]]:
    """Opens a page of somebody with this role in a browser that runs no scripts.

    There is no gate here: axe is a script.
    """
    contexts = []

    def plain(role: str) -> Page:
        context = browser.new_context(base_url=dashboard.url, java_script_enabled=False)
        context.set_default_timeout(15_000)
        contexts.append(context)
        if role != "nobody":
            key = dashboard.made["sessions"][role]
            context.add_cookies([{"name": "sessionid", "value": key, "url": dashboard.url}])
        return context.new_page()

    yield plain
    for context in contexts:
        context.close()


def test_one_signs_in_and_browses(plain: Callable[[str], Page]) -> None:
    page = plain("nobody")
    page.goto("/")
    page.get_by_label("Name", exact=True).fill("some-viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="acme", exact=True).first.click()
    page.get_by_role("link", name="edge/", exact=True).click()
    page.get_by_role("link", name="gateway", exact=True).click()
    page.get_by_role("table").get_by_role("link", name="latest", exact=True).click()
    expect(page.get_by_role("heading", name="gateway:latest")).to_be_visible()
    expect(page.locator(".scripted:visible")).to_have_count(0)


def test_one_filters_sorts_pages_and_opens_rows(plain: Callable[[str], Page]) -> None:
    page = plain("viewer")
    page.goto("/r/acme/platform/ci/builds/")
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("(page|after)="))
    page.get_by_role("link", name="Tag", exact=True).click()
    expect(page.get_by_role("columnheader", name="Tag")).to_have_attribute(
        "aria-sort", re.compile(".")
    )
    page.get_by_role("searchbox", name="Filter tags").fill("build-412")
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.locator("#tags tbody tr")).to_have_count(10)
    page.goto(GATEWAY)
    page.get_by_role("button", name="Platforms of latest").click()
    expect(page.locator("tbody.children").get_by_role("link", name="arm64")).to_be_visible()


def test_one_connects_a_registry_and_refreshes_its_run(
    dashboard: Dashboard, plain: Callable[[str], Page]
) -> None:
    page = plain("admin")
    page.goto("/registries/add/")
    page.get_by_label("Address").fill(dashboard.registry.url)
    page.get_by_label("Name", exact=True).fill("plain")
    page.get_by_role("button", name="Check only").click()
    expect(page.locator("#check .checked")).to_be_visible()
    hold = Hold()
    rule = dashboard.registry.faults.on("GET", "/v2/edge/gateway/tags/list", hold)
    page.get_by_role("button", name="Connect and sync").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_label("Progress")).to_be_visible()
    assert hold.arrived.wait(ONE_SYNC_SECONDS)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("stops after what it is reading now", exact=True)).to_be_visible()
    dashboard.registry.faults.remove(rule)
