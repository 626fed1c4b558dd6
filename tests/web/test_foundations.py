"""What all pages stand on: addresses, CSV, the frame."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.urls import Resolver404, resolve, reverse

from registry_browser.web.csv import cell, stream_csv
from registry_browser.web.htmx import region_id
from tests.record import NOW, Record, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

DIGEST = digest_of("x")


@pytest.mark.parametrize(
    ("address", "name", "parts"),
    [
        ("/r/prod/", "place", {"registry": "prod"}),
        ("/r/prod/web/", "place", {"registry": "prod", "path": "web"}),
        (
            "/r/a.b-c/team/my--app/x_y/",
            "place",
            {"registry": "a.b-c", "path": "team/my--app/x_y"},
        ),
        ("/r/prod/-/layers", "layers", {"registry": "prod"}),
        (f"/r/prod/-/layers/{DIGEST}", "layer", {"registry": "prod", "digest": DIGEST}),
        (
            "/r/prod/team/web/-/tags/10.18.5-rc.1_x",
            "tag",
            {"registry": "prod", "path": "team/web", "tag": "10.18.5-rc.1_x"},
        ),
        ("/r/prod/tags/manifests/", "place", {"registry": "prod", "path": "tags/manifests"}),
        (
            f"/r/prod/team/web/-/manifests/{DIGEST}/raw",
            "manifest-raw",
            {"registry": "prod", "path": "team/web", "digest": DIGEST},
        ),
        ("/r/prod/team/-/untagged.csv", "untagged-csv", {"registry": "prod", "path": "team"}),
    ],
)
def test_an_address_leads_to_its_page_and_back(
    address: str, name: str, parts: dict[str, str]
) -> None:
    match = resolve(address)

    assert (match.url_name, match.kwargs) == (name, parts)
    assert reverse(name, kwargs=parts) == address


@pytest.mark.parametrize(
    "address",
    [
        "/r/Prod/",
        "/r/-prod/",
        "/r/prod/Team/",
        "/r/prod/-team/",
        "/r/prod/a//b/",
        "/r/prod/a/-/",
        "/r/prod/team/web/-/tags/-x",
        f"/r/prod/team/web/-/tags/{'x' * 129}",
        "/r/prod/team/web/-/manifests/sha256:abc",
        f"/r/prod/team/web/-/manifests/{DIGEST.upper()}",
        "/r/prod/" + "a/" * 200,
    ],
)
def test_what_can_name_nothing_finds_no_page(address: str) -> None:
    with pytest.raises(Resolver404):
        resolve(address)


def test_a_region_is_named_after_its_template() -> None:
    assert region_id("browse/_tag_table.html") == "#tag-table"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("'x", "''x"),
        ("10.18.5", "10.18.5"),
        (-5, -5),
        (None, ""),
        (True, "yes"),
        (datetime(2026, 11, 20, 14, 30, tzinfo=UTC), "2026-11-20T14:30:00Z"),
    ],
)
def test_a_cell_is_safe_in_a_spreadsheet(value: object, shown: object) -> None:
    assert cell(value) == shown


def test_csv_is_streamed_row_by_row_under_a_safe_name() -> None:
    read = []

    def rows() -> Iterator[list[object]]:
        for number in range(3):
            read.append(number)
            yield [number, 'a "b", c']

    answer = stream_csv('team/web "tags".csv', ["n", "text"], rows())

    assert read == []
    assert answer["Content-Disposition"] == 'attachment; filename="team-web--tags-.csv"'
    assert answer.getvalue() == b"n,text\r\n" + b"".join(
        f'{number},"a ""b"", c"\r\n'.encode() for number in range(3)
    )


def test_the_frame_says_which_version_runs(viewer: Client) -> None:
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    version = tomllib.loads(pyproject.read_text())["project"]["version"]

    assert f"Registry Browser {version}" in viewer.get("/account/").text


@pytest.mark.parametrize(
    ("address", "place"),
    [("/", "Overview"), ("/registries/", "Registries"), ("/runs/", "Runs"), ("/account/", None)],
)
def test_the_frame_marks_the_place(address: str, place: str | None, viewer: Client) -> None:
    Record()

    page = viewer.get(address).text

    marked = 'aria-current="page">'
    assert (f"{marked}{place}</a>" in page) if place else (f"{marked}Runs" not in page)


def test_the_frame_leads_to_the_one_run_and_to_the_list_of_several(viewer: Client) -> None:
    first = Record("a").registry.sync_runs.create(trigger="person", created_at=NOW)

    assert f'class="running" href="/runs/{first.pk}/"' in viewer.get("/account/").text

    Record("b").registry.sync_runs.create(trigger="person", created_at=NOW)

    assert 'class="running" href="/runs/"' in viewer.get("/account/").text


def test_every_page_forbids_scripts_and_styles_of_others(viewer: Client) -> None:
    policy = viewer.get("/account/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
