"""The order of tags, checked against natsort and against what people expect."""

from __future__ import annotations

import random

import natsort
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_browser.models import Tag
from registry_browser.models.tagsort import sort_key

TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
VERSION = st.tuples(*[st.integers(0, 10**6)] * 3).map(lambda parts: ".".join(map(str, parts)))


def descending(tags: list[str]) -> list[str]:
    return sorted(tags, key=sort_key, reverse=True)


ORDERS = {
    "the order of the documentation": [
        "latest", "stable", "10", "10.18", "10.18.5", "10.18.5-rc.1", "10.18.4", "nightly",
    ],
    "a number is a number": ["1.10.0", "1.9.0", "1.2.0"],
    "release candidates by number": ["2.0.0", "2.0.0-rc.10", "2.0.0-rc.9", "2.0.0-beta.1"],
    "with and without v": ["v3.0.0", "2.0.0", "v1.0.0"],
    "long versions": ["1.2.3", "1.2.3.4", "1.2.3.4.5", "1.2.3.3"],
    "dates": ["20260301", "20260228", "20251231"],
    "names by their numbers": ["build-12", "build-9", "build-1"],
    "leading zeros": ["1.011.0", "1.10.0", "1.09.0"],
    "variants below their version": ["3.12.1", "3.12.1-slim", "3.12.1-alpine"],
    "branches below versions": ["0.0.1", "main", "feature-x"],
}  # fmt: skip


@pytest.mark.parametrize("order", ORDERS.values(), ids=list(ORDERS))
def test_the_order_people_expect(order: list[str]) -> None:
    shuffled = order[:]
    random.Random(7).shuffle(shuffled)
    assert descending(shuffled) == order


@given(st.lists(VERSION, unique=True))
def test_plain_versions_are_in_natural_order(versions: list[str]) -> None:
    assert sorted(versions, key=sort_key) == natsort.natsorted(versions)


@given(st.lists(st.integers(0, 10**9), unique=True))
def test_numbered_names_are_in_natural_order(numbers: list[int]) -> None:
    names = [f"build-{number}" for number in numbers]
    assert sorted(names, key=sort_key) == natsort.natsorted(names)


@given(TAG)
def test_the_key_of_any_tag_fits_its_column(tag: str) -> None:
    key = sort_key(tag)
    assert len(key) <= (Tag._meta.get_field("sort_key").max_length or 0)
    assert key.isascii()


def test_the_longest_keys_fit_their_column() -> None:
    limit = Tag._meta.get_field("sort_key").max_length or 0
    for tag in ("1" * 128, "1." * 63 + "1", "1-" * 63 + "1", "v" + "1.2-" * 31, "a1" * 64):
        assert len(sort_key(tag)) <= limit
