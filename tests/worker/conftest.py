"""The stages of the worker tests: a registry of 500 repositories, and a dashboard beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fake_registry import FakeRegistry
from tests.worker import company
from tests.worker.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTURBED, UNDISTURBED = "disturbed", "undisturbed"


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        company.fill(fake)
        yield fake


@pytest.fixture(params=["pgmq", "redis"])
def stage(request: pytest.FixtureRequest, registry: FakeRegistry) -> Iterator[Stage]:
    """A dashboard that knows the registry under two names."""
    with Stage(request.param) as stage:
        stage.act("prepare", registry.url, DISTURBED, UNDISTURBED)
        yield stage
