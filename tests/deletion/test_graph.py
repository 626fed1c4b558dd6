"""Ties between manifests, and the orders that follow from them."""

from __future__ import annotations

from registry_browser.deletion.graph import (
    Graph,
    Node,
    attached_to,
    deletion_order,
    digests_in,
    undo_order,
)

A, B = "sha256:" + "a" * 64, "sha512:" + "b" * 128


def test_live_is_reached_over_children_and_referrers_at_any_depth() -> None:
    graph = Graph(
        {
            "index": Node(("inner", "absent")),
            "inner": Node(("leaf",)),
            "leaf": Node(),
            "sbom": Node(subject="leaf"),
            "alone": Node(),
        }
    )
    assert graph.live(["index"]) == {
        "index": "index",
        "inner": "index",
        "leaf": "inner",
        "sbom": "leaf",
    }


def test_what_is_kept_keeps_its_subject_but_a_subject_makes_nothing_live() -> None:
    graph = Graph({"image": Node(), "sbom": Node(subject="image")})
    assert "image" not in graph.live(["sbom"])
    assert graph.kept_by(["sbom"]) == {"sbom": "sbom", "image": "sbom"}


def test_holders_are_found_upwards_nearest_first() -> None:
    graph = Graph(
        {
            "outer": Node(("inner",)),
            "inner": Node(("leaf",)),
            "leaf": Node(),
            "sbom": Node(subject="leaf"),
        }
    )
    assert list(graph.holders("leaf")) == ["leaf", "inner", "sbom", "outer"]


def test_every_holder_keeps_what_it_holds() -> None:
    graph = Graph(
        {"index": Node(("a", "b")), "a": Node(), "b": Node(), "sbom": Node(subject="index")}
    )
    for digest in graph.nodes:
        for holder in graph.holders(digest):
            assert digest in graph.kept_by([holder])


def test_an_index_goes_before_its_children_though_it_refers_to_what_is_below_it() -> None:
    graph = Graph(
        {
            "leaf": Node(),
            "inner": Node(("leaf",), subject="leaf"),
            "index": Node(("inner",), subject="leaf"),
            "sbom": Node(subject="leaf"),
        }
    )
    order = [digest for digest, _, _ in deletion_order(graph, ["leaf", "sbom", "inner", "index"])]
    assert order == ["sbom", "index", "inner", "leaf"]


def test_an_undo_pushes_children_first_and_referrers_last() -> None:
    graph = Graph(
        {"sbom": Node(subject="index"), "index": Node(("a", "b")), "b": Node(), "a": Node()}
    )
    assert undo_order(graph, graph.nodes) == ["b", "a", "index", "sbom"]


def test_a_circle_that_no_hash_allows_still_comes_to_an_end() -> None:
    graph = Graph({"a": Node(("b",)), "b": Node(("a",)), "c": Node(("a",))})
    assert sorted(digest for digest, _, _ in deletion_order(graph, graph.nodes)) == ["a", "b", "c"]
    assert sorted(undo_order(graph, graph.nodes)) == ["a", "b", "c"]
    assert set(graph.live(["a"])) == {"a", "b"}


def test_a_tag_is_attached_to_the_digest_it_is_named_after() -> None:
    hexes = A.partition(":")[2]
    for tag in (f"sha256-{hexes}", f"sha256-{hexes}.sig", f"sha256-{hexes}.att"):
        assert attached_to(tag, {A: None}) == A
    for tag in ("latest", "sha256-abc", f"sha256-{'c' * 64}.sig", f"x-sha256-{hexes}"):
        assert attached_to(tag, {A: None, B: None}) is None


def test_a_sha512_is_cut_in_the_fallback_tag() -> None:
    assert attached_to(f"sha512-{'b' * 64}", {A: None, B: None}) == B


def test_digests_are_found_in_what_nobody_can_parse() -> None:
    body = f'{{"parts": ["{A}", "{B}", "{A}"], "md5:abc": 1}}'.encode()
    assert digests_in(body, own="") == (A, B)
    assert digests_in(body, own=A) == (B,)
