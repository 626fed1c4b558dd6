"""Bars and trends: geometry in attributes, nothing wider than its track."""

import re

import pytest

from registry_browser.templatetags.pictures import scale
from tests.templatetags.drawing import draw


def widths(html: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'class="(fill-[\w-]+)" x="([\d.]+)%" width="([\d.]+)%"', html)
    return [(tone, float(start), float(width)) for tone, start, width in found]


def test_a_share_bar_is_to_scale_with_the_largest_row() -> None:
    html = draw("{% share_bar 10 30 80 %}")
    assert widths(html) == [("fill-bar", 0, 12.5), ("fill-bar-2", 12.5, 37.5)]


def test_anything_present_is_at_least_a_pixel() -> None:
    (tone, _, width), _ = widths(draw("{% share_bar 1 999 1000000 small=True %}"))
    assert tone == "fill-bar"
    assert width * 72 / 100 >= 1


def test_nothing_is_drawn_for_nothing() -> None:
    assert widths(draw("{% share_bar 0 0 100 %}")) == []
    assert widths(draw("{% share_bar None None None %}")) == []


def test_a_bar_stays_inside_its_track() -> None:
    bars = widths(draw("{% share_bar 1 100 100 %}"))
    assert max(start + width for _, start, width in bars) <= 100


def test_bytes_to_win_back_are_the_orange_ones() -> None:
    assert widths(draw('{% amount_bar 61 122 "dangling" %}')) == [("fill-dangling", 0, 50)]


def test_a_split_bar_adds_up_to_the_whole() -> None:
    bars = widths(draw("{% split_bar parts %}", parts=[(50, "bar"), (30, "bar-2"), (20, "danger")]))
    assert sum(width for *_, width in bars) == pytest.approx(100)


def test_a_sparkline_says_in_words_what_it_shows() -> None:
    html = draw('{% sparkline values "Grew from 1 to 3" %}', values=[1, 2, 3])
    assert 'role="img" aria-label="Grew from 1 to 3"' in html
    assert html.count("<path") == 2


def test_a_flat_line_is_drawn_and_a_single_value_is_not() -> None:
    assert "nan" not in draw('{% sparkline values "Flat" %}', values=[5, 5])
    assert draw('{% sparkline values "One" %}', values=[5]) == ""


def test_a_trend_names_its_ends_its_scale_and_its_marks() -> None:
    html = draw(
        '{% trend values "Grew" start="22 Aug" end="today" marks=marks %}',
        values=[4 * 1024**4, 4.2 * 1024**4, 4.1 * 1024**4, 4.4 * 1024**4, 4.5 * 1024**4],
        marks=[(2, "deletion 79"), (4, "deletion 83")],
    )
    assert ">22 Aug</text>" in html
    assert "4.50 TiB</text>" in html
    assert ">deletion 79</text>" in html
    # No room for its word beside “today”: the line still tells on hover.
    assert ">deletion 83</text>" not in html
    assert "<title>deletion 83</title>" in html


@pytest.mark.parametrize(("low", "high"), [(0, 0), (7, 7), (0, 1), (3, 1024**5), (1e12, 1.001e12)])
def test_a_scale_holds_its_values_and_a_few_round_ticks(low: float, high: float) -> None:
    bottom, top, ticks = scale(low, high, in_bytes=True)
    assert bottom <= low <= high <= top
    assert bottom < top
    assert 1 <= len(ticks) <= 5
    assert all(bottom <= tick <= top for tick in ticks)
