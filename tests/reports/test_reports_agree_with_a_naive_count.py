"""No store and no sequence of changes that hypothesis thinks of makes a report differ from a naive
recomputation.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_browser.models import (
    BaseImage,
    Blob,
    Manifest,
    Presence,
    PresenceState,
    Protection,
    Repository,
    Tag,
)
from registry_browser.reports.figures import space_figures
from registry_browser.reports.pairs import pairs
from registry_browser.reports.places import places
from registry_browser.reports.selection import selection_figures
from registry_browser.reports.space_map import MapNode, place_map, repository_map
from registry_browser.reports.untagged import state_counts, untagged
from registry_browser.sync.figures import counts, liveness
from registry_browser.sync.figures import places as sync_places
from tests.record import NOW, Record
from tests.reports.naive import Figures, Naive, below

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_browser.reports.figures import SpaceFigures

pytestmark = pytest.mark.django_db

PATHS = ("a", "a/b", "a/b/c", "a/b/d", "ab/c", "e", "f/g")
PREFIXES = ("", "a", "a/b", "ab", "f", "a/b/c", "e")
LAYERS = 6

_image = st.tuples(
    st.just("image"), st.lists(st.integers(0, LAYERS - 1), max_size=4), st.integers(0, 3)
)
_index = st.tuples(st.just("index"), st.lists(st.integers(0, 5), max_size=2), st.integers(0, 3))
_artifact = st.tuples(st.just("artifact"), st.lists(st.integers(0, 5), max_size=1), st.just(1))
_unparsed = st.tuples(st.just("unparsed"), st.lists(st.integers(0, 5), max_size=1), st.just(2))
_contents = st.lists(
    st.one_of(_image, _image, _index, _artifact, _unparsed), min_size=1, max_size=7
)
_events = st.lists(
    st.tuples(
        st.sampled_from(["tag", "untag", "present", "gone", "sign", "lock"]),
        st.sampled_from(PATHS),
        st.integers(0, 6),
    ),
    max_size=10,
)
_thoroughly = settings(max_examples=25)


class Store:
    """A record that events happen to; what they touch is refreshed as a sync does."""

    def __init__(self, contents: list[tuple[str, list[int], int]]) -> None:
        self.record = Record()
        self.manifests: list[Manifest] = []
        layers = [self.record.layer(f"layer {n}", 10**n, foreign=n == 5) for n in range(LAYERS)]
        for number, (kind, parts, size) in enumerate(contents):
            self.manifests.append(self._make(number, kind, parts, size, layers))

    def _make(
        self, number: int, kind: str, parts: list[int], size: int, layers: list[Blob]
    ) -> Manifest:
        name, body = f"manifest {number}", 10_000_000 * (number + 1)
        known = [self.manifests[part] for part in parts if part < number]
        if kind == "image":
            return self.record.image(
                name, [layers[part] for part in parts], config_bytes=size, body_bytes=body
            )
        if kind == "index":
            children = {f"linux/{n}": child for n, child in enumerate(known)}
            return self.record.index(name, children, body_bytes=body)
        if kind == "artifact":
            return self.record.artifact(name, size, "x/y", subject=known[0] if known else None)
        return self.record.unparsed(name, "application/x", "not JSON", mentions=known)

    def happen(self, event: tuple[str, str, int]) -> None:
        """One event in one repository; then only that repository is looked at again. Tags that go
        and manifests that vanish are chosen among those there are.
        """
        what, path, number = event
        registry = self.record.registry
        manifest = self.manifests[number % len(self.manifests)]
        changed = {manifest.pk}
        repository = Repository.objects.filter(registry=registry, path=path).first()
        match what:
            case "tag" | "present":
                repository = repository or self.record.repository(path)
                here = Presence.objects.filter(repository=repository, manifest=manifest)
                if what == "present":
                    self.record.present(repository, manifest, PresenceState.DANGLING, gone_at=None)
                elif not repository.tags.filter(name=f"v{number}").exists():
                    self.record.tag(repository, f"v{number}", manifest)
                    here.update(gone_at=None)
            case "untag":
                tags = list(Tag.objects.filter(repository__registry=registry).order_by("pk"))
                if not tags:
                    return
                tag = tags[number % len(tags)]
                repository = tag.repository
                tag.delete()
            case "gone":
                untagged = Presence.objects.filter(repository__registry=registry, gone_at=None)
                found = list(untagged.exclude(state=PresenceState.TAGGED).order_by("pk"))
                if not found:
                    return
                presence = found[number % len(found)]
                changed = {presence.manifest_id}
                repository = presence.repository
                Presence.objects.filter(pk=presence.pk).update(gone_at=NOW)
            case "sign" | "lock":
                if repository is None:
                    return
                if what == "lock":
                    Protection.objects.get_or_create(
                        registry=registry,
                        path=path,
                        digest=manifest.digest,
                        defaults={"created_at": NOW},
                    )
                else:
                    name = f"{manifest.digest.replace(':', '-')}.sig"
                    if not repository.tags.filter(name=name).exists():
                        signature = self.manifests[(number + 1) % len(self.manifests)]
                        changed = {signature.pk}
                        self.record.tag(repository, name, signature)
                        here = Presence.objects.filter(repository=repository, manifest=signature)
                        here.update(gone_at=None)
        assert repository is not None
        touched = [repository.pk]
        if what == "lock":  # It covers what is below, too.
            touched = list(
                Repository.objects.filter(registry=registry).values_list("pk", flat=True)
            )
        counts.refresh_repositories(
            liveness.refresh_states(registry.pk, dict.fromkeys(touched, NOW), changed)
        )


def _in_a_store(check: Callable[[Store], None], contents: Any, events: Any) -> None:
    with transaction.atomic():
        store = Store(contents)
        for event in events:
            store.happen(event)
        check(store)
        transaction.set_rollback(True)


def _said(found: SpaceFigures | None) -> Figures:
    assert found is not None
    return Figures(
        found.repositories,
        found.tags,
        found.manifests,
        found.dangling,
        found.apparent_bytes,
        found.stored_bytes,
        found.exclusive_bytes,
        found.reclaimable_bytes,
    )


def _agrees(store: Store) -> None:
    naive = Naive(store.record.registry)
    for prefix in PREFIXES:
        is_inside = below(prefix)
        found = space_figures(store.record.registry, prefix)
        if not any(map(is_inside, naive.present)):
            assert found is None or prefix == "", prefix
            continue
        assert astuple(_said(found)) == astuple(naive.figures(is_inside)), prefix


@given(contents=_contents, events=_events, later=_events)
@_thoroughly
def test_figures_of_every_place_follow_each_change(contents: Any, events: Any, later: Any) -> None:
    def check(store: Store) -> None:
        registry = store.record.registry
        counts.refresh_registry(registry)
        _agrees(store)
        # Namespaces are counted by now; from here on they are followed, change by change.
        for event in later:
            store.happen(event)
            counts.refresh_registry(registry)
            assert not registry.bytes_due
            _agrees(store)

    _in_a_store(check, contents, events)


@given(contents=_contents, events=_events)
@_thoroughly
def test_sums_over_parts_add_up_to_the_whole(contents: Any, events: Any) -> None:
    def check(store: Store) -> None:
        registry = store.record.registry
        counts.refresh_registry(registry)
        for prefix in ("", "a", "a/b"):
            found = space_figures(registry, prefix)
            if found is None:
                continue
            _adds_up(place_map(registry, prefix), found.stored_bytes)
            exclusive = sum(row.exclusive_bytes for row in places(registry, prefix))
            _adds_up(place_map(registry, prefix, with_shared=False), exclusive)
        for repository in Repository.objects.filter(registry=registry):
            _adds_up(repository_map(repository), repository.stored_bytes)

    _in_a_store(check, contents, events)


def _adds_up(node: MapNode, size: int) -> None:
    assert node.size == size
    if node.inside:
        assert sum(part.size for part in node.inside) == node.size
        for part in node.inside:
            _adds_up(part, part.size)


@given(contents=_contents, events=_events)
@_thoroughly
def test_pairs_layers_and_bases_are_those_of_a_naive_count(contents: Any, events: Any) -> None:
    def check(store: Store) -> None:
        registry = store.record.registry
        store.record.refresh()
        naive = Naive(registry)
        paths = sorted(naive.present)
        common = {
            (one, other): naive.common(one, other)
            for one in paths
            for other in paths
            if one < other
        }
        found = {(row.first, row.second): row.common_bytes for row in pairs(registry).rows}
        assert {pair: size for pair, size in found.items() if size} == {
            pair: size for pair, size in common.items() if size
        }
        counted = Blob.objects.filter(registry=registry, layer_manifests__gt=0)
        assert {
            blob.pk: (blob.layer_manifests, blob.layer_places) for blob in counted
        } == naive.layer_counts()
        bases = BaseImage.objects.filter(registry=registry)
        assert sorted((base.layers, base.images) for base in bases) == sorted(
            (len(layers), images) for layers, images in naive.bases().items()
        )

    _in_a_store(check, contents, events)


@given(contents=_contents, events=_events, prefix=st.sampled_from(PREFIXES))
@_thoroughly
def test_what_is_untagged_comes_with_the_bytes_of_a_naive_count(
    contents: Any, events: Any, prefix: str
) -> None:
    def check(store: Store) -> None:
        registry = store.record.registry
        naive, is_inside = Naive(registry), below(prefix)
        counts = state_counts(registry, prefix)
        rows = untagged(registry, prefix, counts=counts).rows
        dangling = [row for row in rows if row.state == "dangling"]
        numbers = {each.digest: pk for pk, each in naive.manifests.items()}
        expected = {
            (path, pk)
            for path, present in naive.present.items()
            for pk in present
            if is_inside(path) and naive.dangles(path, pk)
        }
        assert {(row.path, numbers[row.digest]) for row in dangling} == expected
        assert counts.dangling == len(expected)
        assert counts.untagged == len(rows)
        for row in dangling:
            number = numbers[row.digest]
            assert row.alone_bytes == naive.freed_alone(row.path, number)
            assert row.set_bytes == naive.freed_with(is_inside, number)

    _in_a_store(check, contents, events)


@given(
    contents=_contents,
    events=_events,
    chosen=st.lists(st.sampled_from(PREFIXES[1:]), min_size=1, max_size=3),
)
@_thoroughly
def test_a_selection_is_one_set(contents: Any, events: Any, chosen: list[str]) -> None:
    def check(store: Store) -> None:
        store.record.refresh()
        naive = Naive(store.record.registry)
        expected = naive.figures(lambda path: any(below(prefix)(path) for prefix in chosen))
        assert _said(selection_figures(store.record.registry, chosen)) == expected

    _in_a_store(check, contents, events)


@given(contents=_contents, events=_events, later=_events)
@settings(_thoroughly, max_examples=10)
def test_more_change_than_is_followed_is_counted_anew(
    contents: Any, events: Any, later: Any
) -> None:
    def check(store: Store) -> None:
        registry = store.record.registry
        counts.refresh_registry(registry)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sync_places, "FOLLOWED", 0)
            for event in later:
                store.happen(event)
            counts.refresh_registry(registry)
        _agrees(store)

    _in_a_store(check, contents, events)
