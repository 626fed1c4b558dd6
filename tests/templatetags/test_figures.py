"""Bytes and counts as pages say them."""

import pytest

from registry_browser.templatetags.figures import count, plain_bytes, some
from tests.templatetags.drawing import draw


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (188_723, "184.3 KiB"),
        (195_139_994, "186.1 MiB"),
        (443_133_250_765, "412.7 GiB"),
        (4_947_802_325_000, "4.50 TiB"),
        (-1536, "-1.5 KiB"),
        (2**80, "1,048,576.00 EiB"),
    ],
)
def test_bytes_have_binary_units_with_one_decimal_two_from_tebibytes_on(
    value: int, shown: str
) -> None:
    assert plain_bytes(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1024**2 - 1, "1.0 MiB"), (1024**3 - 1, "1.0 GiB"), (1024**4 - 1, "1.00 TiB")],
)
def test_a_figure_that_rounds_up_to_1024_takes_the_next_unit(value: int, shown: str) -> None:
    assert plain_bytes(value) == shown


def test_a_byte_figure_keeps_all_digits_in_its_tooltip() -> None:
    assert draw("{{ 195139994|bytes }}") == (
        '<span class="bytes" title="195,139,994 bytes">186.1 <span class="unit">MiB</span></span>'
    )


def test_one_byte_is_singular() -> None:
    assert 'title="1 byte"' in draw("{{ 1|bytes }}")


def test_an_unknown_figure_is_a_dash_that_says_why_and_escapes_it() -> None:
    html = draw("{{ size|bytes:reason }}", size=None, reason="not <counted>")
    assert "\N{EN DASH}" in html
    assert 'title="not &lt;counted&gt;"' in html
    assert "<counted>" not in html


def test_counts_have_thousands_commas() -> None:
    assert count(31_806) == "31,806"
    assert "\N{EN DASH}" in count(None)


@pytest.mark.parametrize(
    ("value", "noun", "said"),
    [
        (1, "tag", "1 tag"),
        (0, "tag", "0 tags"),
        (1_284, "repository,repositories", "1,284 repositories"),
        (1, "repository,repositories", "1 repository"),
    ],
)
def test_a_count_agrees_with_its_noun(value: int, noun: str, said: str) -> None:
    assert some(value, noun) == said
