"""The ledger as syncs write it: what happened, between which moments, and what outlives its
registry.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from registry_browser.models import AuditEvent, TagEvent, TagEventKind, TagSpan
from registry_browser.sync.removal import remove_registry
from tests.builders import make_image, push
from tests.fake_registry.faults import Effect, answer
from tests.sync import recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiohttp import web

    from registry_browser.models import Registry
    from tests.fake_registry import FakeRegistry
    from tests.sync.conftest import Clock, Sync


class At(Effect):
    """Does something at the moment when a request arrives."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    async def before(self, request: web.Request) -> web.StreamResponse | None:
        self._act()
        return None


def last(kind: TagEventKind, tag: str = "1.0") -> TagEvent:
    return TagEvent.objects.filter(kind=kind, tag=tag).latest("id")


def test_what_was_there_at_first_sight_happened_any_time_before(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    image = push(fake, "team/web:1.0")
    begun = clock.now
    sync(registry)
    event = last(TagEventKind.CREATED)
    assert event.not_before is None
    assert begun < event.seen_at < clock.now
    assert (event.old_digest, event.new_digest) == ("", image.digest)
    assert (event.registry_name, event.path, event.source) == ("fake", "team/web", "sync")


def test_each_change_happened_between_two_looks(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    first = push(fake, "team/web:1.0")
    push(fake, "team/web:kept")
    sync(registry)
    steps: dict[TagEventKind, Callable[[], object]] = {
        TagEventKind.MOVED: lambda: push(fake, "team/web:1.0", make_image(("moved",))),
        TagEventKind.DELETED: lambda: fake.store.untag("team/web", "1.0"),
        TagEventKind.RESTORED: lambda: push(fake, "team/web:1.0", first.built),
        TagEventKind.CREATED: lambda: push(fake, "team/web:2.0"),
    }
    for kind, step in steps.items():
        looked_at = recorded.repository(registry, "team/web").tags_complete_at
        happened = clock.advance(minutes=1)
        step()
        sync(registry)
        event = last(kind, "2.0" if kind == TagEventKind.CREATED else "1.0")
        assert event.not_before == looked_at
        assert looked_at is not None
        assert looked_at < happened < event.seen_at < clock.now


def test_a_change_while_we_read_is_within_the_bounds(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    """A push between the listing and the answer for its tag happened after the look began."""
    push(fake, "team/web:1.0")
    sync(registry)
    moments: list[datetime] = []

    def move() -> None:
        moments.append(clock())
        push(fake, "team/web:1.0", make_image(("moved",)))

    fake.faults.on("HEAD", "/manifests/1.0", At(move), times=1)
    sync(registry)
    event = last(TagEventKind.MOVED)
    assert event.not_before is not None
    assert event.not_before < moments[0] < event.seen_at


def test_a_deletion_while_we_read_is_within_the_bounds_of_the_next_look(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    push(fake, "team/web:1.0")
    push(fake, "team/web:2.0")
    sync(registry)
    moments: list[datetime] = []

    def delete() -> None:
        moments.append(clock())
        fake.store.untag("team/web", "1.0")

    fake.faults.on("GET", "/tags/list", At(delete), times=1)
    sync(registry)
    event = last(TagEventKind.DELETED)
    assert event.not_before is not None
    assert event.not_before < moments[0] < event.seen_at


def test_a_change_right_after_a_tag_was_read_is_within_the_bounds_of_the_next_look(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    push(fake, "team/web:1.0")
    push(fake, "team/web:2.0")
    sync(registry)
    moments: list[datetime] = []

    def move() -> None:
        moments.append(clock())
        push(fake, "team/web:1.0", make_image(("moved",)))

    registry.concurrency = 1
    registry.save()
    order = [request.path for request in fake.seen("GET", "/manifests/")]
    early, late = ("1.0", "2.0") if order[0].endswith("1.0") else ("2.0", "1.0")
    fake.faults.on("HEAD", f"/manifests/{late}", At(move), times=1)
    sync(registry)
    sync(registry)
    event = last(TagEventKind.MOVED)
    assert event.not_before is not None
    assert event.not_before < moments[0] < event.seen_at
    assert early != late


def test_after_an_incomplete_look_a_move_is_later_than_what_that_look_saw(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    push(fake, "team/web:1.0")
    sync(registry)
    complete_at = recorded.repository(registry, "team/web").tags_complete_at
    push(fake, "team/web:2.0")
    rule = fake.faults.on(None, "/manifests/1.0", answer(500))
    sync(registry)
    created = last(TagEventKind.CREATED, "2.0")
    fake.faults.remove(rule)
    push(fake, "team/web:1.0", make_image(("moved",)))
    push(fake, "team/web:2.0", make_image(("moved, too",)))
    sync(registry)
    assert created.not_before == complete_at
    assert last(TagEventKind.MOVED, "1.0").not_before == complete_at
    after = last(TagEventKind.MOVED, "2.0").not_before
    assert after is not None
    assert complete_at is not None
    assert complete_at < after < created.seen_at


def test_a_deletion_that_was_doubted_is_dated_by_the_run_that_was_believed(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    push(fake, "team/web:1.0")
    sync(registry)
    complete_at = recorded.repository(registry, "team/web").tags_complete_at
    fake.store.untag("team/web", "1.0")
    sync(registry)
    sync(registry)
    believed = sync(registry, believe_absences=True)
    event = last(TagEventKind.DELETED)
    assert event.not_before == complete_at
    assert believed.started_at is not None
    assert event.seen_at > believed.started_at


def test_spans_tell_what_a_tag_pointed_to_and_have_one_open_end(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    digests = []
    for text in ("one", "two", "three"):
        digests.append(push(fake, "team/web:1.0", make_image((text,))).digest)
        sync(registry)
    spans = list(TagSpan.objects.order_by("since_seen_at"))
    assert [span.digest for span in spans] == digests
    for span, following in pairwise(spans):
        assert span.until_seen_at == following.since_seen_at
        assert span.until_not_before == following.since_not_before
        assert span.until_not_before is not None
        assert span.since_seen_at < span.until_seen_at
    assert spans[-1].until_seen_at is None


def test_two_tags_that_swap_their_digests_both_moved(
    fake: FakeRegistry, registry: Registry, sync: Sync
) -> None:
    one = push(fake, "team/web:blue", make_image(("one",)))
    two = push(fake, "team/web:green", make_image(("two",)))
    sync(registry)
    push(fake, "team/web:blue", two.built)
    push(fake, "team/web:green", one.built)
    run = sync(registry)
    assert recorded.item(run, "team/web").moved == 2
    assert last(TagEventKind.MOVED, "blue").new_digest == two.digest
    assert last(TagEventKind.MOVED, "green").old_digest == two.digest


def test_history_outlives_its_registry(
    fake: FakeRegistry, registry: Registry, sync: Sync, clock: Clock
) -> None:
    push(fake, "team/web:1.0")
    sync(registry)
    push(fake, "team/web:1.0", make_image(("moved",)))
    sync(registry)
    before = list(TagEvent.objects.order_by("id").values())
    spans = TagSpan.objects.count()
    remove_registry(registry, actor="admin", now=clock())
    assert list(TagEvent.objects.order_by("id").values()) == before
    assert TagSpan.objects.count() == spans
    removed = AuditEvent.objects.get(action="registry:removed")
    assert (removed.actor, removed.about) == ("admin", "fake")


def test_a_registry_that_is_added_again_begins_a_history_of_its_own(
    fake: FakeRegistry, registry: Registry, add: Callable[..., Registry], sync: Sync, clock: Clock
) -> None:
    push(fake, "team/web:1.0")
    sync(registry)
    remove_registry(registry, actor="admin", now=clock())
    again = add(fake)
    sync(again)
    assert recorded.events(again) == [("team/web", "1.0", "created")]
    assert TagEvent.objects.count() == 2
