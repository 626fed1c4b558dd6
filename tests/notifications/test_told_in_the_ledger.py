"""What a sync writes where a notification told something."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from registry_browser import tasks
from registry_browser.history.told import PATIENCE
from registry_browser.models import (
    EventSource,
    HeldChange,
    KnownBy,
    NotificationEndpoint,
    NotificationKind,
    Presence,
    PresenceState,
    Registry,
    Repository,
    RunState,
    SyncRun,
    SyncTrigger,
    Tag,
    TagEvent,
    TagSpan,
    ToldEvent,
    ToldOutcome,
)
from registry_browser.notifications.endpoints import open_endpoint
from registry_browser.notifications.receive import receive
from registry_browser.notifications.run import note_run, take_due
from registry_browser.oci.transport import Retries
from registry_browser.sync.connect import connect
from registry_browser.sync.explain import settle_held
from registry_browser.sync.registries import RegistryDetails, add_registry
from registry_browser.sync.requests import request_sync
from registry_browser.sync.run import SliceResult, work_on
from registry_browser.sync.told import look_again
from tests.builders import make_image, make_index, push
from tests.fake_registry import FakeRegistry
from tests.fake_registry.faults import answer
from tests.notifications.bodies import deleted, distribution, pulled, pushed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_connect = partial(
    connect,
    retries=Retries(attempts=1, first_wait=0.0, longest_wait=0.0),
)


class Scene:
    """A registry, what is told of it, and syncs; a second passes whenever somebody looks."""

    def __init__(self, fake: FakeRegistry) -> None:
        self.fake = fake
        self._now = START
        self._number = 0
        details = RegistryDetails(name="fake", url=fake.url)
        self.registry: Registry = add_registry(details, actor="admin", now=self.now())
        self.endpoint: NotificationEndpoint = open_endpoint(
            self.registry, actor="admin", now=self.now()
        )

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def wait(self, time: timedelta) -> None:
        self._now += time

    def tell(self, *events: dict[str, Any]) -> datetime:
        """What happened just now; returns when we heard of it."""
        now = self.now()
        for event in events:
            self._number += 1
            event["id"] = f"event-{self._number}"
            event["timestamp"] = (now - timedelta(milliseconds=300)).isoformat()
        receive(self.endpoint, json.dumps(distribution(*events)).encode(), {}, now=now)
        return now

    def sync(self, *paths: str) -> None:
        run = request_sync(self.registry, trigger=SyncTrigger.SCHEDULE, now=self.now(), paths=paths)
        while work_on(run.pk, clock=self.now, connect=_connect) is SliceResult.MORE:
            pass

    def sync_what_was_told(self) -> None:
        due = take_due(self.endpoint.pk)
        assert due is not None
        note_run(due, None)
        self.sync(*due.paths)

    def ledger(self, tag: str = "v1") -> list[tuple[str, str, str, str]]:
        rows = TagEvent.objects.filter(tag=tag).order_by("pk")
        return [(row.kind, row.new_digest, row.source, row.actor) for row in rows]


@pytest.fixture
def scene(db: None) -> Iterator[Scene]:
    with FakeRegistry() as fake:
        push(fake, "team/app:kept", layers=["kept"])
        yield Scene(fake)


def _outcomes() -> list[str]:
    return list(ToldEvent.objects.order_by("pk").values_list("outcome", flat=True))


def test_the_actor_and_the_moment_of_hearing_go_into_the_ledger(scene: Scene) -> None:
    scene.sync()
    image = push(scene.fake, "team/app:v1", layers=["one"])
    heard = scene.tell(pushed("team/app", "v1", image.digest))

    scene.sync_what_was_told()

    event = TagEvent.objects.get(tag="v1")
    assert scene.ledger() == [("created", image.digest, EventSource.NOTIFICATION, "alice")]
    assert event.seen_at == heard
    assert event.not_before is not None
    assert event.not_before < heard
    assert _outcomes() == [ToldOutcome.WRITTEN]


def test_without_a_notification_the_sync_speaks_for_itself(scene: Scene) -> None:
    image = push(scene.fake, "team/app:v1", layers=["one"])
    scene.sync()

    assert scene.ledger() == [("created", image.digest, EventSource.SYNC, "")]


def test_what_no_sync_saw_in_between_is_in_the_ledger_as_it_was_told(scene: Scene) -> None:
    first = push(scene.fake, "team/app:v1", layers=["one"])
    scene.sync()
    second = push(scene.fake, "team/app:v1", layers=["two"])
    scene.tell(pushed("team/app", "v1", second.digest))
    third = push(scene.fake, "team/app:v1", layers=["three"])
    scene.tell(pushed("team/app", "v1", third.digest, actor={"name": "bob"}))

    scene.sync_what_was_told()

    assert scene.ledger() == [
        ("created", first.digest, EventSource.SYNC, ""),
        ("moved", second.digest, EventSource.NOTIFICATION, "alice"),
        ("moved", third.digest, EventSource.NOTIFICATION, "bob"),
    ]
    spans = TagSpan.objects.filter(tag="v1").order_by("pk")
    assert [span.digest for span in spans] == [first.digest, second.digest, third.digest]
    assert [span.until_seen_at is None for span in spans] == [False, False, True]


def test_a_tag_that_came_and_went_unseen_is_in_the_ledger(scene: Scene) -> None:
    scene.sync()
    digest = make_image(layers=["gone"]).digest
    scene.tell(pushed("team/app", "v1", digest))
    scene.tell(deleted("team/app", tag="v1"))

    scene.sync_what_was_told()

    assert [event[:3] for event in scene.ledger()] == [
        ("created", digest, EventSource.NOTIFICATION),
        ("deleted", "", EventSource.NOTIFICATION),
    ]
    assert not Tag.objects.filter(name="v1").exists()
    assert not TagSpan.objects.filter(tag="v1", until_seen_at=None).exists()


def test_a_deletion_is_told_with_its_actor(scene: Scene) -> None:
    image = push(scene.fake, "team/app:v1", layers=["one"])
    scene.sync()
    scene.fake.store.delete_manifest("team/app", image.digest)
    scene.tell(
        deleted("team/app", digest=image.digest, actor={"name": "bob"}),
        deleted("team/app", tag="v1", actor={"name": "bob"}),
    )

    scene.sync_what_was_told()

    assert scene.ledger()[1:] == [("deleted", "", EventSource.NOTIFICATION, "bob")]


def test_a_notification_alone_changes_nothing(scene: Scene) -> None:
    image = push(scene.fake, "team/app:v1", layers=["one"])
    scene.sync()
    scene.tell(pushed("team/app", "v1", make_image(layers=["never pushed"]).digest))
    scene.tell(deleted("team/app", tag="kept"))

    scene.sync_what_was_told()
    scene.wait(PATIENCE)
    scene.sync()

    assert scene.ledger() == [("created", image.digest, EventSource.SYNC, "")]
    assert Tag.objects.filter(name="kept").exists()
    assert _outcomes() == [ToldOutcome.PASSED] * 2


def test_what_is_told_a_moment_before_it_can_be_seen_is_looked_for_again(scene: Scene) -> None:
    scene.sync()
    image = make_image(layers=["one"])
    scene.tell(pushed("team/app", "v1", image.digest))
    scene.sync_what_was_told()
    assert scene.ledger() == []
    assert list(look_again(scene.registry.pk, scene.now())) == ["team/app"]

    push(scene.fake, "team/app:v1", image)
    scene.sync("team/app")

    assert scene.ledger() == [("created", image.digest, EventSource.NOTIFICATION, "alice")]
    event = TagEvent.objects.get(tag="v1")
    assert event.not_before is not None
    assert event.not_before < event.seen_at
    assert look_again(scene.registry.pk, scene.now()) == {}


def test_what_is_told_and_never_seen_is_looked_for_ever_later_and_then_no_more(
    scene: Scene,
) -> None:
    scene.sync()
    heard = scene.tell(pushed("team/app", "v1", make_image(layers=["never pushed"]).digest))
    scene.sync_what_was_told()
    waits = []
    while due := look_again(scene.registry.pk, scene.now()).get("team/app"):
        looked_at = Repository.objects.get(path="team/app").synced_at
        assert looked_at is not None
        waits.append(due - looked_at)
        scene.wait(due - scene.now())
        scene.sync("team/app")

    assert 2 <= len(waits) <= 6
    assert waits[:-1] == sorted(waits[:-1])
    assert scene.now() < heard + 2 * PATIENCE
    assert _outcomes() == [ToldOutcome.PASSED]


def test_a_repository_that_could_not_be_read_is_not_asked_again_at_once(scene: Scene) -> None:
    scene.sync()
    scene.tell(pushed("team/app", "v1", make_image(layers=["never pushed"]).digest))
    scene.sync_what_was_told()
    assert look_again(scene.registry.pk, scene.now())
    scene.fake.faults.on("GET", "/tags/list", answer(403))

    scene.sync("team/app")

    assert look_again(scene.registry.pk, scene.now()) == {}


def test_a_registry_that_did_not_answer_is_not_asked_again_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(tasks.sync_unseen, "apply_async", lambda *a, **more: asked.append(a))
    monkeypatch.setattr(timezone, "now", scene.now)
    scene.sync()
    scene.tell(pushed("team/app", "v1", make_image(layers=["never pushed"]).digest))
    scene.sync_what_was_told()
    run = SyncRun.objects.latest("pk")
    tasks.crawl(run.pk)
    SyncRun.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    tasks.crawl(run.pk)

    assert len(asked) == 1


def test_a_run_that_did_not_see_what_was_told_has_a_worker_look_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real clock, as workers do."""
    asked: list[tuple[int, float]] = []
    monkeypatch.setattr(
        tasks.sync_unseen,
        "apply_async",
        lambda arguments, countdown: asked.append((*arguments, countdown)),
    )
    scene.sync()
    told = distribution(pushed("team/app", "v1", make_image(layers=["one"]).digest))
    receive(scene.endpoint, json.dumps(told).encode(), {}, now=timezone.now())

    run = request_sync(
        scene.registry, trigger=SyncTrigger.SCHEDULE, now=timezone.now(), paths=["team/app"]
    )
    tasks.crawl(run.pk)

    [(registry, countdown)] = asked
    assert registry == scene.registry.pk
    assert 0.5 <= countdown < 2


def test_what_is_told_after_a_sync_has_seen_it_is_not_written_twice(scene: Scene) -> None:
    first = push(scene.fake, "team/app:v1", layers=["one"])
    scene.sync()
    second = push(scene.fake, "team/app:v1", layers=["two"])
    scene.sync()
    scene.tell(pushed("team/app", "v1", second.digest))

    scene.sync_what_was_told()

    assert [event[1] for event in scene.ledger()] == [first.digest, second.digest]
    assert _outcomes() == [ToldOutcome.KNOWN]


def test_a_push_by_digest_is_known_by_its_notification(scene: Scene) -> None:
    scene.sync()
    image = push(scene.fake, "team/app", layers=["no tag"])
    scene.tell(pushed("team/app", digest=image.digest))

    scene.sync_what_was_told()

    presence = Presence.objects.get(manifest__digest=image.digest)
    assert presence.known_by == KnownBy.NOTIFICATION
    assert presence.state == PresenceState.DANGLING


def test_the_deletion_of_a_manifest_without_a_tag_is_looked_into(scene: Scene) -> None:
    image = push(scene.fake, "team/app", layers=["no tag"])
    scene.tell(pushed("team/app", digest=image.digest))
    scene.sync_what_was_told()
    still_there = push(scene.fake, "team/app", layers=["another"])
    scene.tell(pushed("team/app", digest=still_there.digest))
    scene.sync_what_was_told()
    scene.fake.store.delete_manifest("team/app", image.digest)
    scene.tell(
        deleted("team/app", digest=image.digest), deleted("team/app", digest=still_there.digest)
    )

    scene.sync_what_was_told()

    gone = Presence.objects.exclude(gone_at=None).values_list("manifest__digest", flat=True)
    assert list(gone) == [image.digest]


def test_an_index_that_is_pushed_by_digest_brings_its_children(scene: Scene) -> None:
    scene.sync()
    index = make_index([make_image(layers=["a"])])
    push(scene.fake, "team/app", index)
    scene.tell(pushed("team/app", digest=index.digest))

    scene.sync_what_was_told()

    present = Presence.objects.filter(gone_at=None).values_list("manifest__digest", flat=True)
    assert {each.digest for each in index.walk()} <= set(present)


def test_a_repository_that_nobody_knew_is_found(scene: Scene) -> None:
    scene.sync()
    image = push(scene.fake, "team/new:v1", layers=["new"])
    scene.tell(pushed("team/new", "v1", image.digest))

    scene.sync_what_was_told()

    assert scene.ledger() == [("created", image.digest, EventSource.NOTIFICATION, "alice")]


def test_a_repository_that_does_not_exist_leaves_no_trace(scene: Scene) -> None:
    scene.sync()
    scene.tell(pushed("team/invented", "v1"))

    scene.sync_what_was_told()

    assert not TagEvent.objects.filter(path="team/invented").exists()


def test_events_of_several_tags_are_written_in_the_order_in_which_they_were_told(
    scene: Scene,
) -> None:
    scene.sync()
    names: Sequence[str] = ("v3", "v1", "v2")
    for name in names:
        image = push(scene.fake, f"team/app:{name}", layers=[name])
        scene.tell(pushed("team/app", name, image.digest))

    scene.sync_what_was_told()

    written = TagEvent.objects.filter(tag__startswith="v").order_by("pk")
    assert tuple(written.values_list("tag", flat=True)) == names


# -- What a sync saw before it was told


class Talkative(Scene):
    """Its registry has told us of something before, in order, as it will of everything."""

    def __init__(self, fake: FakeRegistry) -> None:
        super().__init__(fake)
        self.sync()
        self.tell(pulled("team/app"))

    def held(self, tag: str = "v1") -> list[str]:
        rows = HeldChange.objects.filter(tag=tag).order_by("pk")
        return list(rows.values_list("new_digest", flat=True))


@pytest.fixture
def talkative(db: None) -> Iterator[Talkative]:
    with FakeRegistry() as fake:
        push(fake, "team/app:kept", layers=["kept"])
        yield Talkative(fake)


def test_steps_that_are_told_after_a_sync_saw_where_they_led_are_in_the_ledger_in_order(
    talkative: Talkative,
) -> None:
    brief = make_image(layers=["overwritten at once"])
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    looked_at = talkative.now()
    assert Tag.objects.get(name="v1").manifest.digest == image.digest
    assert (talkative.ledger(), talkative.held()) == ([], [image.digest])

    talkative.tell(pushed("team/app", "v1", brief.digest))
    talkative.tell(pushed("team/app", "v1", image.digest, actor={"name": "bob"}))
    talkative.sync_what_was_told()

    assert talkative.ledger() == [
        ("created", brief.digest, EventSource.NOTIFICATION, "alice"),
        ("moved", image.digest, EventSource.NOTIFICATION, "bob"),
    ]
    assert all(event.seen_at < looked_at for event in TagEvent.objects.filter(tag="v1"))
    assert talkative.held() == []
    assert set(_outcomes()) == {ToldOutcome.WRITTEN}


def test_what_is_never_told_is_written_as_it_was_seen_once_patience_ends(
    talkative: Talkative,
) -> None:
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    seen_at = HeldChange.objects.get().seen_at

    settle_held(seen_at + PATIENCE / 2)
    assert talkative.ledger() == []
    settle_held(seen_at + PATIENCE)

    assert talkative.ledger() == [("created", image.digest, EventSource.SYNC, "")]
    assert TagEvent.objects.get(tag="v1").seen_at == seen_at
    assert TagSpan.objects.get(tag="v1").digest == image.digest
    assert talkative.held() == []


def test_what_several_syncs_saw_is_held_in_order_and_told_in_order(talkative: Talkative) -> None:
    images = []
    for layer in ("one", "two"):
        images.append(push(talkative.fake, "team/app:v1", layers=[layer]).digest)
        talkative.sync()
    assert talkative.held() == images

    talkative.tell(pushed("team/app", "v1", images[0]))
    talkative.sync_what_was_told()
    assert [event[1] for event in talkative.ledger()] == images[:1]
    talkative.tell(pushed("team/app", "v1", images[1]))
    talkative.sync_what_was_told()

    assert [event[:3] for event in talkative.ledger()] == [
        ("created", images[0], EventSource.NOTIFICATION),
        ("moved", images[1], EventSource.NOTIFICATION),
    ]
    first, second = TagEvent.objects.filter(tag="v1").order_by("pk")
    assert second.not_before is not None
    assert second.not_before <= first.seen_at < second.seen_at


def test_a_tag_that_was_seen_to_be_gone_before_it_was_told_is_told_with_its_actor(
    talkative: Talkative,
) -> None:
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.tell(pushed("team/app", "v1", image.digest))
    talkative.sync_what_was_told()
    talkative.fake.store.delete_manifest("team/app", image.digest)
    talkative.sync()
    assert not Tag.objects.filter(name="v1").exists()
    assert talkative.held() == [""]

    talkative.tell(deleted("team/app", tag="v1", actor={"name": "bob"}))
    talkative.sync_what_was_told()

    assert talkative.ledger()[1:] == [("deleted", "", EventSource.NOTIFICATION, "bob")]


def test_a_tag_that_came_went_and_came_back_while_it_was_held_is_created_once(
    talkative: Talkative,
) -> None:
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    talkative.fake.store.delete_manifest("team/app", image.digest)
    talkative.sync()
    push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()

    settle_held(talkative.now() + PATIENCE)

    assert [event[0] for event in talkative.ledger()] == ["created", "deleted", "restored"]


def test_the_next_sync_writes_what_was_held_too_long_before_what_it_sees(
    talkative: Talkative,
) -> None:
    first = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    talkative.wait(PATIENCE)
    second = push(talkative.fake, "team/app:v1", layers=["two"])
    talkative.sync()

    assert [event[1] for event in talkative.ledger()] == [first.digest]
    assert talkative.held() == [second.digest]


def test_the_first_sync_of_a_registry_holds_nothing_back(db: None) -> None:
    with FakeRegistry() as fake:
        push(fake, "team/app:v1", layers=["one"])
        scene = Scene(fake)
        scene.tell(pulled("team/app"))
        scene.sync()

    assert [event[0] for event in scene.ledger()] == ["created"]


def test_a_sender_that_does_not_tell_everything_is_not_waited_for(talkative: Talkative) -> None:
    NotificationEndpoint.objects.update(kind=NotificationKind.QUAY)
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()

    assert talkative.ledger() == [("created", image.digest, EventSource.SYNC, "")]


def test_what_is_told_after_patience_ended_is_not_written_twice(talkative: Talkative) -> None:
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    settle_held(talkative.now() + PATIENCE)
    happened = TagEvent.objects.get(tag="v1").seen_at - timedelta(milliseconds=500)
    late = {**pushed("team/app", "v1", image.digest), "timestamp": happened.isoformat()}
    receive(talkative.endpoint, json.dumps(distribution(late)).encode(), {}, now=talkative.now())

    talkative.sync_what_was_told()

    assert talkative.ledger() == [("created", image.digest, EventSource.SYNC, "")]
    assert _outcomes() == [ToldOutcome.KNOWN]


def test_what_was_held_goes_before_what_is_seen_once_nobody_is_waited_for_any_more(
    talkative: Talkative,
) -> None:
    first = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    NotificationEndpoint.objects.all().delete()
    second = push(talkative.fake, "team/app:v1", layers=["two"])
    talkative.sync()
    settle_held(talkative.now() + PATIENCE)

    assert talkative.ledger() == [
        ("created", first.digest, EventSource.SYNC, ""),
        ("moved", second.digest, EventSource.SYNC, ""),
    ]
    assert TagSpan.objects.get(tag="v1", until_seen_at=None).digest == second.digest
    assert talkative.held() == []


def test_what_was_held_goes_before_a_deletion_once_nobody_is_waited_for_any_more(
    talkative: Talkative,
) -> None:
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    NotificationEndpoint.objects.update(kind=NotificationKind.QUAY)
    talkative.fake.store.delete_manifest("team/app", image.digest)
    talkative.sync()
    settle_held(talkative.now() + PATIENCE)

    assert [event[0] for event in talkative.ledger()] == ["created", "deleted"]
    assert not TagSpan.objects.filter(tag="v1", until_seen_at=None).exists()
    assert talkative.held() == []


def test_what_cannot_be_settled_in_one_repository_keeps_no_other_from_it(
    talkative: Talkative, caplog: pytest.LogCaptureFixture
) -> None:
    push(talkative.fake, "team/app:v1", layers=["one"])
    push(talkative.fake, "team/other:v1", layers=["one"])
    talkative.sync()
    broken = HeldChange.objects.get(path="team/app", tag="v1")
    TagSpan.objects.create(
        repository_id=broken.repository_id,
        tag="v1",
        digest=make_image(layers=["impossible"]).digest,
        since_seen_at=broken.seen_at,
    )

    settle_held(talkative.now() + PATIENCE)

    assert [row.path for row in HeldChange.objects.all()] == ["team/app"]
    assert [row.path for row in TagEvent.objects.filter(tag="v1")] == ["team/other"]
    [line] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "held_changes_not_settled" in line.getMessage()
    assert "one_open_span" in caplog.text


def test_steps_that_another_worker_settles_meanwhile_are_written_once(
    talkative: Talkative, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync waits for rows that `settle_held` has locked, and reads on when it has committed."""
    push(talkative.fake, "team/app:v1", layers=["zero"])
    talkative.sync()
    settle_held(talkative.now() + PATIENCE)
    brief = make_image(layers=["overwritten at once"])
    image = push(talkative.fake, "team/app:v1", layers=["one"])
    talkative.sync()
    talkative.wait(PATIENCE)
    for told in (brief, image):
        talkative.tell(pushed("team/app", "v1", told.digest))
    locked = QuerySet.select_for_update
    before = [settle_held]

    def wait(rows: QuerySet[Any], **options: Any) -> QuerySet[Any]:
        if rows.model is HeldChange and before:
            before.pop()(talkative.now())
        return locked(rows, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", wait)
    talkative.sync_what_was_told()

    assert not before
    assert [event[1] for event in talkative.ledger()][1:] == [brief.digest, image.digest]
