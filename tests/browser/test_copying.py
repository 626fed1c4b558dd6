"""Copying a digest, with the clipboard API and without it; the pull box and what it remembers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.addresses import GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

# On plain http at another host than this one, browsers leave the API out.
_WITHOUT_CLIPBOARD = """
Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined });
document.addEventListener("copy", () => {
  window.copied = document.getSelection().toString() || document.activeElement.value;
});
"""


@pytest.mark.parametrize("has_clipboard", [True, False], ids=["clipboard", "no clipboard"])
def test_a_digest_is_copied_whole_and_it_is_said(
    has_clipboard: bool, open_as: Callable[..., Page]
) -> None:
    permissions = ["clipboard-read", "clipboard-write"] if has_clipboard else []
    page = open_as("viewer", permissions=permissions)
    if not has_clipboard:
        page.add_init_script(_WITHOUT_CLIPBOARD)
    page.goto(f"{GATEWAY}-/tags/latest")
    whole = page.locator(".digest.whole")
    whole.get_by_role("button").click()
    expect(page.locator("#live")).to_have_text("Copied")
    expect(whole.get_by_role("button").locator("use")).to_have_attribute(
        "href", re.compile("#check$")
    )
    copied = page.evaluate("navigator.clipboard ? navigator.clipboard.readText() : window.copied")
    assert re.fullmatch("sha256:[0-9a-f]{64}", copied)
    assert copied == whole.locator("code").get_attribute("data-whole")


def test_the_pull_box_remembers_tool_and_way(page: Page) -> None:
    page.goto(f"{GATEWAY}-/tags/latest")
    box = page.get_by_label("Pull commands")
    expect(box.locator("code:visible")).to_have_text(re.compile("^docker pull .*:latest$"))
    box.get_by_role("radio", name="podman").check(force=True)
    box.get_by_role("radio", name=re.compile("digest")).check(force=True)
    expect(box.locator("code:visible")).to_have_count(1)
    expect(box.locator("code:visible")).to_have_text(re.compile("^podman pull .*@sha256:"))
    page.reload()
    expect(box.locator("code:visible")).to_have_text(re.compile("^podman pull .*@sha256:"))
