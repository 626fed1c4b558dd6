"""The axis above the lanes: round moments that leave one another room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from registry_browser.queries.history.times import EARLIEST, LATEST, read_moment
from registry_browser.web.lanes import Window, ticks, window

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


@given(minutes=st.integers(1, 3_000_000), is_past=st.booleans())
def test_words_of_the_axis_leave_one_another_and_the_end_room(minutes: int, is_past: bool) -> None:
    found = ticks(Window(NOW - timedelta(minutes=minutes), NOW), is_past=is_past)

    places = [float(tick.x.removesuffix("%")) for tick in found]
    assert all(4 <= place <= (80 if is_past else 94) for place in places)
    assert all(later - earlier >= 12 for earlier, later in pairwise(places))
    narrow = [place for place, tick in zip(places, found, strict=True) if tick.is_narrow]
    assert all(place <= (40 if is_past else 70) for place in narrow)
    assert all(later - earlier >= 32.9 for earlier, later in pairwise(narrow))


def test_a_week_has_its_days() -> None:
    found = ticks(Window(NOW - timedelta(days=7), NOW), is_past=False)

    assert [tick.word for tick in found] == ["14 Nov", "16 Nov", "18 Nov", "20 Nov"]


_MOMENTS = st.datetimes(
    EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC)
).filter(lambda moment: moment < LATEST)


@given(since=_MOMENTS, until=_MOMENTS)
def test_from_every_window_one_may_go_on_earlier_later_closer_and_farther(
    since: datetime, until: datetime
) -> None:
    shown = window(since, until, None, NOW)

    for other in (
        shown.moved(-0.5, NOW), shown.moved(0.5, NOW), shown.scaled(0.5, NOW), shown.scaled(2, NOW)
    ):  # fmt: skip
        assert other.since < other.until
        assert all(read_moment(text) for text in other.as_query.values())
