"""The geometry of a timeline: percent across, pixels down, no measuring in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from registry_browser.queries.history.lanes import SLICES, Lane
from registry_browser.queries.history.times import EARLIEST, between_in_words, in_words, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry_browser.queries.history.standing import Span

_LEAST = 0.3
"""Percent: a span is seen however short it was."""
_BAND = 0.15
"""Percent: a narrower band of uncertainty would not be seen."""
# Hex digits and the width in percent from which on they fit: a lane is 640 pixels wide or more.
_LABELS = ((12, 14.0), (6, 8.0), (4, 5.5))
_SHORT_LABEL = 20.0
_STEPS = [
    *(timedelta(minutes=number) for number in (1, 5, 15, 30)),
    *(timedelta(hours=number) for number in (1, 3, 6, 12)),
    *(timedelta(days=number) for number in (1, 2, 5, 7, 14, 30, 61, 91, 182, 365)),
]
_TICKS = 6
_SHORTEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A span, or what is uncertain; `x` and `width` in percent."""

    x: str
    width: str
    digest: str = ""
    label: str = ""
    short: str = ""
    fact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How often a crowded lane changed in a part of the window; `y` and `height` in pixels."""

    x: str
    width: str
    y: str
    height: str
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLane:
    """What `{% lane_picture %}` draws. `registry` is empty where it was removed."""

    registry: str
    path: str
    tag: str
    name: str
    title: str
    summary: str
    boxes: list[Box]
    bands: list[Box]
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Tick:
    """A word of the axis; `is_narrow` if there is room for it on a phone too."""

    x: str
    word: str
    is_narrow: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is drawn."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since

    def place(self, moment: datetime) -> float:
        """In percent from the left, kept inside."""
        return min(100.0, max(0.0, (moment - self.since) / self.length * 100))

    def holds(self, moment: datetime) -> bool:
        return self.since <= moment <= self.until

    def moved(self, share: float, now: datetime) -> Window:
        """The window that lies `share` of its length later, not beyond `now`."""
        until = min(now, max(self.until + self.length * share, EARLIEST + self.length))
        return Window(max(until - self.length, EARLIEST), until)

    def scaled(self, factor: float, now: datetime) -> Window:
        """Longer or shorter around the middle; the end is kept where it was the present."""
        length = max(_SHORTEST, self.length * factor)
        middle = self.since + self.length / 2
        until = min(now, self.until if self.until >= now else middle + length / 2)
        return Window(max(until - length, EARLIEST), until)

    @property
    def as_query(self) -> dict[str, str]:
        """How an address says this window."""
        return {"since": written(self.since), "until": written(self.until)}


def window(
    since: datetime | None, until: datetime | None, first: datetime | None, now: datetime
) -> Window:
    """The window for a filter: from its start, else the first event, to its end, else now."""
    end = max(until or now, EARLIEST + _SHORTEST)
    start = since or first or end - timedelta(days=30)
    return Window(max(min(start, end - _SHORTEST), EARLIEST), end)


def ticks(shown: Window, *, is_past: bool) -> list[Tick]:
    """Some round moments of the window, and its end where that is left free: a window that does
    not end now says when it ends, which is longer.
    """
    step = next((step for step in _STEPS if shown.length / step <= _TICKS), shown.length / _TICKS)
    epoch = datetime(2020, 1, 6, tzinfo=UTC)
    moment = epoch + ((shown.since - epoch) // step + 1) * step
    found: list[Tick] = []
    last = -100.0
    while moment <= shown.until:
        place = shown.place(moment)
        if 4 <= place <= (80 if is_past else 94):
            # On a phone a lane is 180 pixels wide or more: one word in a third of it.
            is_narrow = 10 <= place <= (40 if is_past else 70) and place - last >= 33
            last = place if is_narrow else last
            found.append(Tick(f"{_short(place)}%", _word(moment, step), is_narrow))
        moment += step
    return found


def draw(lanes: Sequence[Lane], shown: Window, *, with_path: bool) -> list[DrawnLane]:
    """The lanes of a page; `with_path` names the repository too."""
    return [_draw(lane, shown, with_path) for lane in lanes]


def _draw(lane: Lane, shown: Window, with_path: bool) -> DrawnLane:
    title = f"{lane.path}:{lane.tag}" if with_path else lane.tag
    short_path = lane.path.rpartition("/")[2]
    ends = {span.since_seen_at for span in lane.spans}
    bands = [band for span in lane.spans for band in _bands(span, shown, ends)]
    return DrawnLane(
        registry=lane.registry,
        path=lane.path,
        tag=lane.tag,
        name=f"{short_path}:{lane.tag}" if with_path else lane.tag,
        title=title,
        summary=_summary(lane, title),
        boxes=[_box(span, title, shown) for span in lane.spans],
        bands=bands,
        bars=_bars(lane.slices, shown),
    )


def _summary(lane: Lane, title: str) -> str:
    if lane.slices:
        return f"{title} changed {lane.changes:,} times in this window: too often to draw each"
    if not lane.spans:
        return f"{title} did not exist in this window, as far as is known"
    last = lane.spans[-1]
    state = "points" if last.until_seen_at is None else "last pointed"
    return f"{title} had {len(lane.spans)} images in this window, {state} to {_hex(last)[:12]}"


def _box(span: Span, title: str, shown: Window) -> Box:
    start = shown.place(span.since_seen_at)
    end = shown.place(span.until_seen_at) if span.until_seen_at else 100.0
    width = min(max(end - start, _LEAST), 100.0)
    start = min(start, 100.0 - width)
    label = next((_hex(span)[:digits] for digits, least in _LABELS if width >= least), "")
    until = f" until {in_words(span.until_seen_at)}" if span.until_seen_at else ""
    verb = "was" if span.until_seen_at else "is"
    return Box(
        x=f"{_short(start)}%",
        width=f"{_short(width)}%",
        digest=span.digest,
        label=label,
        short=_hex(span)[:4] if width >= _SHORT_LABEL else "",
        fact=f"{title} {verb} {_hex(span)[:12]} since {in_words(span.since_seen_at)}{until}",
    )


def _bands(span: Span, shown: Window, starts: set[datetime]) -> list[Box]:
    """Where the span may have begun, and where it may have ended without another that followed."""
    edges = [(span.since_not_before, span.since_seen_at, "changed")]
    if span.until_seen_at is not None and span.until_seen_at not in starts:
        edges.append((span.until_not_before, span.until_seen_at, "ended"))
    found = []
    for earliest, latest, word in edges:
        if earliest is None:
            continue
        start, end = shown.place(earliest), shown.place(latest)
        if end - start >= _BAND:
            fact = f"{word} somewhere {between_in_words(earliest, latest)}"
            found.append(Box(x=f"{_short(start)}%", width=f"{_short(end - start)}%", fact=fact))
    return found


def _bars(slices: Sequence[int], shown: Window) -> list[Bar]:
    most = max(slices, default=0)
    part = 100 / SLICES
    return [
        Bar(
            x=f"{_short(number * part)}%",
            width=f"{_short(part * 0.9)}%",
            y=_short(32 - max(2.0, 24 * count / most)),
            height=_short(max(2.0, 24 * count / most)),
            fact=f"{count:,} changes from {in_words(shown.since + shown.length / SLICES * number)}",
        )
        for number, count in enumerate(slices)
        if count
    ]


def _word(moment: datetime, step: timedelta) -> str:
    if step < timedelta(days=1):
        return f"{moment.astimezone(UTC):%H:%M}" if moment.hour or moment.minute else _day(moment)
    return f"{moment:%b %Y}" if step >= timedelta(days=182) else _day(moment)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"


def _hex(span: Span) -> str:
    return span.digest.partition(":")[2]


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
