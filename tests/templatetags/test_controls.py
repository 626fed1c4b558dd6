"""Links that switch a view: query, sorting, tabs, paging, expanders."""

import pytest

from tests.templatetags.drawing import draw


@pytest.mark.parametrize(
    ("source", "address", "expected"),
    [
        ("{% query page=2 %}", "/x/?q=a%26b", "?q=a%26b&page=2"),
        ("{% query page=2 %}", "/x/?page=1&page=9", "?page=2"),
        ("{% query q=None %}", "/x/?q=a", "?"),
        ('{% query q="" sort="size" %}', "/x/?q=a", "?sort=size"),
    ],
)
def test_a_query_keeps_what_it_is_not_told_to_change(
    source: str, address: str, expected: str
) -> None:
    assert draw("{% autoescape off %}" + source + "{% endautoescape %}", address) == expected


def test_a_head_that_is_not_sorted_by_offers_its_usual_order() -> None:
    html = draw('{% sort_head "Size" "size" css="number" descending=True %}', "/x/?page=3&q=a")
    assert html == '<th scope="col" class="number"><a href="?q=a&amp;sort=-size">Size</a></th>'


@pytest.mark.parametrize(
    ("now", "aria", "following"),
    [("size", "ascending", "-size"), ("-size", "descending", "size")],
)
def test_the_sorted_head_says_so_and_offers_the_other_way(
    now: str, aria: str, following: str
) -> None:
    html = draw('{% sort_head "Size" "size" %}', f"/x/?sort={now}")
    assert f'aria-sort="{aria}"' in html
    assert f'href="?sort={following}"' in html


def test_the_order_of_the_page_wins_where_the_query_has_none() -> None:
    assert 'aria-sort="descending"' in draw('{% sort_head "Tag" "tag" %}', sort="-tag")


def test_links_swap_the_region_of_a_page_that_names_one() -> None:
    html = draw('{% sort_head "Size" "size" %}', "/x/?q=a", region="#tags")
    assert 'href="?q=a&amp;sort=size"' in html
    assert 'hx-get="/x/?q=a&amp;sort=size" hx-target="#tags"' in html
    assert 'hx-push-url="true"' in html


def test_tabs_mark_the_current_one_and_carry_counts() -> None:
    html = draw(
        '{% tabs "Views of web" %}{% tab "Tags" "/t" count=1096 current=True %}'
        '{% tab "Space" "/s" %}{% endtabs %}'
    )
    assert '<nav class="tabs" aria-label="Views of web">' in html
    assert '<a href="/t" aria-current="true">Tags <span class="count">1,096</span></a>' in html
    assert '<a href="/s">Space</a>' in html


def test_segments_may_show_the_glyph_of_a_state() -> None:
    html = draw(
        '{% segments "State" %}{% segment "Dangling" "?state=dangling" count=7 state="dangling" %}'
        "{% endsegments %}"
    )
    assert "#g-broken" in html
    assert 'aria-label="State"' in html


def test_the_pager_says_where_one_is() -> None:
    html = draw('{% pager 51 100 1484 previous="?page=1" following="?page=3" %}')
    assert "51\N{EN DASH}100 of 1,484" in html
    assert 'href="?page=1" rel="prev"' in html
    assert 'href="?page=3" rel="next"' in html


def test_a_pager_without_a_total_does_not_invent_one() -> None:
    assert " of " not in draw("{% pager 1 50 None %}")


def test_an_empty_list_has_no_span() -> None:
    assert ">0 of 0</span>" in draw("{% pager 0 0 0 %}")


def test_an_expander_is_a_link_that_names_the_rows_it_opens() -> None:
    html = draw('{% expander "rows-3" "?open=10.18" "Platforms of 10.18" source="/rows" %}')
    assert 'href="?open=10.18" aria-expanded="false" aria-controls="rows-3"' in html
    assert 'hx-get="/rows" hx-target="#rows-3"' in html


def test_opened_rows_are_not_fetched_again() -> None:
    html = draw('{% expander "rows-3" "?" "Platforms" opened=True source="/rows" %}')
    assert 'aria-expanded="true"' in html
    assert "hx-get" not in html
