"""What only the pages of repositories and images need."""

from __future__ import annotations

import pytest
from django.template import Context
from django.test import RequestFactory

from registry_browser.queries.history.lines import Step
from registry_browser.templatetags.browse_tags import (
    depth_class,
    element_id,
    instructions,
    linked,
    percent_of,
    step_line,
    tag_name,
    toggled,
)


@pytest.mark.parametrize("value", ["https://example.org/a?b=1", "http://example.org:8080"])
def test_a_web_address_is_a_link(value: str) -> None:
    assert linked(value).startswith(f'<a href="{value}" rel="noopener noreferrer nofollow">')


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://example.org and more",
        "https://[broken",
        "//example.org",
        "example.org",
        "",
    ],
)
def test_anything_else_is_text(value: str) -> None:
    assert "<a" not in linked(value)


def test_a_link_cannot_break_out_of_its_attribute() -> None:
    assert '"><' not in linked('https://example.org/"><script>')


def test_a_step_sets_its_instruction_apart_and_escapes_the_rest() -> None:
    assert step_line(Step("RUN", "a && <b>", "")) == "<b>RUN</b> a &amp;&amp; &lt;b&gt;"
    assert step_line(Step("", "bazel", "")) == "bazel"
    assert step_line(None) == step_line(Step("", "", "")) == ""


def test_steps_are_named_once_each() -> None:
    steps = [Step("ENV", "A=1", ""), Step("ENV", "B=2", ""), Step("", "x", "")]

    assert instructions(steps) == "ENV, other"


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 10, "0%"), (1, 1000, "under 1%"), (6, 100, "6%"), (12, 10, "100%"), (1, 0, "")],
)
def test_a_share_is_in_whole_percent(part: int, whole: int, said: str) -> None:
    assert percent_of(part, whole) == said


@pytest.mark.parametrize(
    ("query", "path", "after"),
    [
        ("", "a", "?open=a"),
        ("?open=a", "a/b", "?open=a&open=a%2Fb"),
        ("?open=a&open=a%2Fb&open=ab&sort=name", "a", "?open=ab&sort=name"),
    ],
)
def test_opening_adds_a_namespace_and_closing_takes_all_below_it(
    query: str, path: str, after: str
) -> None:
    context = Context({"request": RequestFactory().get(f"/{query}")})

    assert toggled(context, path) == after


def test_ids_hold_nothing_that_a_selector_would_read() -> None:
    assert element_id("a/b.c") != element_id("a/b-c")
    assert element_id("a/b.c").replace("-", "").isalnum()


def test_a_deep_tree_stops_moving_right() -> None:
    assert [depth_class(depth) for depth in (0, 1, 6, 40)] == ["", "depth-1", "depth-6", "depth-6"]


def test_a_tag_that_names_a_digest_is_shown_as_chips_show_one() -> None:
    assert tag_name(f"sha256-{'ab' * 32}.sig") == "sha256-abababababab….sig"
    assert tag_name("1.31.0-rc.1") == "1.31.0-rc.1"
    assert tag_name(f"sha256-{'ab' * 31}") == f"sha256-{'ab' * 31}"
