"""What tags were seen to do: their events and timeline, a moment, and two moments compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry_browser.queries import manifests
from registry_browser.queries.history import events
from registry_browser.queries.history.difference import changed_between
from registry_browser.queries.history.digests import tags_of_digest
from registry_browser.queries.history.lanes import lanes
from registry_browser.queries.history.moments import stood_at, tag_at
from registry_browser.queries.history.registries import ledger_registries
from registry_browser.queries.history.seals import seal_state
from registry_browser.queries.tree import has_repositories_below
from registry_browser.web.access import auditors_only
from registry_browser.web.asked import asked_page, asked_text
from registry_browser.web.history_asked import (
    KIND_WORDS,
    SEGMENTS,
    SOURCE_WORDS,
    Asked,
    asked_history,
    asked_moment,
)
from registry_browser.web.history_places import HistoryPlace, find_place
from registry_browser.web.htmx import asks_for_region, page_or_region
from registry_browser.web.lanes import draw, ticks, window
from registry_browser.web.places import explain_absence

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from registry_browser.web.htmx import HtmxRequest

_STOOD_ASIDE = 6
EXPORTS = [("csv", "CSV"), ("jsonl", "JSON lines")]


def at_place(
    view: Callable[[HtmxRequest, HistoryPlace], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Give a view the place of its address; refuse those who may not read its history."""

    @wraps(view)
    def placed(request: HtmxRequest, /, **address: str) -> HttpResponse:
        place = find_place(request, **address)
        if not (place.is_open_to_all or request.user.is_auditor):
            return auditors_only(request)
        return view(request, place)

    return explain_absence(placed)  # type: ignore[return-value]


@require_safe
@at_place
def history(request: HtmxRequest, place: HistoryPlace) -> HttpResponse:
    """Sentences by day, newest first, above them the lanes, beside them the moment asked for."""
    now = datetime.now(UTC)
    asked = _asked(request, place, now)
    page = events.event_page(place.scope, asked.wanted, after=asked_text(request, "after"))
    context = {
        **_frame(place, asked),
        **({} if asks_for_region(request) else _head(place)),
        "events": page,
        **_timeline(request, place, asked, page, now),
        **_stood_aside(place, asked),
    }
    if request.user.is_auditor:
        context["seals"] = seal_state(now)
    if asked.wanted.digest:
        ids = None if place.repository is None else [place.repository.pk]
        context["had"] = tags_of_digest(asked.wanted.digest, repositories=ids)
    return page_or_region(
        request,
        page="history/history.html",
        region="history/_history.html",
        context=context,
    )


@require_safe
@at_place
def as_of(request: HtmxRequest, place: HistoryPlace) -> HttpResponse:
    """Every tag as it stood at a moment; now, where none is asked for."""
    now = datetime.now(UTC)
    asked = _asked(request, place, now)
    moment = asked.at or now
    stood = stood_at(
        place.scope, moment, wanted=asked.wanted, after=asked_text(request, "after_tag")
    )
    context = {**_frame(place, asked), "stood": stood, "moment": moment, "now": now}
    context["crumbs"] = place.crumbs_to("As of a moment", asked.kept)
    return render(request, "history/as_of.html", context)


@require_safe
@at_place
def between(request: HtmxRequest, place: HistoryPlace) -> HttpResponse:
    """What changed from one moment to another; to now, where no end is asked for."""
    now = datetime.now(UTC)
    asked = _asked(request, place, now)
    start = asked_moment(request, "from", asked.problems)
    end = asked_moment(request, "to", asked.problems, end_of_day=True) or now
    if start is not None and start > end:
        start, end = end, start
    context = {**_frame(place, asked), "start": start, "end": end, "now": now}
    context["crumbs"] = place.crumbs_to("What changed", asked.kept)
    if start is not None:
        context["difference"] = changed_between(
            place.scope, start, end, wanted=asked.wanted, after=asked_text(request, "after")
        )
    return render(request, "history/between.html", context)


def _asked(request: HtmxRequest, place: HistoryPlace, now: datetime) -> Asked:
    asked = asked_history(request, now)
    return replace(asked, wanted=place.narrowed(asked.wanted))


def _frame(place: HistoryPlace, asked: Asked) -> dict[str, Any]:
    return {"place": place, "asked": asked, "registry": place.registry, "crumbs": place.crumbs}


def _head(place: HistoryPlace) -> dict[str, Any]:
    """What stands above the region that filters change: the tabs of a repository, the filters."""
    tabs: dict[str, Any] = {}
    if place.repository is not None and not place.tag:
        tabs = {
            "untagged_count": manifests.untagged_count(place.repository),
            "referrer_count": manifests.referrer_count(place.repository),
            "has_below": has_repositories_below(place.repository.registry, place.repository.path),
        }
    registries = [] if place.args else sorted({name for _, name in ledger_registries()})
    return tabs | {
        "repository": place.repository,
        "kind_options": KIND_WORDS,
        "source_options": SOURCE_WORDS,
        "actor_options": [("", "anyone"), *((each, each) for each in events.actors(place.scope))],
        "registry_options": [("", "any"), *((name, name) for name in registries)],
    }


def _timeline(
    request: HtmxRequest, place: HistoryPlace, asked: Asked, page: events.EventPage, now: datetime
) -> dict[str, Any]:
    wanted = asked.wanted
    known = page.rows if page.is_whole and wanted.since is None else None
    first = None if wanted.since else _first_seen(place, asked, known)
    shown = window(wanted.since, wanted.until, first, now)
    # The lanes of tags that did not change in the window are drawn too.
    meant = replace(wanted, since=None) if wanted.since else wanted
    found = lanes(
        place.scope, meant, shown.since, shown.until, page=asked_page(request), events=known
    )
    return {
        "window": shown,
        "ticks": ticks(shown, is_past=shown.until < now),
        "found_lanes": found,
        "lanes": draw(found.lanes, shown, with_path=place.has_many_paths),
        "spans": SEGMENTS,
        "exports": EXPORTS,
        "span": "" if wanted.until else request.GET.get("span", ""),
        "is_dragged": bool(request.GET.get("since") or request.GET.get("until")),
        "earlier": shown.moved(-0.5, now).as_query,
        "later": shown.moved(0.5, now).as_query if shown.until < now else None,
        "closer": shown.scaled(0.5, now).as_query,
        "farther": shown.scaled(2, now).as_query,
        "at_place": f"{shown.place(asked.at):.2f}%" if asked.at and shown.holds(asked.at) else "",
    }


def _first_seen(
    place: HistoryPlace, asked: Asked, known: list[events.EventRow] | None
) -> datetime | None:
    if known is None:
        return events.first_seen(place.scope, asked.wanted)
    return min((event.seen_at for event in known), default=None)


def _stood_aside(place: HistoryPlace, asked: Asked) -> dict[str, Any]:
    if asked.at is None:
        return {}
    if place.tag and place.repository is not None:
        return {"tag_stood": tag_at(place.repository.pk, place.tag, asked.at)}
    return {"stood": stood_at(place.scope, asked.at, wanted=asked.wanted, size=_STOOD_ASIDE)}
