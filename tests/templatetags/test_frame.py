"""The frame around every page, and the pages for errors."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.template.loader import get_template
from django.test import RequestFactory

ADMIN = SimpleNamespace(
    is_authenticated=True, get_username=lambda: "ikeller", get_role_display=lambda: "Admin"
)
STRANGER = SimpleNamespace(is_authenticated=False)


def page(**changes: Any) -> SimpleNamespace:
    values = {
        "theme": "dark",
        "absolute_times": False,
        "version": "1.4.0",
        "place": "Registries",
        "places": [("Overview", "/"), ("Registries", "/registries/")],
        "running": 2,
        "running_url": "/runs/",
    }
    return SimpleNamespace(**{**values, **changes})


def framed(template: str = "404.html", address: str = "/r/prod/", **context: Any) -> str:
    request = RequestFactory().get(address)
    return str(
        get_template(template).render(
            {"request": request, "page": page(), "user": ADMIN, "csrf_token": "token", **context}
        )
    )


def test_the_theme_stands_on_the_root_so_that_nothing_flashes() -> None:
    assert '<html lang="en" data-theme="dark">' in framed()
    assert '<html lang="en" data-theme="auto">' in framed(page=None)


def test_the_place_of_the_page_is_marked_wherever_the_places_are_listed() -> None:
    html = framed()
    assert html.count('<a href="/registries/" aria-current="true">Registries</a>') == 2
    assert html.count('<a href="/">Overview</a>') == 2


def test_a_place_that_is_this_very_page_says_so() -> None:
    assert 'href="/registries/" aria-current="page"' in framed(address="/registries/")


def test_running_jobs_show_as_a_link_and_only_then() -> None:
    assert '<a class="running" href="/runs/">' in framed()
    assert 'class="running"' not in framed(page=page(running=0))


def test_strangers_get_neither_places_nor_search() -> None:
    html = framed(user=STRANGER)
    assert "Sign out" not in html
    assert 'id="palette"' not in html
    assert 'class="places"' not in html


def test_the_theme_and_the_times_are_plain_forms_that_come_back_here() -> None:
    html = framed(address="/r/prod/?q=web&page=2")
    assert 'action="/theme/"' in html
    assert 'name="theme" value="dark" aria-pressed="true"' in html
    assert 'action="/times/"' in html
    assert 'value="absolute">show absolute' in html
    assert html.count('name="next" value="/r/prod/?q=web&amp;page=2"') == 2


def test_messages_of_success_float_and_those_of_failure_stay() -> None:
    class Message(SimpleNamespace):
        def __str__(self) -> str:
            return str(self.text)

    html = framed(messages=[Message(level=25, text="Saved"), Message(level=40, text="<Refused>")])
    assert re.search(r'class="toast"[^>]*>Saved', html)
    assert re.search(r'class="notice danger[^>]* role="alert">.*&lt;Refused&gt;', html, re.DOTALL)


@pytest.mark.parametrize("template", ["404.html", "403.html", "500.html"])
def test_error_pages_keep_to_the_policy(template: str) -> None:
    html = framed(template)
    assert not re.search(r"\s(style|on\w+)=|<style", html)
    assert all("src=" in script for script in re.findall(r"<script[^>]*>", html))


def test_the_page_for_our_own_faults_needs_no_context() -> None:
    html = str(get_template("500.html").render())
    assert "This page failed on our side" in html


def test_an_address_that_does_not_exist_is_shown_as_text() -> None:
    html = framed(address="/<script>/")
    assert "<script>/" not in html


def test_palette_results_name_what_was_not_found() -> None:
    html = framed("parts/palette_results.html", groups=[], query="<web>")
    assert "Nothing matches “&lt;web&gt;”" in html
