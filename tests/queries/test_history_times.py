"""Moments as people write and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from registry_browser.queries.history.times import between_in_words, read_moment, written

EVENING = datetime(2026, 10, 31, 22, 10, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (EVENING + timedelta(minutes=5), "between 31 Oct 2026 22:10:04 and 22:15:04 UTC"),
        (EVENING + timedelta(hours=12), "between 31 Oct 22:10:04 and 1 Nov 2026 10:10:04 UTC"),
        (
            datetime(2027, 1, 1, 8, tzinfo=UTC),
            "between 31 Oct 2026 22:10:04 and 1 Jan 2027 08:00:00 UTC",
        ),
    ],
)
def test_two_moments_do_not_say_the_same_twice(end: datetime, words: str) -> None:
    assert between_in_words(EVENING, end) == words


def test_two_moments_are_said_in_utc_wherever_they_come_from() -> None:
    there = EVENING.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert between_in_words(there, EVENING) == "between 31 Oct 2026 22:10:04 and 22:10:04 UTC"


@pytest.mark.parametrize(
    ("text", "end_of_day", "moment"),
    [
        ("2026-11-11", False, datetime(2026, 11, 11, tzinfo=UTC)),
        ("2026-11-11", True, datetime(2026, 11, 11, 23, 59, 59, 999999, tzinfo=UTC)),
        (" 2026-11-11 09:00 ", True, datetime(2026, 11, 11, 9, tzinfo=UTC)),
        ("2026-11-11T09:00:00+02:00", False, datetime(2026, 11, 11, 7, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_utc_and_a_day_as_its_first_or_last(
    text: str, end_of_day: bool, moment: datetime
) -> None:
    assert read_moment(text, end_of_day=end_of_day) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "9999-12-31T23:59:59-01:00"])
def test_what_is_no_moment_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment; write it as"):
        read_moment(text)


@pytest.mark.parametrize(
    "text",
    ["0001-01-01", "1999-12-31T23:59:59Z", "2000-01-01T00:00+01:00", "2100-01-01", "9999-12-31"],
)
def test_what_no_registry_ever_spoke_of_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not between 2000 and 2100"):
        read_moment(text)


@pytest.mark.parametrize("step", [timedelta(), timedelta(seconds=7), timedelta(microseconds=3)])
def test_what_is_written_into_an_address_is_read_back(step: timedelta) -> None:
    moment = EVENING + step

    assert read_moment(written(moment)) == moment
