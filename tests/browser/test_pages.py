"""Every page, in light and dark, from a wide window to a narrow phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.addresses import PAGES, address_of
from tests.browser.gate import assert_accessible, assert_digests_can_be_hit, assert_fits

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.gate import Gate
    from tests.browser.stage import Dashboard

WIDTHS = (1440, 1280, 1024, 768, 390, 320)
_LUMINANCE = """
() => {
  const { backgroundColor } = getComputedStyle(document.documentElement);
  const [red, green, blue] = backgroundColor.match(/[\\d.]+/g);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_in_both_themes(
    name: str,
    dashboard: Dashboard,
    open_as: Callable[..., Page],
    gate_of: Callable[[Page], Gate],
) -> None:
    role, address = address_of(name, dashboard)
    page = open_as(role, color_scheme="light", reduced_motion="reduce")
    gate_of(page).expect_status(404, 410)
    page.goto(address)
    assert page.evaluate(_LUMINANCE) > 200
    assert_accessible(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1000})
        assert_fits(page)
        assert_digests_can_be_hit(page)
    assert_accessible(page)
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(_LUMINANCE) < 60
    assert_accessible(page)
