"""What repositories and namespaces stored is remembered when a run ends, where it has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.conf import settings

from registry_browser import tasks
from registry_browser.models import PlaceFigure
from registry_browser.queries.trends import DAYS, place_trend
from registry_browser.sync.figures.trends import KEPT, forget_old_figures, remember_places
from tests.record import Record

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def grown(record: Record, path: str, size: int) -> None:
    """One more image of so many bytes in a repository."""
    found = record.registry.repositories.filter(path=path).first() or record.repository(path)
    name = f"{path} {size}"
    record.tag(found, str(size), record.image(name, [record.layer(name, size)]))
    record.refresh()


def known(path: str) -> list[tuple[str, int]]:
    rows = PlaceFigure.objects.filter(path=path).order_by("day")
    return [(f"{day:%d}", stored) for day, stored in rows.values_list("day", "stored_bytes")]


def test_a_place_has_a_row_for_each_day_on_which_it_changed() -> None:
    record = Record()
    grown(record, "team/web", 100)
    grown(record, "team/api", 10)
    remember_places(record.registry, NOW - 3 * DAY)
    remember_places(record.registry, NOW - 2 * DAY)
    grown(record, "team/web", 1000)
    remember_places(record.registry, NOW - DAY)
    grown(record, "team/web", 10_000)
    remember_places(record.registry, NOW - DAY)

    assert known("team/web") == [("17", 100), ("19", 11_100)]
    assert known("team/api") == [("17", 10)]
    assert known("team") == [("17", 110), ("19", 11_110)]


def test_a_trend_goes_on_from_what_was_there_before_it_begins() -> None:
    record = Record()
    grown(record, "web", 100)
    remember_places(record.registry, NOW - (DAYS + 50) * DAY)
    grown(record, "web", 1000)
    remember_places(record.registry, NOW - 2 * DAY)

    trend = place_trend(record.registry.pk, "web", NOW)

    assert trend is not None
    assert len(trend.values) == DAYS + 1
    assert trend.values[0] == 100
    assert trend.values[-4:] == [100, 1100, 1100, 1100]
    assert place_trend(record.registry.pk, "nowhere", NOW) is None


def test_what_no_trend_shows_is_forgotten() -> None:
    record = Record()
    for number, days in enumerate((400, 300, 200, 10)):
        grown(record, "web", 10**number)
        remember_places(record.registry, NOW - days * DAY)

    forget_old_figures(NOW)

    [first, _] = PlaceFigure.objects.order_by("day")
    assert first.day == (NOW - 200 * DAY).date()
    assert timedelta(days=200) > KEPT


def test_a_worker_forgets_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record()
    for number, days in enumerate((300, 200)):
        grown(record, "web", 10**number)
        remember_places(record.registry, NOW - days * DAY)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)

    [schedule] = [
        each["schedule"]
        for each in settings.CELERY_BEAT_SCHEDULE.values()
        if each["task"] == tasks.forget.name
    ]
    tasks.forget()

    assert PlaceFigure.objects.count() == 1
    assert schedule == crontab(hour=3, minute=20)
