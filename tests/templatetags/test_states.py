"""States, stamps and progress."""

from datetime import timedelta

import pytest

from registry_browser.templatetags.states import LOOKS
from tests.templatetags.drawing import NOON, draw


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_every_state_has_a_glyph_of_the_sprite_and_a_word(name: str, sprite: set[str]) -> None:
    html = draw("{% state name %}", name=name)
    assert f"g-{LOOKS[name].glyph}" in sprite
    assert f"#g-{LOOKS[name].glyph}" in html
    assert LOOKS[name].word in html
    assert 'aria-hidden="true"' in html


def test_the_word_can_be_more_exact() -> None:
    assert draw('{% pill "child" "Child of a live index" %}').endswith(
        "Child of a live index</span>"
    )


def test_a_state_nobody_knows_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"“asleep” is not a state; known are tagged"):
        draw('{% state "asleep" %}')


def test_the_stamp_says_how_fresh_and_offers_a_sync_as_a_form() -> None:
    html = draw(
        '{% stamp "live" "Tags complete · synced" when=when sync_url="/sync" %}',
        when=NOON - timedelta(minutes=4),
        csrf_token="token",
    )
    assert "Tags complete · synced <time" in html
    assert ">4 min ago</time>" in html
    assert '<form method="post" action="/sync">' in html
    assert 'value="token"' in html


def test_a_stamp_without_an_address_has_no_button() -> None:
    assert "<form" not in draw('{% stamp "incomplete" "Last good data" %}')


def test_progress_is_a_native_bar_with_its_count_and_what_is_left() -> None:
    html = draw('{% progress "Sync acr-eu" 317 463 unit="repositories" seconds_left=110 %}')
    assert '<progress max="463" value="317" aria-label="Sync acr-eu">' in html
    assert "about 2 min left" in html
    assert "317 of 463 repositories" in html
    assert 'data-announce="Sync acr-eu: 60 %"' in html


def test_progress_without_a_total_is_a_count_without_a_bar() -> None:
    html = draw('{% progress "Listing" 812 None unit="repositories" %}')
    assert "<progress" not in html
    assert "data-announce" not in html
    assert "812 repositories" in html


def test_reasons_come_as_a_list_of_checks() -> None:
    html = draw("{% reasons why %}", why=["untagged since <2 March>", "child of no index"])
    assert html.count("<li>") == html.count("#g-check") == 2
    assert "&lt;2 March&gt;" in html
