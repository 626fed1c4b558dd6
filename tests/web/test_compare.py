"""Two images side by side, from any two references."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.history.trail import Trail, minute
from tests.record import Record, digest_of
from tests.web.test_history import text_of

if TYPE_CHECKING:
    from django.test import Client

    from registry_browser.models import Repository


@pytest.fixture
def web(db: None) -> Repository:
    """`1.0` and `2.0` share a base; `stable` moved from one to the other; `multi` has platforms."""
    record = Record()
    base = record.layer("base", 1000)
    first = record.image(
        "one",
        [base, record.layer("old code", 20)],
        config={
            "env": ["PATH=/bin", "MODE=slow"],
            "labels": {"team": "web"},
            "entrypoint": ["/app"],
            "history": [{"created_by": "COPY base /"}, {"created_by": "COPY old /"}],
        },
    )
    second = record.image(
        "two",
        [base, record.layer("new code", 30)],
        config={
            "env": ["PATH=/bin", "MODE=fast", "EXTRA=1"],
            "labels": {"team": "web", "tier": "gold"},
            "entrypoint": ["/app"],
            "history": [{"created_by": "COPY base /"}, {"created_by": "COPY new /"}],
        },
    )
    arm = record.image("arm", [base], platform="linux/arm64")
    web = record.repository("team/web")
    record.tag(web, "1.0", first)
    record.tag(web, "2.0", second)
    record.present(web, arm)
    trail = Trail(record, web)
    trail.look(minute(0), {"stable": "one"})
    trail.look(minute(10), {"stable": "two"})
    return web


def compare(client: Client, a: str, b: str, status: int = 200) -> str:
    response = client.get(f"/compare?{urlencode({'a': a, 'b': b})}")
    assert response.status_code == status, text_of(response.content.decode())
    return text_of(response.content.decode())


def test_layers_are_common_or_of_one_side_with_their_bytes(web: Repository, viewer: Client) -> None:
    text = compare(viewer, "prod/team/web:1.0", "prod/team/web:2.0")

    assert "1 layer in common, 1,000 B compressed · only first 20 B · only second 30 B" in text
    assert "first only" in text
    assert "second only" in text


def test_what_is_the_same_is_said_in_one_place(web: Repository, viewer: Client) -> None:
    text = compare(viewer, "prod/team/web:1.0", "prod/team/web:1.0")

    assert "The same in both" in text
    assert "Environment 2" in text.partition("The same in both")[2]


def test_one_image_is_offered_the_tags_beside_it(web: Repository, viewer: Client) -> None:
    page = viewer.get("/compare?a=prod/team/web:1.0").content.decode()

    assert 'href="?a=prod%2Fteam%2Fweb%3A1.0&amp;b=prod%2Fteam%2Fweb%3A2.0">2.0</a>' in page
    assert ">1.0</a>" not in page
    assert viewer.get("/compare?a=prod/nowhere:1.0").status_code == 404


def test_config_environment_labels_and_history_are_compared(
    web: Repository, viewer: Client
) -> None:
    text = compare(viewer, "prod/team/web:1.0", "prod/team/web:2.0")

    assert "Environment 2 differences, 1 the same" in text
    assert "MODE slow fast" in text
    assert "EXTRA \N{EN DASH} 1" in text
    assert "Labels 1 difference, 1 the same" in text
    assert "tier \N{EN DASH} gold" in text
    assert "COPY old /" in text.partition("Build history")[2]


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("prod/team/web:stable@{2026-11-01 08:00}", "one"),
        ("prod/team/web:stable@{2026-11-01 09:00}", "two"),
        ("registry.example/team/web:1.0", "one"),
        (f"prod/team/web@{digest_of('two')}", "two"),
    ],
)
def test_a_reference_may_be_a_tag_then_a_host_or_a_digest(
    web: Repository, viewer: Client, reference: str, name: str
) -> None:
    text = compare(viewer, reference, f"prod/team/web@{digest_of(name)}")

    assert "The same manifest" in text


def test_a_moment_between_two_looks_is_said_to_be_uncertain(
    web: Repository, viewer: Client
) -> None:
    text = compare(viewer, "prod/team/web:stable@{2026-11-01 08:05}", "prod/team/web:2.0")

    assert "stable changed around that moment" in text


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("nonsense here and there!", "is no reference"),
        ("prod/team/api:1.0", "no such repository is in the record"),
        ("prod/team/web:3.0", "has no tag 3.0 now"),
        ("prod/team/web:stable@{2020-01-01}", "Nobody had looked"),
        ("prod/team/web:stable@{someday}", "is no moment"),
        (f"prod/team/web@{digest_of('never')}", "the record does not hold"),
    ],
)
def test_what_leads_nowhere_is_explained(
    web: Repository, viewer: Client, reference: str, sentence: str
) -> None:
    text = compare(viewer, reference, "prod/team/web:1.0", status=404)

    assert sentence in text


def test_a_move_in_the_history_leads_to_the_comparison(web: Repository, viewer: Client) -> None:
    page = viewer.get("/r/prod/team/web/-/history?tag=stable").content.decode()
    address = page.partition('href="/compare')[2].partition('"')[0].replace("&amp;", "&")

    response = viewer.get(f"/compare{address}")

    assert "MODE slow fast" in text_of(response.content.decode())


def test_two_platforms_of_one_tag_are_compared(web: Repository, viewer: Client) -> None:
    record = Record("edge", "https://edge.example")
    base = record.layer("edge base", 500)
    amd = record.image("amd", [base, record.layer("amd code", 40)])
    arm = record.image("arm64", [base, record.layer("arm code", 30)], platform="linux/arm64")
    tools = record.repository("tools")
    record.tag(tools, "1.0", record.index("multi", {"linux/amd64": amd, "linux/arm64": arm}))

    text = compare(viewer, "edge/tools:1.0 linux/amd64", "edge/tools:1.0 linux/arm64")

    assert f"Compared linux/amd64 {digest_of('amd')[7:19]}" in text
    assert f"Compared linux/arm64 {digest_of('arm64')[7:19]}" in text
    assert "1 layer in common, 500 B compressed · only first 40 B · only second 30 B" in text
    assert "platform linux/amd64 linux/arm64" in text


def test_a_platform_that_an_index_lacks_is_named_with_those_it_has(
    web: Repository, viewer: Client
) -> None:
    record = Record("edge", "https://edge.example")
    tools = record.repository("tools")
    only = record.index("one child", {"linux/amd64": record.image("amd")})
    record.tag(tools, "1.0", only)

    text = compare(viewer, "edge/tools:1.0 linux/s390x", "prod/team/web:1.0", status=404)

    assert "has no linux/s390x; it has linux/amd64" in text


def test_one_image_in_two_registries_is_the_same_and_another_differs_in_its_layers(
    web: Repository, viewer: Client
) -> None:
    copy = Record("copies", "https://copies.example")
    base = copy.layer("base", 1000)
    there = copy.repository("mirror/web")
    copy.tag(there, "1.0", copy.image("one", [base, copy.layer("old code", 20)]))
    copy.tag(there, "next", copy.image("three", [base, copy.layer("next code", 70)]))

    same = compare(viewer, "prod/team/web:1.0", "copies/mirror/web:1.0")
    other = compare(viewer, "prod/team/web:1.0", "copies.example/mirror/web:next")

    assert "The same manifest" in same
    assert "prod/team/web:1.0" in other
    assert "copies/mirror/web:next" in other
    assert "1 layer in common, 1,000 B compressed · only first 20 B · only second 70 B" in other


def test_what_changed_in_a_tag_on_a_day_is_one_link(web: Repository, viewer: Client) -> None:
    trail = Trail(Record("edge", "https://edge.example"), web)
    trail.record.registry = web.registry
    trail.tags, trail.seen, trail.looked_at = {"stable": "two"}, {"stable"}, minute(10)
    tuesday = minute(2 * 24 * 60)
    trail.look(tuesday, {"stable": "one"})
    page = viewer.get("/r/prod/team/web/-/tags/stable/history").content.decode()
    day = page.partition("Tuesday 3 November 2026")[2].partition("</div>")[0]
    address = day.partition('href="')[2].partition('"')[0].replace("&amp;", "&")

    text = text_of(viewer.get(address).content.decode())

    assert "What changed that day" in day
    assert "As of 3 Nov 2026 00:00:00 UTC" in text
    assert "As of 4 Nov 2026 00:00:00 UTC" in text
    assert "MODE fast slow" in text


@pytest.mark.parametrize(
    ("address", "reference"),
    [
        ("/r/prod/team/web/-/tags/1.0", "prod/team/web:1.0"),
        (f"/r/prod/team/web/-/manifests/{digest_of('two')}", f"prod/team/web@{digest_of('two')}"),
    ],
)
def test_an_image_leads_to_its_comparison_with_another(
    web: Repository, viewer: Client, address: str, reference: str
) -> None:
    page = viewer.get(address).content.decode()
    there = page.partition('href="/compare')[2].partition('"')[0]

    form = viewer.get(f"/compare{there}").content.decode()

    assert f'name="a" value="{reference}"' in form
    assert "What can be compared" in form


def test_without_references_the_page_says_what_can_be_compared(
    web: Repository, viewer: Client
) -> None:
    assert "registry/path:tag" in text_of(viewer.get("/compare").content.decode())
