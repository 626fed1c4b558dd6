"""How many bytes registries and their parts stored, day by day, from the figures at the end of each
run.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Max
from django.db.models.functions import TruncDate

from registry_browser.models import PlaceFigure, SyncRun

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS = 90


@dataclass(frozen=True, slots=True)
class Trend:
    """Stored bytes at the end of each day in UTC, from the first day known to today."""

    start: date
    values: list[int]

    @property
    def is_drawable(self) -> bool:
        return len(self.values) > 1

    @property
    def start_word(self) -> str:
        return f"{self.start.day} {self.start:%b}"

    def grown_in(self, days: int) -> int | None:
        """How many bytes came in so many days; None where the record is younger."""
        return self.values[-1] - self.values[-1 - days] if len(self.values) > days else None


def stored_trends(registries: Iterable[int], now: datetime) -> dict[int, Trend]:
    """The trend of each registry over the last ninety days; those without a run have none."""
    today = now.astimezone(UTC).date()
    since = datetime.combine(today - timedelta(days=DAYS), datetime.min.time(), UTC)
    runs = SyncRun.objects.filter(registry__in=list(registries), stored_bytes__isnull=False)
    last_of_day = (
        runs.filter(finished_at__gte=since, finished_at__lte=now)
        .annotate(day=TruncDate("finished_at", tzinfo=UTC))
        .order_by()
        .values("registry_id", "day")
        .annotate(last=Max("id"))
    )
    points: dict[int, dict[date, int]] = defaultdict(dict)
    rows = SyncRun.objects.filter(id__in=last_of_day.values("last")).order_by("id")
    for registry, finished_at, stored in rows.values_list(
        "registry_id", "finished_at", "stored_bytes"
    ):
        if finished_at is not None and stored is not None:
            points[registry][finished_at.astimezone(UTC).date()] = stored
    return {registry: _filled(known, today) for registry, known in points.items()}


def place_trend(registry: int, path: str, now: datetime) -> Trend | None:
    """The trend of a repository or namespace, from the days on which its figures changed; two
    statements. None where nothing is known of it yet.
    """
    today = now.astimezone(UTC).date()
    since = today - timedelta(days=DAYS)
    known = PlaceFigure.objects.filter(registry=registry, path=path, day__lte=today)
    points = dict(known.filter(day__gte=since).values_list("day", "stored_bytes"))
    before = known.filter(day__lt=since).order_by("-day").values_list("stored_bytes", flat=True)
    if (at_first := before.first()) is not None:
        points.setdefault(since, at_first)
    return _filled(points, today) if points else None


def sum_of(trends: Iterable[Trend], now: datetime) -> Trend:
    """All registries together; one that came later counts from its first day on."""
    today = now.astimezone(UTC).date()
    total: dict[date, int] = defaultdict(int)
    for trend in trends:
        for offset, value in enumerate(trend.values):
            total[trend.start + timedelta(days=offset)] += value
    return _filled(dict(total), today) if total else Trend(today, [])


def _filled(known: dict[date, int], today: date) -> Trend:
    """A day without a run stored what the day before did."""
    start = min(known)
    values: list[int] = []
    for offset in range((today - start).days + 1):
        values.append(known.get(start + timedelta(days=offset), values[-1] if values else 0))
    return Trend(start, values)
