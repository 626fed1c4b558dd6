"""The stage of the deletion tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deletion.stage import Clock, Stage
from tests.fake_registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage(db: None, fake: FakeRegistry, clock: Clock) -> Stage:
    """The fake registry in the record, with deletion switched on."""
    return Stage(fake.url, clock)
