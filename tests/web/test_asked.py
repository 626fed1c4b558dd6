"""What the query of an address asks for; nonsense asks for nothing."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from registry_browser.web.asked import asked_number, asked_page

LONG = "9" * 400


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("7", 7), ("007", 7), ("9" * 18, 10**18 - 1), ("0", None), ("-1", None), ("", None)),
        *(("1.5", None), ("٣", None), ("²", None), ("\x00", None), (LONG, None)),
    ],
)
def test_a_number_is_one_that_an_id_can_be(text: str, number: int | None) -> None:
    assert asked_number(RequestFactory().get("/", {"before": text}), "before") == number


@pytest.mark.parametrize(
    ("text", "page"), [("3", 3), ("0", 1), ("x", 1), (LONG, 1), ("9" * 15, 1_000_000)]
)
def test_a_page_is_one_that_a_list_can_have(text: str, page: int) -> None:
    assert asked_page(RequestFactory().get("/", {"page": text})) == page


def test_without_a_number_it_is_the_first_page() -> None:
    assert asked_page(RequestFactory().get("/")) == 1
