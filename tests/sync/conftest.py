"""The stage of the sync tests: a fake registry, the same registry in the record, and a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from registry_browser.models import Registry, SyncRun, SyncTrigger
from registry_browser.oci.transport import Retries
from registry_browser.sync.connect import connect
from registry_browser.sync.registries import RegistryDetails, add_registry
from registry_browser.sync.requests import request_sync
from registry_browser.sync.run import SliceResult, work_on
from tests.fake_registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from registry_browser.oci.client import RegistryClient

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

impatient = partial(
    connect,
    retries=Retries(attempts=2, first_wait=0.0, longest_wait=0.0),
)
"""Two tries a request, no waiting in between."""


class Clock:
    """A second later whenever somebody looks."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def advance(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


class Sync:
    """Asks for a sync and works on it until it is over, as a worker would, slice by slice."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.connect: Callable[[Registry], RegistryClient] = impatient

    def __call__(
        self,
        registry: Registry,
        *,
        paths: Sequence[str] = (),
        full_check: bool = False,
        believe_absences: bool = False,
    ) -> SyncRun:
        run = self.request(
            registry, paths=paths, full_check=full_check, believe_absences=believe_absences
        )
        run = self.finish(run)
        registry.refresh_from_db()
        return run

    def request(self, registry: Registry, **wanted: Any) -> SyncRun:
        self.clock.advance(minutes=10)
        return request_sync(registry, trigger=SyncTrigger.SCHEDULE, now=self.clock(), **wanted)

    def slice(
        self,
        run: SyncRun,
        *,
        seconds: float = 60.0,
        on_progress: Callable[[], None] = lambda: None,
    ) -> SliceResult:
        return work_on(
            run.pk,
            clock=self.clock,
            seconds=seconds,
            on_progress=on_progress,
            connect=self.connect,
        )

    def finish(self, run: SyncRun) -> SyncRun:
        while self.slice(run) is SliceResult.MORE:
            pass
        run.refresh_from_db()
        return run


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sync(clock: Clock) -> Sync:
    return Sync(clock)


@pytest.fixture
def add(db: None, clock: Clock) -> Callable[..., Registry]:
    """Adds a registry to the record, as an admin does."""

    def add(fake: FakeRegistry, name: str = "fake", **details: Any) -> Registry:
        return add_registry(
            RegistryDetails(name=name, url=fake.url, **details), actor="admin", now=clock()
        )

    return add


@pytest.fixture
def registry(fake: FakeRegistry, add: Callable[..., Registry]) -> Registry:
    return add(fake)
