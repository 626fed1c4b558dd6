"""What the query of a history page asks for, and what of it could not be understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from registry_browser.models import EventSource, TagEventKind
from registry_browser.queries.history.scope import HistoryFilter
from registry_browser.queries.history.times import SPANS, read_moment
from registry_browser.web.asked import asked_text

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest

FILTERS = (
    *("tag", "path", "digest", "actor", "source", "kind", "since", "until", "span", "registry"),
    # Not a filter, but where: below a path that is a repository too.
    "below",
)
SEGMENTS = [("7d", "7 d"), ("30d", "30 d"), ("1y", "1 y"), ("", "All")]
KIND_WORDS = [("", "any"), *((kind.value, str(kind.label).lower()) for kind in TagEventKind)]
SOURCE_WORDS = [("", "any"), *((each.value, str(each.label).lower()) for each in EventSource)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A filter, the moment of an as-of question, and sentences about what was not understood.

    `kept` is the part of the query that says what is shown, for links that show the same.
    """

    wanted: HistoryFilter
    at: datetime | None
    problems: list[str]
    kept: str

    @property
    def is_filtered(self) -> bool:
        return bool(self.wanted.as_dict())


def asked_history(request: HttpRequest, now: datetime, *, up_to: int | None = None) -> Asked:
    """The filter of a history page. A value that cannot be understood is left out and named."""
    problems: list[str] = []
    since = asked_moment(request, "since", problems)
    until = asked_moment(request, "until", problems, end_of_day=True)
    span = SPANS.get(request.GET.get("span", ""))
    if span is not None and since is None and until is None:
        since = now - span
    wanted = HistoryFilter(
        tag=asked_text(request, "tag"),
        path=asked_text(request, "path"),
        digest=asked_text(request, "digest"),
        actor=asked_text(request, "actor"),
        source=_one_of(asked_text(request, "source"), EventSource.values, "source", problems),
        kind=_one_of(asked_text(request, "kind"), TagEventKind.values, "event", problems),
        since=since,
        until=until,
        up_to=up_to,
    )
    kept = urlencode({name: value for name in FILTERS if (value := asked_text(request, name))})
    return Asked(
        wanted=wanted, at=asked_moment(request, "at", problems), problems=problems, kept=kept
    )


def asked_moment(
    request: HttpRequest, name: str, problems: list[str], *, end_of_day: bool = False
) -> datetime | None:
    """A moment of the query; what is none is named in `problems`."""
    text = asked_text(request, name)
    if not text:
        return None
    try:
        return read_moment(text, end_of_day=end_of_day)
    except ValueError as error:
        problems.append(str(error))
        return None


def _one_of(text: str, known: list[str], what: str, problems: list[str]) -> str:
    if text and text not in known:
        problems.append(f"“{text[:40]}” is no {what}; there are {', '.join(known)}.")
        return ""
    return text
