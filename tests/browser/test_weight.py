"""What a page weighs on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.addresses import GATEWAY

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

KB = 1000


@pytest.mark.parametrize("address", ["/", GATEWAY, f"{GATEWAY}-/tags/latest"])
def test_a_page_brings_at_most_60_kb_of_scripts_and_30_kb_of_styles(
    address: str, page: Page
) -> None:
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))
    page.goto(address, wait_until="networkidle")
    bytes_of = {"script": 0, "stylesheet": 0}
    for request in finished:
        if request.resource_type in bytes_of:
            answer = request.response()
            assert answer is not None
            assert answer.headers.get("content-encoding") in ("gzip", "br"), request.url
            bytes_of[request.resource_type] += request.sizes()["responseBodySize"]
    assert 0 < bytes_of["script"] <= 60 * KB
    assert 0 < bytes_of["stylesheet"] <= 30 * KB
