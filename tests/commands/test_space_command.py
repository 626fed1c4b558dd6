"""`manage.py space`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.reports.test_space_by_hand import company

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.conftest import Outcome

pytestmark = pytest.mark.django_db


def test_the_figures_come_first_then_the_parts(manage: Callable[..., Outcome]) -> None:
    company()

    lines = manage("space", "prod").out.splitlines()

    assert lines[0] == "prod: 3 repositories, 3 tags, 6 manifests; tags complete"
    assert "  reclaimable          80 B  by deleting 3 dangling manifests" in lines
    assert lines[-2].endswith("  team/")
    assert lines[-1].split() == ["1.0", "KiB", "4", "B", "0", "B", "tool"]


def test_json_is_what_the_api_answers(manage: Callable[..., Outcome]) -> None:
    company()

    found = json.loads(manage("space", "prod", "--prefix", "team", "--json").out)

    assert (found["prefix"], found["stored_bytes"], found["reclaimable_bytes"]) == (
        "team",
        1280,
        30,
    )
    assert [part["path"] for part in found["by_namespace"]] == ["team/web", "team/api"]


def test_what_is_not_there_is_refused(manage: Callable[..., Outcome]) -> None:
    company()

    assert "nothing at or below nowhere" in manage("space", "prod", "--prefix", "nowhere").complaint
    assert "no registry named acr" in manage("space", "acr").complaint
