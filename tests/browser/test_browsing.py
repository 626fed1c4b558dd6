"""From a registry down to a layer, and lists that filter, sort, page and open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.addresses import GATEWAY
from tests.browser.stage import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.gate import Gate

BUILDS = "/r/acme/platform/ci/builds/"


def test_a_way_leads_from_a_registry_down_to_who_shares_a_layer(page: Page, gate: Gate) -> None:
    page.goto("/")
    page.get_by_role("link", name="acme", exact=True).first.click()
    page.get_by_role("link", name="edge/", exact=True).click()
    expect(page.get_by_role("heading", name="edge", level=1)).to_be_visible()
    page.get_by_role("link", name="gateway", exact=True).click()
    page.get_by_role("table").get_by_role("link", name="latest", exact=True).click()
    page.get_by_role("group", name="Platform").get_by_role("link", name="linux/arm64/v8").click()
    expect(page).to_have_url(re.compile(r"\?platform=linux/arm64/v8$"))
    page.get_by_role("link", name=re.compile("^shared with")).first.click()
    users = page.locator("#layer-users")
    expect(users.get_by_role("link", name="edge/gateway", exact=True).first).to_be_visible()
    users.locator("a[href*='/-/manifests/']").first.click()
    expect(page.get_by_role("heading", name=re.compile("Layers"))).to_be_visible()


def test_a_filter_waits_for_the_typist_and_the_address_keeps_it(page: Page) -> None:
    page.goto(BUILDS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
    field = page.get_by_role("searchbox", name="Filter tags")
    field.press_sequentially("build-412")
    expect(page).to_have_url(re.compile("q=build-412"))
    expect(page.locator("#tags tbody tr")).to_have_count(10)
    # Fewer requests than keys; how many depends on how fast the machine types.
    assert len(asked) < len("build-412")
    expect(field).to_be_focused()
    page.reload()
    expect(page.get_by_role("searchbox", name="Filter tags")).to_have_value("build-412")
    expect(page.locator("#tags tbody tr")).to_have_count(10)


def test_the_back_button_undoes_sort_and_page(page: Page) -> None:
    page.goto(BUILDS)
    names = page.locator("#tags .name")
    first = names.first.inner_text()
    page.get_by_role("link", name="Tag", exact=True).click()
    expect(page).to_have_url(re.compile("sort="))
    expect(names.first).not_to_have_text(first)
    sorted_first = names.first.inner_text()
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile("(page|after)="))
    expect(names.first).not_to_have_text(sorted_first)
    page.go_back()
    expect(names.first).to_have_text(sorted_first)
    page.go_back()
    expect(names.first).to_have_text(first)


def test_a_sorted_head_says_so(page: Page) -> None:
    page.goto(GATEWAY)
    head = page.get_by_role("columnheader", name="Compressed size")
    head.get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    head.get_by_role("link").click()
    expect(head).to_have_attribute("aria-sort", "ascending")


@pytest.mark.parametrize("key", ["click", "Enter", " "])
def test_platforms_open_in_place(key: str, page: Page, gate: Gate) -> None:
    page.goto(GATEWAY)
    expander = page.get_by_role("button", name="Platforms of latest")
    expect(expander).to_have_attribute("aria-expanded", "false")
    expander.click() if key == "click" else expander.press(key)
    expect(expander).to_have_attribute("aria-expanded", "true")
    expect(page.locator("tbody.children").get_by_role("link", name="arm64")).to_be_visible()
    expect(page.locator("tbody.children")).not_to_contain_text("unknown")
    gate.check(page)
    expander.click() if key == "click" else expander.press(key)
    expect(page.locator("tbody.children")).to_have_count(0)


def test_text_of_images_is_never_markup(page: Page) -> None:
    page.goto("/r/acme/sandbox/hostile/-/tags/latest")
    expect(page).to_have_title(re.compile("Registry Browser"))
    for heading in ("Labels", "Annotations"):
        sheet = page.locator("section").filter(has=page.get_by_role("heading", name=heading))
        expect(sheet).to_contain_text(HOSTILE)
    expect(page.locator("main img, main script, a[href^=javascript]")).to_have_count(0)


def follow(page: Page, reference: str) -> None:
    """Go where a reference leads; where another test has connected a copy, to the first one."""
    page.goto(f"/go?ref={reference}")
    choice = page.locator("a[href^='/r/acme/edge/gateway/-/']").first
    if "/go?" in page.url and choice.count():
        choice.click()


def test_a_pasted_reference_is_followed(page: Page, gate: Gate) -> None:
    follow(page, "docker pull edge/gateway:latest")
    expect(page).to_have_url(re.compile(r"edge/gateway/-/tags/latest"))
    digest = page.locator(".digest.whole code").get_attribute("data-whole")
    follow(page, digest or "")
    expect(page).to_have_url(re.compile(r"edge/gateway/-/(manifests|tags)/"))
    gate.expect_status(404)
    page.goto("/go?ref=unknown.example:5000/team/web:1")
    expect(page.get_by_text("unknown.example:5000").first).to_be_visible()
    expect(page.get_by_role("heading", level=2).first).to_be_visible()
