"""Search, and the way from a reference to its page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.record import Record, digest_of
from tests.web.test_browse import HOSTILE, text_of

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db


def filled() -> Record:
    record = Record()
    record.tag(record.repository("team/web"), "1.0", record.image("app", [record.layer("code", 1)]))
    return record


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("registry.example/team/web:1.0", "/r/prod/team/web/-/tags/1.0"),
        ("docker pull registry.example/team/web:1.0", "/r/prod/team/web/-/tags/1.0"),
        ("registry.example/team", "/r/prod/team/"),
        (digest_of("app"), f"/r/prod/team/web/-/manifests/{digest_of('app')}"),
        (digest_of("code"), f"/r/prod/-/layers/{digest_of('code')}"),
    ],
)
def test_a_pasted_reference_leads_to_its_page(viewer: Client, text: str, address: str) -> None:
    filled()

    assert viewer.get("/go", {"ref": text}).headers["Location"] == address
    assert viewer.get(f"/i/{quote(text)}").headers["Location"] == address


def test_what_is_not_connected_is_explained_and_shows_what_is_alike(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/go?ref=gcr.io/other/web:2", status=404)

    assert "gcr.io is not connected" in page
    assert "Connected: registry.example." in page


def test_a_reference_with_several_meanings_asks_which(viewer: Client) -> None:
    filled()
    other = Record("other", "https://other.example")
    other.repository("team/web")

    page = text_of(viewer, "/go?ref=team/web")

    assert 'href="/r/prod/team/web/"' in page and 'href="/r/other/team/web/"' in page


def test_the_palette_gets_rows_alone_and_a_reader_a_page(viewer: Client) -> None:
    filled()

    page = text_of(viewer, "/search?q=web")
    rows = text_of(viewer, "/search?q=web", htmx=True)

    assert "<html" in page and 'href="/r/prod/team/web/"' in page
    assert "<html" not in rows and 'role="option"' in rows


@pytest.mark.parametrize("address", ["/search?q=", "/go?ref=", "/search", "/go"])
def test_without_a_question_there_is_an_empty_page(viewer: Client, address: str) -> None:
    filled()

    assert "Search" in text_of(viewer, address)


@pytest.mark.parametrize("text", [HOSTILE, "%00", "a" * 5000, "\\", "'; DROP TABLE x"])
def test_any_text_is_only_text(viewer: Client, text: str) -> None:
    filled()

    for address in (f"/search?q={quote(text)}", f"/go?ref={quote(text)}"):
        response = viewer.get(address)
        assert response.status_code in (200, 404)
        assert HOSTILE not in response.content.decode()
