"""Moments and durations as pages say them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from registry_browser.templatetags.times import duration, eta, relative
from tests.templatetags.drawing import NOON, draw


@pytest.mark.parametrize(
    ("distance", "said"),
    [
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=20), "20 s ago"),
        (timedelta(minutes=4), "4 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(hours=24), "yesterday"),
        (timedelta(hours=37), "2 days ago"),
        (timedelta(days=13, hours=23), "14 days ago"),
        (timedelta(days=14), "6 Nov 2026"),
        (timedelta(minutes=-6), "in 6 min"),
        (timedelta(days=-1), "tomorrow"),
        (timedelta(days=-3), "in 3 days"),
    ],
)
def test_a_moment_is_relative_under_fourteen_days(distance: timedelta, said: str) -> None:
    assert relative(NOON - distance, NOON) == said


def test_a_moment_carries_its_machine_and_absolute_forms_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    when = datetime(2026, 11, 20, 13, 54, tzinfo=zone)
    assert draw("{% ago when %}", when=when) == (
        '<time datetime="2026-11-20T11:54:00Z" title="20 Nov 2026 11:54:00 UTC">6 min ago</time>'
    )


@pytest.mark.parametrize("as_object", [True, False])
def test_readers_may_switch_to_absolute_times(as_object: bool) -> None:
    class Page:
        absolute_times = True

    page = Page() if as_object else {"absolute_times": True}
    html = draw("{% ago when %}", when=NOON - timedelta(minutes=6), page=page)
    assert ">20 Nov 2026 11:54</time>" in html


def test_no_moment_is_a_dash_with_its_reason() -> None:
    assert "never synced" in draw('{% ago None "never synced" %}')


def test_history_names_the_zone_with_each_moment() -> None:
    assert ">20 Nov 2026 12:00:00 UTC</time>" in draw("{% moment now %}")
    assert ">12:00:00</time>" in draw("{% clock now %}")
    assert ">20 Nov 2026</time>" in draw("{% day now %}")
    assert draw("{{ now|long_day }}") == "Friday 20 November 2026"


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(ValueError, match="no time zone"):
        draw("{% moment when %}", when=naive)


def test_a_relative_time_needs_the_now_of_its_page() -> None:
    with pytest.raises(ValueError, match="`now`"):
        draw("{% ago when %}", when=NOON, now=None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.041, "41 ms"),
        (20, "20 s"),
        (60, "1 min"),
        (351, "5 min 51 s"),
        (11_040, "3 h 4 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "about 5 s left"),
        (38, "about 40 s left"),
        (58, "about 1 min left"),
        (110, "about 2 min left"),
        (7_000, "about 2 h left"),
    ],
)
def test_what_is_left_is_rounded(seconds: float | None, said: str) -> None:
    assert eta(seconds) == said
