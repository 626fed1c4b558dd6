"""Whatever is pushed, moved and deleted in between, after a sync the record is what it must be."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_browser.models import Blob, Registry, RunState, TagEvent, TagSpan
from registry_browser.models.ledger import TagEventKind
from registry_browser.sync.registries import RegistryDetails, add_registry
from tests.builders import make_image, make_index, push, sbom
from tests.fake_registry import FakeRegistry, oci
from tests.sync import recorded
from tests.sync.conftest import Clock, Sync
from tests.sync.recount import Expected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders import Built

PATHS = ["a", "team/b", "team/deep/c"]
TAGS = ["1.0", "2.0", "latest"]
NAMES = iter(f"run-{number}" for number in count())

TEXT = st.sampled_from(["one", "two", "three"])
IMAGE = st.builds(
    lambda text, arm: make_image(("base", text), platform="linux/arm64" if arm else "linux/amd64"),
    TEXT,
    st.booleans(),
)
INDEX = st.lists(IMAGE, min_size=1, max_size=2).map(make_index)
NESTED = st.lists(st.one_of(INDEX, IMAGE), min_size=1, max_size=2).map(make_index)
ABOUT = IMAGE.map(sbom)
CONTENT = st.one_of(IMAGE, IMAGE, INDEX, NESTED, ABOUT, ABOUT.map(lambda each: make_index([each])))

STEP = st.one_of(
    st.tuples(st.just("push"), st.sampled_from(PATHS), st.sampled_from(TAGS), CONTENT),
    st.tuples(st.just("push"), st.sampled_from(PATHS), st.sampled_from(TAGS), CONTENT),
    st.tuples(st.just("untag"), st.sampled_from(PATHS), st.sampled_from(TAGS), st.none()),
    st.tuples(st.just("delete"), st.sampled_from(PATHS), st.integers(0, 5), st.none()),
    st.tuples(st.just("sync"), st.none(), st.none(), st.none()),
    st.tuples(st.just("sync"), st.none(), st.none(), st.none()),
    st.tuples(st.just("check"), st.none(), st.none(), st.none()),
)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeRegistry]:
    with FakeRegistry(oci()) as fake:
        yield fake


@settings(max_examples=10, derandomize=True)
@given(steps=st.lists(STEP, min_size=3, max_size=10))
def test_any_sequence_ends_in_the_record_that_it_must(
    db: None, server: FakeRegistry, steps: list[tuple[str, str | None, object, Built | None]]
) -> None:
    server.reset(oci())
    server.habits.referrers_api = False
    with transaction.atomic():
        clock = Clock()
        details = RegistryDetails(name=next(NAMES), url=server.url)
        registry = add_registry(details, actor="admin", now=clock())
        act(registry, server, Sync(clock), steps)
        transaction.set_rollback(True)


def act(
    registry: Registry,
    fake: FakeRegistry,
    sync: Sync,
    steps: list[tuple[str, str | None, object, Built | None]],
) -> None:
    expected = Expected()
    for what, path, argument, built in [*steps, ("check", None, None, None)]:
        if what == "push" and path and built:
            push(fake, f"{path}:{argument}", built)
            expected.built |= {each.digest: each for each in built.walk()}
        elif what == "untag" and path:
            fake.store.untag(path, str(argument))
        elif what == "delete" and path and isinstance(argument, int):
            delete_what_no_index_names(fake, path, argument)
        elif what in ("sync", "check"):
            assert sync(registry, believe_absences=True).state == RunState.DONE
            if what == "check":
                # It asks for what had no tag before it began.
                assert sync(registry, full_check=True).state == RunState.DONE
            for path in fake.store.repositories():
                expected.sees(path, fake.store.tags(path))
                if what == "check":
                    expected.finds_gone(path, set(fake.store.manifests(path)))
            compare(registry, fake, expected)


def delete_what_no_index_names(fake: FakeRegistry, path: str, number: int) -> None:
    """An index whose children are gone is no registry's doing, and is tested by itself."""
    free = [each for each in fake.store.manifests(path) if not fake.store.parents(path, each)]
    if free:
        fake.store.delete_manifest(path, free[number % len(free)])


def compare(registry: Registry, fake: FakeRegistry, expected: Expected) -> None:
    paths = set(fake.store.repositories())
    assert recorded.tags(registry) == recorded.served_tags(fake)
    for path in paths:
        repository = recorded.repository(registry, path)
        assert recorded.states(registry, path) == expected.states(path), path
        figures = {**expected.counts_of({path}), **expected.bytes_of({path})}
        assert {name: getattr(repository, name) for name in figures} == figures, path
        assert repository.complete
    compare_namespaces(registry, paths, expected)
    figures = {**expected.counts_of(paths), **expected.bytes_of(paths)}
    del figures["exclusive_bytes"]
    assert {name: getattr(registry, name) for name in figures} == figures
    compare_holders(registry, expected)
    compare_history(registry)


def compare_namespaces(registry: Registry, paths: set[str], expected: Expected) -> None:
    namespaces = {namespace.path: namespace for namespace in registry.namespaces.all()}
    inside = {
        name: {path for path in paths if path.startswith(f"{name}/")}
        for name in ("team", "team/deep")
    }
    inside = {name: members for name, members in inside.items() if members}
    assert namespaces.keys() == inside.keys()
    for name, members in inside.items():
        figures = {**expected.counts_of(members), **expected.bytes_of(members)}
        figures["repository_count"] = len(members)
        found = {figure: getattr(namespaces[name], figure) for figure in figures}
        assert found == figures, name


def compare_holders(registry: Registry, expected: Expected) -> None:
    rows = Blob.objects.filter(registry=registry).values_list("digest", "holders", "live_holders")
    holders, live = expected.holders(), expected.live_holders()
    assert {digest: (held, needed) for digest, held, needed in rows if held or needed} == {
        digest: (len(paths), len(live.get(digest, ()))) for digest, paths in holders.items()
    }


def compare_history(registry: Registry) -> None:
    """Replayed from its start, the ledger gives the tags of now; open spans are these tags."""
    replayed: dict[tuple[str, str], str] = {}
    for event in TagEvent.objects.filter(registry_id=registry.pk).order_by("id"):
        place = (event.path, event.tag)
        assert event.old_digest == replayed.get(place, ""), place
        assert event.not_before is None or event.not_before < event.seen_at
        if event.kind == TagEventKind.DELETED:
            del replayed[place]
        else:
            replayed[place] = event.new_digest
    assert replayed == recorded.tags(registry)
    names = dict(registry.repositories.values_list("pk", "path"))
    spans = list(TagSpan.objects.filter(repository_id__in=names).order_by("id"))
    still_open = {
        (names[span.repository_id], span.tag): span.digest
        for span in spans
        if span.until_seen_at is None
    }
    assert still_open == replayed
    ends: dict[tuple[int, str], object] = {}
    for span in spans:
        before = ends.get((span.repository_id, span.tag))
        assert before is None or before <= span.since_seen_at  # type: ignore[operator]
        assert span.until_seen_at is None or span.since_seen_at < span.until_seen_at
        ends[span.repository_id, span.tag] = span.until_seen_at
