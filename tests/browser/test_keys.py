"""The keyboard: palette, single keys, a whole way without a mouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.browser.addresses import GATEWAY

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.browser.gate import Gate

_FOCUS = """
() => {
  const at = document.activeElement;
  // A radio is out of sight; its label shows the focus. A field's box may do so as well.
  const places = [at, at.closest("label"), at.closest(".boxed")].filter(Boolean);
  return {
    tag: at.tagName,
    text: (at.getAttribute("aria-label") || at.textContent).trim(),
    visible: places.map((each) => getComputedStyle(each)).some(
      (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
    ),
  };
}
"""


def test_the_palette_finds_by_name_and_follows_the_arrows(page: Page, gate: Gate) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox")
    expect(field).to_be_focused()
    field.press_sequentially("gateway")
    options = page.get_by_role("option")
    expect(options.nth(1)).to_be_visible()
    expect(options.first).to_have_attribute("aria-selected", "true")
    gate.check(page)
    field.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    there = options.nth(1).get_attribute("href")
    assert there is not None
    field.press("Enter")
    page.wait_for_url(f"**{there}")


def test_an_answer_that_comes_after_closing_fills_no_palette(page: Page) -> None:
    page.goto("/")
    asked: list[Route] = []
    page.route("**/search?*", lambda route: asked.append(route))
    page.keyboard.press("Control+k")
    with page.expect_request("**/search?*"):
        page.get_by_role("combobox").press_sequentially("gateway")
    with page.expect_event("requestfailed", lambda request: "/search?" in request.url):
        page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()

    expect(page.get_by_role("combobox")).to_have_value("")
    expect(page.get_by_role("option")).to_have_count(0)


def test_escape_closes_the_palette_and_returns_the_focus(page: Page) -> None:
    page.goto(GATEWAY)
    page.get_by_role("searchbox", name="Filter tags").focus()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.get_by_role("searchbox", name="Filter tags")).to_be_focused()


def test_single_keys_reach_filter_help_and_rows(page: Page, gate: Gate) -> None:
    page.goto(GATEWAY)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Filter tags")).to_be_focused()
    page.get_by_role("searchbox", name="Filter tags").blur()
    page.keyboard.press("j")
    rows = page.locator("#tags tbody tr")
    expect(rows.nth(0)).to_have_class(re.compile("current"))
    page.keyboard.press("j")
    expect(rows.nth(1).locator("a.name")).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0).locator("a.name")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    gate.check(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/-/tags/"))


def test_single_keys_can_be_turned_off_and_stay_off(page: Page) -> None:
    page.goto(GATEWAY)
    page.keyboard.press("?")
    page.get_by_label("Single keys are on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Filter tags")).not_to_be_focused()
    page.reload()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()


def test_a_way_without_a_mouse_shows_where_it_is_at_every_step(page: Page) -> None:
    page.goto(GATEWAY)
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUS)["text"] == "Skip to the content"
    page.keyboard.press("Enter")
    while (focus := _next_focus(page))["text"] != "latest":
        assert focus["tag"] != "BODY", "the tag was not reached"
        assert focus["visible"], focus
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/-/tags/latest"))


def _next_focus(page: Page) -> dict[str, Any]:
    page.keyboard.press("Tab")
    focus: dict[str, Any] = page.evaluate(_FOCUS)
    return focus
