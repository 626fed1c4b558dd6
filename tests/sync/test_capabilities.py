"""What a registry can do is found out again where the first answer may not be the last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from registry_browser.models import PresenceState, RunState
from registry_browser.oci.probe import probe
from registry_browser.sync import capabilities
from registry_browser.sync.registries import RegistryDetails, change_registry
from registry_browser.sync.run import SliceResult
from tests.builders import push, push_referrers, sbom, signature
from tests.fake_registry import FakeRegistry, Habits
from tests.fake_registry.faults import Effect, answer, too_many_requests
from tests.fake_registry.habits import oci
from tests.sync import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry_browser.models import Registry
    from registry_browser.oci.client import RegistryClient
    from registry_browser.oci.probe import Probe
    from tests.sync.conftest import Clock, Sync

REFERRERS = "/referrers/"
UNKNOWN = '{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}'


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry(oci()) as fake:
        yield fake


@pytest.fixture
def app(fake: FakeRegistry) -> Callable[[], set[str]]:
    """Pushes an image with referrers, which no tag names; returns their digests."""

    def app() -> set[str]:
        image = push(fake, "team/app:1.0")
        about = [sbom(image.built), signature(image.built)]
        return {each.digest for each in push_referrers(fake, image, about, fallback_tag=False)}

    return app


def referrers(registry: Registry) -> set[str]:
    states = recorded.states(registry, "team/app")
    return {digest for digest, state in states.items() if state == PresenceState.REFERRER}


def can_list_referrers(registry: Registry) -> object:
    return registry.capabilities["referrers_api"]


def unknown_repository() -> Effect:
    return answer(404, UNKNOWN, {"Content-Type": "application/json"})


def test_a_registry_that_was_empty_is_asked_for_referrers_once_it_is_not(
    fake: FakeRegistry, registry: Registry, sync: Sync, app: Callable[[], set[str]]
) -> None:
    fake.faults.on("GET", "/v2/probe/referrers/", unknown_repository())
    sync(registry)
    assert can_list_referrers(registry) is None

    expected = app()
    assert sync(registry).state == RunState.DONE

    assert can_list_referrers(registry) is True
    assert referrers(registry) == expected != set()


@pytest.mark.parametrize("busy", [answer(503), unknown_repository()])
def test_a_registry_that_was_busy_at_first_is_asked_for_referrers_later(
    fake: FakeRegistry, registry: Registry, sync: Sync, app: Callable[[], set[str]], busy: Effect
) -> None:
    expected = app()
    fake.faults.on("GET", REFERRERS, busy)
    sync(registry)
    assert can_list_referrers(registry) is None
    assert referrers(registry) == set()

    fake.faults.clear()
    run = sync(registry)

    assert (run.state, run.full_check) == (RunState.DONE, True)
    assert referrers(registry) == expected != set()
    assert not sync(registry).full_check


def test_what_is_known_is_not_asked_again_by_the_next_sync(
    fake: FakeRegistry, registry: Registry, sync: Sync, app: Callable[[], set[str]]
) -> None:
    app()
    sync(registry)
    fake.forget_requests()
    sync(registry)
    assert [request.path for request in fake.requests] == [
        "/v2/_catalog",
        "/v2/team/app/tags/list",
        "/v2/team/app/manifests/1.0",
    ]


def test_a_full_check_finds_out_what_an_upgraded_registry_can_do(
    fake: FakeRegistry, registry: Registry, sync: Sync, app: Callable[[], set[str]]
) -> None:
    fake.habits.referrers_api = False
    expected = app()
    sync(registry)
    assert can_list_referrers(registry) is False

    fake.habits.referrers_api = True
    sync(registry)
    assert referrers(registry) == set()
    sync(registry, full_check=True)

    assert can_list_referrers(registry) is True
    assert referrers(registry) == expected


def test_a_full_check_forgets_nothing_that_the_registry_does_not_say_this_time(
    fake: FakeRegistry, registry: Registry, sync: Sync, app: Callable[[], set[str]]
) -> None:
    app()
    sync(registry)
    before = registry.capabilities
    fake.faults.on("GET", REFERRERS, answer(503))
    sync(registry, full_check=True)
    assert registry.capabilities == before
    fake.faults.on("GET", "/v2/$", answer(503))
    sync(registry, full_check=True)
    assert registry.capabilities == before


def test_another_address_or_dialect_is_found_out_anew(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    push(fake, "team/app:1.0")
    sync(registry)
    said = RegistryDetails(name=registry.name, url=registry.url, dialect=registry.dialect)
    assert (registry.dialect, can_list_referrers(registry)) == ("oci", True)

    with FakeRegistry(Habits()) as moved:
        push(moved, "team/app:1.0")
        wanted = replace(said, url=moved.url, dialect="auto")
        changed = change_registry(registry, wanted, actor="ann", now=clock())
        sync(changed)

        assert (changed.dialect, can_list_referrers(changed)) == ("distribution", False)
        same = replace(wanted, dialect="distribution", concurrency=3)
        kept = change_registry(changed, same, actor="ann", now=clock())
        assert kept.capabilities == changed.capabilities


def test_what_a_probe_learned_says_nothing_of_an_address_that_was_changed_meanwhile(
    fake: FakeRegistry,
    registry: Registry,
    sync: Sync,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    push(fake, "team/app:1.0")
    elsewhere = fake.url.replace("127.0.0.1", "localhost")

    async def probe_while_an_admin_acts(client: RegistryClient) -> Probe:
        found = await probe(client)
        details = RegistryDetails(name=registry.name, url=elsewhere, dialect="distribution")
        await sync_to_async(change_registry)(registry, details, actor="ann", now=clock())
        return found

    monkeypatch.setattr(capabilities, "probe", probe_while_an_admin_acts)
    sync(registry)

    assert (registry.url, registry.dialect) == (elsewhere, "distribution")
    assert registry.capabilities == {}


def test_a_registry_that_wants_us_to_wait_at_its_first_sync_is_known_for_what_it_is_afterwards(
    add: Callable[..., Registry], sync: Sync, clock: Clock
) -> None:
    with FakeRegistry() as distribution:
        push(distribution, "team/app:1.0")
        registry = add(distribution, "busy", dialect="auto")
        distribution.faults.on("GET", "/v2/_catalog", too_many_requests("120"))
        run = sync.request(registry)
        assert sync.slice(run) is SliceResult.WAITS
        distribution.faults.clear()
        clock.advance(hours=1)

        assert sync.finish(run).state == RunState.DONE

    registry.refresh_from_db()
    assert registry.dialect == "distribution"
