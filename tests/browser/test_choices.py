"""Choices that the server keeps: theme and times. And what the system asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.addresses import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.gate import Gate

_BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


def test_a_theme_is_in_the_page_that_the_server_sends(page: Page, gate: Gate) -> None:
    page.goto("/")
    light = page.evaluate(_BACKGROUND)
    page.get_by_label("Theme").click()
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = page.evaluate(_BACKGROUND)
    assert dark != light
    answer = page.goto(GATEWAY)
    assert answer is not None
    # No script sets it, so the first paint has it.
    assert '<html lang="en" data-theme="dark">' in answer.text()
    assert page.evaluate(_BACKGROUND) == dark
    gate.check(page)


def test_times_are_relative_until_one_asks_for_absolute_ones(page: Page) -> None:
    page.goto(GATEWAY)
    moment = page.locator("#tags time").first
    expect(moment).to_have_text(re.compile("ago|now|yesterday|in "))
    page.get_by_role("button", name="show absolute").click()
    expect(page.get_by_role("button", name="show relative")).to_be_visible()
    expect(moment).to_have_text(re.compile(r"\d{1,2} \w{3} 20\d\d|\d\d:\d\d"))
    page.get_by_role("button", name="show relative").click()
    expect(moment).to_have_text(re.compile("ago|now|yesterday|in "))


def test_forced_colours_and_reduced_motion_leave_pages_whole(open_as: Callable[..., Page]) -> None:
    page = open_as("viewer", forced_colors="active", reduced_motion="reduce")
    page.goto(GATEWAY)
    mark = page.locator("#tags .mark path").first
    text = page.evaluate("getComputedStyle(document.querySelector('#tags td')).color")
    assert mark.evaluate("(each) => getComputedStyle(each).stroke") == text
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((each) =>"
        " getComputedStyle(each).transitionDuration.split(', ').some((time) => time !== '0s'))"
        ".length"
    )
    assert moving == 0
