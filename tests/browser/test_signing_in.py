"""Coming in: by a link that works once, by password, and not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.acting import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.gate import Gate


def test_an_admin_adds_a_person_whose_link_works_once(
    open_as: Callable[..., Page], gate_of: Callable[[Page], Gate]
) -> None:
    admin = open_as("admin")
    admin.goto("/people/")
    admin.get_by_label("Name", exact=True).fill("newcomer")
    admin.get_by_role("button", name="Add and make a link").click()
    link = admin.locator(".secret-once code").inner_text()
    gate_of(admin).check(admin)

    newcomer = open_as("nobody")
    newcomer.goto(link)
    expect(newcomer.get_by_label("newcomer: account")).to_be_visible()

    latecomer = open_as("nobody")
    gate_of(latecomer).expect_status(410)
    latecomer.goto(link)
    expect(latecomer.get_by_text("This link does not work any more")).to_be_visible()
    expect(latecomer.get_by_label("Password")).to_be_visible()


def test_a_password_leads_to_the_page_that_was_asked_for(open_as: Callable[..., Page]) -> None:
    page = open_as("nobody")
    page.goto("/r/acme/edge/gateway/")
    page.get_by_label("Name", exact=True).fill("some-viewer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="gateway", level=1)).to_be_visible()


def test_a_wrong_password_is_refused_in_words(
    open_as: Callable[..., Page], gate_of: Callable[[Page], Gate]
) -> None:
    page = open_as("nobody")
    gate_of(page).expect_status(422)
    page.goto("/sign-in/")
    page.get_by_label("Name", exact=True).fill("some-viewer")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("some-viewer")
