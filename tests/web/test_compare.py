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


def test_config_environment_labels_and_history_are_compared(
    web: Repository, viewer: Client
) -> None:
    text = compare(viewer, "prod/team/web:1.0", "prod/team/web:2.0")

    assert "Environment 2 differences, 1 the same" in text
    assert "MODE slow fast" in text
    assert "EXTRA \N{EN DASH} 1" in text
    assert "Labels 1 difference, 1 the same" in text
    assert "tier \N{EN DASH} gold" in text
    assert "COPY old /" in text.partition("History")[2]


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


def test_without_references_the_page_says_what_can_be_compared(
    web: Repository, viewer: Client
) -> None:
    assert "registry/path:tag" in text_of(viewer.get("/compare").content.decode())
