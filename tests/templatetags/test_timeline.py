"""Lanes as pictures: what they say of themselves, and that no text becomes markup."""

from datetime import UTC, datetime, timedelta

from registry_browser.queries.history.lanes import SLICES, Lane
from registry_browser.queries.history.standing import Span
from registry_browser.templatetags.timeline import lane_picture
from registry_browser.web.lanes import Window, draw
from tests.templatetags.drawing import WEB

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
WEEK = Window(NOW - timedelta(days=7), NOW)


def picture(
    *spans: Span, registry: str = "prod", slices: tuple[int, ...] = (), tag: str = "stable"
) -> str:
    lane = Lane(
        registry=registry,
        repository=1,
        path="team/web",
        tag=tag,
        spans=list(spans),
        slices=list(slices),
    )
    [drawn] = draw([lane], WEEK, with_path=True)
    return lane_picture(drawn, at_place="50.00%")


def since(days: float) -> Span:
    return Span(
        digest=WEB,
        since_not_before=NOW - timedelta(days=days + 1),
        since_seen_at=NOW - timedelta(days=days),
    )


def test_a_span_leads_to_its_image_and_says_since_when() -> None:
    html = picture(since(2))

    assert f'<a href="/r/prod/team/web/-/manifests/{WEB}"' in html
    fact = "team/web:stable is 0b7318a6c82d since 18 Nov 2026 14:30:00 UTC"
    assert f'aria-label="{fact}"' in html
    assert f"<title>{fact}</title>" in html
    assert 'class="hue-10"' in html
    assert "0b7318a6c82d</text>" in html


def test_what_is_uncertain_and_the_moment_asked_for_are_drawn_above_it() -> None:
    html = picture(since(2))

    assert html.index("span-fill") < html.index("uncertain") < html.index('class="as-of"')


def test_spans_of_a_registry_that_was_removed_lead_nowhere() -> None:
    html = picture(since(2), registry="")

    assert "<a" not in html
    assert '<g class="hue-10">' in html


def test_a_crowded_lane_is_drawn_as_how_often_it_changed() -> None:
    html = picture(slices=(3, *[0] * (SLICES - 2), 9))

    assert html.count('class="density"') == 2
    assert "9 changes from" in html


def test_names_stay_text() -> None:
    html = picture(since(2), tag='"><script>')

    assert "<script>" not in html
    assert "&quot;&gt;&lt;script&gt;" in html
