"""Connecting a registry, and watching its first sync from the first request to the last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.fake_registry.faults import Hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.gate import Gate
    from tests.browser.stage import Dashboard

ONE_SYNC_MS = 90_000


def test_a_registry_is_checked_connected_and_read_while_one_watches(
    dashboard: Dashboard, open_as: Callable[..., Page], gate_of: Callable[[Page], Gate]
) -> None:
    page = open_as("admin")
    page.goto("/registries/add/")
    page.get_by_label("Address").fill(dashboard.registry.url)
    page.get_by_label("Name", exact=True).fill("watched")
    page.get_by_role("button", name="Check only").click()
    expect(page.locator("#check .checked")).to_be_visible()
    gate_of(page).check(page)
    hold = Hold()
    rule = dashboard.registry.faults.on("GET", "/v2/edge/gateway/tags/list", hold)
    page.get_by_role("button", name="Connect and sync").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    progress = page.get_by_role("progressbar")
    expect(progress).to_be_visible(timeout=ONE_SYNC_MS)
    gate_of(page).check(page)
    # The region is swapped every two seconds, and leaves a reader's focus alone.
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    with page.expect_response(re.compile(r"/runs/\d+/$")):
        pass
    expect(cancel).to_be_focused()
    dashboard.registry.faults.remove(rule)
    expect(page.get_by_label("Outcome")).to_be_visible(timeout=ONE_SYNC_MS)
    expect(progress).to_have_count(0)
    expect(page.locator("#run")).not_to_have_attribute("hx-trigger", re.compile("."))
    page.goto("/r/watched/edge/gateway/")
    expect(page.get_by_role("link", name="latest", exact=True)).to_be_visible()


def test_a_check_says_what_is_wrong_and_stores_nothing(
    open_as: Callable[..., Page], gate_of: Callable[[Page], Gate]
) -> None:
    page = open_as("admin")
    gate_of(page).expect_status(422)
    page.goto("/registries/add/")
    page.get_by_label("Address").fill("http://127.0.0.1:9")
    page.get_by_label("Name", exact=True).fill("nowhere")
    page.get_by_role("button", name="Check only").click()
    expect(page.locator("#check")).to_contain_text("Nothing is stored")
    page.goto("/registries/")
    expect(page.get_by_text("nowhere")).to_have_count(0)
