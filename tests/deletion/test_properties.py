"""No repository and no sequence of events may bring a live manifest into a plan, and figures are
those that anybody gets who counts by hand.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_browser.deletion.graph import Node
from registry_browser.deletion.known import (
    Known,
    KnownManifest,
    KnownPresence,
    KnownRepository,
    Stored,
)
from registry_browser.deletion.plan import make_plan
from registry_browser.models import BlobRole, Outcome, Presence, PresenceState
from tests.builders import (
    cosign_signature,
    cosign_tag,
    make_image,
    make_index,
    push,
    referrer,
)
from tests.builders.blobs import content
from tests.deletion.stage import START, Clock, Stage
from tests.fake_registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry_browser.models import DeletionPlan
    from tests.builders.images import Built
    from tests.fake_registry import Store

LONG_AGO = START - timedelta(days=9)
NONE = timedelta(0)


# Values


@st.composite
def repositories(draw: st.DrawFn) -> KnownRepository:
    """A repository in which each manifest may name earlier ones, as hashes allow, and any subject
    that came before.
    """
    count = draw(st.integers(1, 9))
    names = [f"sha256:{number:064x}" for number in range(count)]
    presences = {}
    for number, name in enumerate(names):
        earlier = names[:number]
        children = draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        subject = draw(st.sampled_from(["", "", *earlier, "sha256:" + "f" * 64]))
        problem = "strange" if draw(st.integers(0, 9)) == 0 else ""
        node = Node(tuple(children), subject)
        manifest = KnownManifest(name, "image", "application/x", node, problem)
        since = draw(st.sampled_from([LONG_AGO, START - timedelta(hours=1)]))
        # The record may be wrong about what is dangling; the plan may not.
        presences[name] = KnownPresence(manifest, draw(st.booleans()), since)
    tags = draw(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(names)))
    return KnownRepository("team/web", tags, presences, START)


def live_by_hand(repository: KnownRepository) -> set[str]:
    """Around and around until nothing is added."""
    live = set(repository.tags.values())
    while True:
        more = {
            name
            for name, presence in repository.presences.items()
            if presence.manifest.node.subject in live
            or any(
                name in other.manifest.node.children
                for digest, other in repository.presences.items()
                if digest in live
            )
        }
        if more <= live:
            return live
        live |= more


@given(repositories(), st.lists(st.integers(0, 8)))
def test_no_repository_brings_a_live_manifest_into_a_plan(
    repository: KnownRepository, picked: list[int]
) -> None:
    names = list(repository.presences)
    chosen = [names[number] for number in picked if number < len(names)]
    plan = make_plan(Known((repository,)), now=START, grace=timedelta(hours=24), digests=chosen)
    gone = [item.manifest.digest for item in plan.items]
    live = live_by_hand(repository)
    assert not live & set(gone)
    stays = set(names) - set(gone)
    for name in stays:
        node = repository.presences[name].manifest.node
        # Nothing that stays loses a child, its referrers, or its subject.
        assert not set(node.children) & set(gone)
        assert node.subject not in gone
        assert not any(repository.presences[each].manifest.node.subject == name for each in gone)
    order = {name: position for position, name in enumerate(gone)}
    for name in gone:
        presence = repository.presences[name]
        assert presence.dangling
        assert not presence.manifest.problem
        assert presence.first_seen_at == LONG_AGO
        for child in presence.manifest.node.children:
            assert order[name] < order.get(child, len(gone))
    kept = {each.digest for each in plan.kept}
    assert kept <= stays
    if not chosen:
        assert kept == stays - set(repository.tags.values())


@given(
    st.dictionaries(
        st.sampled_from([f"sha256:{number:064x}" for number in range(6)]),
        st.frozensets(st.sampled_from("abcdef"), min_size=1),
        min_size=1,
    ),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3)),
)
def test_bytes_of_a_set_are_what_is_held_by_nothing_else(
    held: dict[str, frozenset[str]], held_elsewhere: dict[str, int]
) -> None:
    presences = {
        name: KnownPresence(KnownManifest(name, "image", "x", Node()), True, LONG_AGO)
        for name in held
    }
    repository = KnownRepository("team/web", {}, presences, START)
    sizes = {letter: 10**place for place, letter in enumerate("abcdef")}
    references = {
        letter: sum(letter in each for each in held.values()) + held_elsewhere.get(letter, 0)
        for letter in "abcdef"
    }
    stored = {letter: Stored(size, BlobRole.LAYER) for letter, size in sizes.items()}
    known = Known((repository,), holdings=held, stored=stored, references=references)
    plan = make_plan(known, now=START, grace=NONE)
    everything = frozenset().union(*held.values())
    by_hand = sum(size for letter, size in sizes.items() if letter in everything
                  and not held_elsewhere.get(letter))  # fmt: skip
    assert plan.frees.total == by_hand


# Events

PATHS = ("team/web", "team/api")
IMAGES = [make_image(("base", f"layer {number % 3}", f"image {number}")) for number in range(4)]
INDEXES = [
    make_index(IMAGES[:2]),
    make_index(IMAGES[1:3]),
    make_index([make_index(IMAGES[2:4]), IMAGES[0]]),
]
REFERRERS = [
    referrer(subject, "application/vnd.example", content(b"about", "text/plain"))
    for subject in (IMAGES[0], INDEXES[0])
]
EVERYTHING = [*IMAGES, *INDEXES, *REFERRERS]

path = st.sampled_from(PATHS)
tag = st.sampled_from(["1", "2"])
thing = st.integers(0, len(EVERYTHING) - 1)
events = st.one_of(
    st.tuples(st.just("push"), path, tag, thing),
    st.tuples(st.just("push by digest"), path, st.just(""), thing),
    st.tuples(st.just("sign"), path, st.just(""), thing),
    st.tuples(st.just("untag"), path, tag, st.just(0)),
    st.tuples(st.just("delete"), path, st.just(""), thing),
    st.tuples(st.just("strand"), path, st.just(""), thing),
    st.tuples(st.just("sync"), path, st.just(""), st.just(0)),
    st.tuples(st.just("plan and run"), path, st.just(""), st.just(0)),
)


@pytest.fixture(scope="module")
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as fake:
        yield fake


@settings(max_examples=25)
@given(st.lists(events, min_size=4, max_size=14))
def test_no_sequence_of_events_loses_anything_live_or_miscounts(
    registry: FakeRegistry, db: None, sequence: list[tuple[str, str, str, int]]
) -> None:
    registry.reset()
    with transaction.atomic():
        stage = Stage(registry.url, Clock())
        stage.sync()
        for event in sequence:
            happen(registry, stage, *event)
        stage.sync()
        plan = stage.plan(grace=NONE)
        assert_only_dangling(registry.store, plan)
        assert_counted_by_hand(plan)
        assert_said_by_the_record(stage, plan)
        transaction.set_rollback(True)


def happen(registry: FakeRegistry, stage: Stage, what: str, path: str, tag: str, n: int) -> None:
    store, built = registry.store, EVERYTHING[n]
    match what:
        case "push":
            push(registry, f"{path}:{tag}", built)
        case "push by digest":
            push(registry, path, built)
        case "sign":
            if built.digest in store.manifests(path):
                signature = cosign_signature(built.digest)
                push(registry, f"{path}:{cosign_tag(built.digest, 'sig')}", signature)
        case "untag":
            store.untag(path, tag)
        case "delete":
            # Somebody else's doing: not what is live, but all that is not.
            if built.digest not in live_in(store, path):
                store.delete_manifest(path, built.digest)
        case "strand":
            strand(registry, stage, path, INDEXES[n % len(INDEXES)])
        case "sync":
            stage.sync()
        case "plan and run":
            run_on_old_news(registry, stage)


def strand(registry: FakeRegistry, stage: Stage, path: str, index: Built) -> None:
    """An index stays, without a tag, where its children vanish; its first one, without a tag too,
    is left in the other repository.
    """
    (other,) = set(PATHS) - {path}
    child = index.children[0]
    push(registry, f"{path}:stranding", index)
    push(registry, f"{other}:stranded", child)
    stage.sync()
    registry.store.untag(path, "stranding")
    registry.store.untag(other, "stranded")
    if child.digest not in live_in(registry.store, path):
        registry.store.delete_manifest(path, child.digest)


def run_on_old_news(registry: FakeRegistry, stage: Stage) -> None:
    """Plan from a record that may be behind, and run it: nothing that is live now may go."""
    plan = stage.plan(grace=NONE)
    if not plan.item_count:
        return
    store = registry.store
    live = {path: live_in(store, path) for path in PATHS}
    tags = {path: store.tags(path) for path in PATHS}
    plan = stage.run(stage.approve(plan))
    for path in PATHS:
        assert live[path] <= set(store.manifests(path))
        assert tags[path] == store.tags(path)
    for item in plan.items.all():
        gone = store.manifest(item.path, item.digest) is None
        assert gone == (item.outcome in (Outcome.DELETED, Outcome.ALREADY_GONE))
    assert plan.walk.get("problems", []) == []


def live_in(store: Store, path: str) -> set[str]:
    """What a tag reaches in the registry itself, now."""
    manifests = store.manifests(path)
    live, waiting = set[str](), list(store.tags(path).values())
    while waiting:
        digest = waiting.pop()
        if digest in live or digest not in manifests:
            continue
        live.add(digest)
        waiting += manifests[digest].children()
        waiting += [each.digest for each in store.referrers(path, digest)]
    return live


def assert_only_dangling(store: Store, plan: DeletionPlan) -> None:
    for item in plan.items.all():
        assert item.digest not in live_in(store, item.path)


def assert_said_by_the_record(stage: Stage, plan: DeletionPlan) -> None:
    """What the pages call dangling and reclaimable is what a plan offers, neither more nor less."""
    present = Presence.objects.filter(gone_at=None)
    dangling = present.filter(state=PresenceState.DANGLING)
    assert set(dangling.values_list("repository__path", "manifest__digest")) == set(
        plan.items.values_list("path", "digest")
    )
    assert stage.registry.reclaimable_bytes + only_named(plan) == plan.reclaimable_bytes
    assert stage.registry.dangling_count == plan.item_count


def only_named(plan: DeletionPlan) -> int:
    """Bytes of bodies that are present nowhere and that only indexes of the plan name. A registry
    keeps those as long as the indexes, and a plan counts them; figures are of what is present.
    """
    going = set(plan.items.values_list("path", "digest"))
    goes, stays, present = dict[str, int](), set[str](), set[str]()
    rows = Presence.objects.filter(gone_at=None).values_list(
        "repository__path", "manifest__digest", "manifest__stored_body__body"
    )
    for place, digest, body in rows:
        named = json.loads(bytes(body)).get("manifests", [])
        present.add(digest)
        if (place, digest) in going:
            goes |= {each["digest"]: each["size"] for each in named}
        else:
            stays |= {each["digest"] for each in named}
    return sum(size for digest, size in goes.items() if digest not in stays | present)


def assert_counted_by_hand(plan: DeletionPlan) -> None:
    """Read the bodies again, and count what stands in them."""
    going = set(plan.items.values_list("path", "digest"))
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    rows = Presence.objects.filter(gone_at=None).values_list(
        "repository__path", "manifest__digest", "manifest__stored_body__body"
    )
    for place, digest, body in rows:
        document = json.loads(bytes(body))
        named = [*document.get("layers", []), *document.get("manifests", [])]
        named += [document["config"]] if "config" in document else []
        held = {each["digest"]: each["size"] for each in named} | {digest: len(bytes(body))}
        before |= held
        if (place, digest) not in going:
            after |= held
    freed = sum(size for digest, size in before.items() if digest not in after)
    assert plan.reclaimable_bytes == freed
