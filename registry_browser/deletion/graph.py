"""What needs what inside one repository. Pure: digests in, digests out.

Three ties hold a manifest: an index needs its children; what is kept keeps its referrers (they say
something about it); and a kept referrer keeps its subject, since some registries delete referrers
together with their subject (ACR). A tag `sha256-<hex>…` is tied to the manifest it is named after:
cosign's signatures and the fallback for referrers are stored that way.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_ATTACHED = re.compile(r"(?P<algorithm>sha256|sha512)-(?P<hex>[0-9a-f]{64,128})(?:\..+)?")


@dataclass(frozen=True, slots=True)
class Node:
    """A manifest, as far as it is tied to others: digests of its children, and of its subject."""

    children: tuple[str, ...] = ()
    subject: str = ""


@dataclass(slots=True)
class Graph:
    """The manifests present in one repository by digest, with the ties between them."""

    nodes: Mapping[str, Node]
    parents: dict[str, list[str]] = field(init=False, default_factory=dict)
    referrers: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for digest, node in self.nodes.items():
            for child in dict.fromkeys(node.children):
                if child in self.nodes and child != digest:
                    self.parents.setdefault(child, []).append(digest)
            if node.subject in self.nodes and node.subject != digest:
                self.referrers.setdefault(node.subject, []).append(digest)

    def live(self, roots: Iterable[str]) -> dict[str, str]:
        """What is reached from `roots` over children and referrers. Maps each to what reached it,
        a root to itself.
        """
        return self._closure(roots, lambda digest: self._below(digest))

    def kept_by(self, roots: Iterable[str]) -> dict[str, str]:
        """What cannot go while `roots` stay: what is live from them, and the subjects of all that
        stays.
        """

        def tied(digest: str) -> Iterator[str]:
            yield from self._below(digest)
            if self.nodes[digest].subject in self.nodes:
                yield self.nodes[digest].subject

        return self._closure(roots, tied)

    def holders(self, digest: str) -> dict[str, str]:
        """Whatever would keep `digest` here by staying itself, nearest first; `digest` is the
        first. Maps each to the one that it holds. The same ties as `kept_by`, walked upwards, which
        reaches little of a large repository.
        """

        def tied(other: str) -> Iterator[str]:
            yield from self.parents.get(other, ())
            yield from self.referrers.get(other, ())
            if self.nodes[other].subject in self.nodes:
                yield self.nodes[other].subject

        return self._closure([digest], tied)

    def with_all_below(self, digests: Iterable[str]) -> set[str]:
        """The digests with their children and referrers, at any depth."""
        return set(self.live(digests))

    def _below(self, digest: str) -> Iterator[str]:
        yield from (child for child in self.nodes[digest].children if child in self.nodes)
        yield from self.referrers.get(digest, ())

    def _closure(
        self, roots: Iterable[str], tied: Callable[[str], Iterable[str]]
    ) -> dict[str, str]:
        reached = {root: root for root in roots if root in self.nodes}
        waiting = deque(reached)
        while waiting:
            digest = waiting.popleft()
            for other in tied(digest):
                if other not in reached:
                    reached[other] = digest
                    waiting.append(other)
        return reached


def digests_in(body: bytes, own: str) -> tuple[str, ...]:
    """The digests that stand in a body which nobody can parse: each may be something it needs."""
    found = dict.fromkeys(match.decode() for match in _DIGEST.findall(body))
    return tuple(digest for digest in found if digest != own)


def attached_to(tag: str, digests: Mapping[str, object]) -> str | None:
    """Which of `digests` a tag such as `sha256-<hex>.sig` is attached to, if any.

    The fallback tag of referrers cuts a sha512 after 64 characters (distribution-spec, "Referrers
    Tag Schema").
    """
    if (match := _ATTACHED.fullmatch(tag)) is None:
        return None
    whole = f"{match['algorithm']}:{match['hex']}"
    if whole in digests:
        return whole
    if match["algorithm"] == "sha256":
        return None
    return next((digest for digest in digests if digest.startswith(whole)), None)


def deletion_order(graph: Graph, digests: Iterable[str]) -> list[tuple[str, str, int]]:
    """The order in which `digests` go: an index before its children, a subject before its
    referrers.

    Each with the digest it goes because of ("" for none) and its depth below the first. Registries
    refuse to delete a child while its index is there (Google, zot, Docker Hub): where an index
    refers to what is below itself, that counts, and not that it is a referrer.
    """
    wanted = dict.fromkeys(digests)
    order = _ordered({digest: _above(graph, digest, wanted) for digest in wanted})
    left = _without(wanted, order)
    order += _ordered(
        {
            digest: [each for each in graph.parents.get(digest, ()) if each in left]
            for digest in left
        }
    )
    # What is left now stands in a circle that takes a hash which names itself.
    return order + [(digest, "", 0) for digest in _without(left, order)]


def undo_order(graph: Graph, digests: Iterable[str]) -> list[str]:
    """The order in which `digests` are pushed back: children before what names them (registries
    refuse an index without its children), a subject before its referrers.
    """
    wanted = dict.fromkeys(digests)
    before = {}
    for digest in wanted:
        node = graph.nodes[digest]
        needed = dict.fromkeys((*node.children, node.subject))
        before[digest] = [each for each in needed if each in wanted and each != digest]
    order = _ordered(before)
    return [*(digest for digest, _, _ in order), *_without(wanted, order)]


def _above(graph: Graph, digest: str, wanted: Mapping[str, object]) -> list[str]:
    """What must go before `digest`: planned parents, and its planned subject."""
    holders = [parent for parent in graph.parents.get(digest, ()) if parent in wanted]
    subject = graph.nodes[digest].subject
    if subject in wanted and subject != digest and subject not in holders:
        holders.append(subject)
    return holders


def _ordered(before: Mapping[str, Sequence[str]]) -> list[tuple[str, str, int]]:
    """Every key after all that stands `before` it, as close behind the last of those as possible,
    otherwise in the order given; each with that last one and its depth. What stands in a circle, or
    behind one, is left out.
    """
    behind: dict[str, list[str]] = {}
    for key, needed in before.items():
        for each in needed:
            behind.setdefault(each, []).append(key)
    pending = {key: len(needed) for key, needed in before.items()}
    order: list[tuple[str, str, int]] = []
    ready = [(key, "", 0) for key in reversed(list(before)) if not pending[key]]
    while ready:
        key, last, depth = ready.pop()
        order.append((key, last, depth))
        for other in reversed(behind.get(key, ())):
            pending[other] -= 1
            if pending[other] == 0:
                ready.append((other, key, depth + 1))
    return order


def _without(digests: Iterable[str], order: Sequence[tuple[str, str, int]]) -> dict[str, None]:
    """Those that are not in `order` yet, as they come."""
    done = {digest for digest, _, _ in order}
    return dict.fromkeys(digest for digest in digests if digest not in done)
