"""Breadcrumb, notice, empty list, pull box, form fields and the filter bar."""

import re

from django import forms
from django.test import RequestFactory

from tests.templatetags.drawing import WEB, draw


class Connect(forms.Form):
    url = forms.CharField(label="Address", help_text="With its scheme.")
    safe = forms.BooleanField(label="Deletion is allowed", required=False)


def command(reference: str) -> dict[str, str]:
    return {
        "before": "docker pull ",
        "host": "registry.example/",
        "path": "team/web",
        "reference": reference,
    }


def test_the_last_crumb_is_this_page_and_no_link() -> None:
    html = draw("{% breadcrumb crumbs %}", crumbs=[("prod", "/r/prod/"), ("<web>", None)])
    assert '<a class="quiet" href="/r/prod/">prod</a>' in html
    assert '<span aria-current="page">&lt;web&gt;</span>' in html


def test_a_notice_states_the_fact_and_ends_with_the_cause_as_it_was_given() -> None:
    html = draw(
        '{% notice "unreachable" heading cause=cause %}<p>Nothing was lost.</p>{% endnotice %}',
        heading="acr-eu & co cannot be reached",
        cause="TLS: <expired>",
    )
    assert 'class="notice danger"' in html
    assert "<h2>acr-eu &amp; co cannot be reached</h2><p>Nothing was lost.</p>" in html
    assert "<code>TLS: &lt;expired&gt;</code>" in html


def test_what_a_notice_says_about_a_registry_is_escaped() -> None:
    html = draw(
        '{% notice "failed" "Refused" %}<p>{{ said }}</p>{% endnotice %}', said="<script>1</script>"
    )
    assert "<script>" not in html


def test_an_empty_list_is_a_fact_and_a_way_forward() -> None:
    html = draw('{% empty "No tag matches" %}<a href="?">Clear the filter</a>{% endempty %}')
    assert '<h3>No tag matches</h3><a href="?">Clear the filter</a>' in html


def test_a_pull_box_offers_each_tool_by_tag_and_by_digest() -> None:
    commands = [
        ("docker", command(":1.4"), command(f"@{WEB}")),
        ("podman", command(":1.4"), command(f"@{WEB}")),
    ]
    html = draw("{% pull_box commands %}", commands=commands)
    assert re.findall(r'data-tool="(\w+)" data-by="(\w+)"', html) == [
        ("docker", "tag"),
        ("docker", "digest"),
        ("podman", "tag"),
        ("podman", "digest"),
    ]
    assert html.count("checked") == 2


def test_a_digest_is_short_on_screen_and_whole_when_copied() -> None:
    html = draw("{% pull_box c %}", c=[("docker", None, command(f"@{WEB}"))])
    assert "<b>@sha256:0b7318a6c82d…</b>" in html
    assert f'data-copy="docker pull registry.example/team/web@{WEB}"' in html
    assert 'value="tag"' not in html


def test_nothing_to_pull_is_no_box() -> None:
    assert draw("{% pull_box c %}", c=[]).strip() == ""


def test_a_field_ties_label_hint_and_error_to_its_input() -> None:
    html = draw("{% field form.url %}", form=Connect({}))
    assert '<label for="id_url">Address</label>' in html
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described is not None
    assert all(f'id="{name}"' in html for name in described[1].split())
    assert 'aria-invalid="true"' in html
    assert "This field is required." in html


def test_a_checkbox_stands_before_its_label() -> None:
    html = draw("{% field form.safe %}", form=Connect())
    assert re.search(r'<label class="check"><input type="checkbox"[^>]*><span>Deletion', html)


def test_the_filter_bar_works_as_a_plain_form_and_while_one_types() -> None:
    html = draw(
        '{% filters "Filter tags" %}{% filter_field "Filter tags" %}{% endfilters %}',
        "/r/prod/web/?q=10",
        region="#tags",
    )
    assert '<form class="filters" id="filters" role="search" method="get"' in html
    assert 'action="/r/prod/web/"' in html
    assert 'hx-trigger="input delay:250ms, submit"' in html
    assert '<button class="button plain">Filter</button>' in html


def test_a_filter_that_is_set_shows_it_and_can_be_cleared() -> None:
    html = draw('{% filter_field "Filter tags" %}', "/x/?q=10&sort=size&page=2")
    assert 'class="boxed set"' in html
    assert 'value="10"' in html
    assert 'href="?sort=size"' in html


def test_a_pick_knows_what_is_picked() -> None:
    options = [("", "any"), ("amd64", "amd64")]
    html = draw('{% pick "Platform" "platform" options %}', "/x/?platform=amd64", options=options)
    assert 'class="pick set"' in html
    assert '<option value="amd64" selected>' in html


def test_what_was_found_replaces_itself_when_htmx_asks_for_the_region_alone() -> None:
    assert "hx-swap-oob" not in draw('{% found "3 tags" %}')
    request = RequestFactory().get("/x/")
    request.htmx = True  # type: ignore[attr-defined]
    assert 'hx-swap-oob="true"' in draw('{% found "3 tags" %}', request=request)


def test_the_filter_keeps_the_order() -> None:
    assert draw('{% kept "sort" "state" %}', "/x/?sort=-size") == (
        '<input type="hidden" form="filters" name="sort" value="-size">'
    )
