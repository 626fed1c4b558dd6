"""The map of bytes: where its cells lie, and what they say."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry_browser.reports.space_map import MapNode, NodeKind
from registry_browser.templatetags.squarify import Box, squarify
from registry_browser.templatetags.treemap import by_size, treemap

GIB = 2**30


def node(
    name: str,
    size: int,
    *,
    kind: NodeKind = NodeKind.PLACE,
    reclaimable: int = 0,
    inside: tuple[MapNode, ...] = (),
    is_own: bool = False,
    digest: str = "",
) -> MapNode:
    return MapNode(
        kind=kind,
        name=name.rpartition("/")[2],
        path=name,
        size=size,
        reclaimable=reclaimable,
        inside=inside,
        is_own=is_own,
        digest=digest,
    )


def drawn(*parts: MapNode, registry: str = "prod") -> str:
    whole = node("", sum(part.size for part in parts), inside=parts)
    return str(treemap(whole, registry, "Bytes of prod"))


@given(
    sizes=st.lists(st.integers(1, 10**12), min_size=1, max_size=60),
    width=st.integers(50, 2000),
    height=st.integers(50, 2000),
)
@example(sizes=[1, 708920155], width=50, height=131)
def test_cells_are_to_scale_inside_the_box_and_never_overlap(
    sizes: list[int], width: int, height: int
) -> None:
    boxes = squarify(sorted(sizes, reverse=True), Box(0, 0, width, height))

    for size, box in zip(sorted(sizes, reverse=True), boxes, strict=True):
        area = size * width * height / sum(sizes)
        assert box.width * box.height == pytest.approx(area, rel=1e-6, abs=1e-6)
        assert box.x >= -1e-6 and box.x + box.width <= width + 1e-6
        assert box.y >= -1e-6 and box.y + box.height <= height + 1e-6
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert across <= 1e-6 or down <= 1e-6


def test_equal_sizes_make_squares() -> None:
    boxes = squarify([1, 1, 1, 1], Box(0, 0, 200, 200))

    assert [(box.width, box.height) for box in boxes] == [(100, 100)] * 4


def test_nothing_fits_into_no_room() -> None:
    assert squarify([1], Box(5, 5, 0, 10)) == [Box(5, 5, 0, 0)]


def test_the_largest_come_first_and_what_stands_for_many_last() -> None:
    parts = [node("9 more", 50, kind=NodeKind.MORE), node("a", 1), node("b", 7), node("c", 0)]

    assert [part.name for part in by_size(parts)] == ["b", "a", "9 more"]


def test_each_shape_is_drawn_once_with_a_pattern_of_its_own() -> None:
    picture = drawn(node("team", GIB))

    assert picture.count('<svg class="treemap') == 2
    assert sorted(re.findall(r'pattern id="([^"]+)"', picture)) == [
        "hatch-tall-map",
        "hatch-wide-map",
    ]
    assert "style=" not in picture


def test_every_cell_is_a_link_that_says_the_whole_fact() -> None:
    picture = drawn(node("team/web", 188 * GIB, reclaimable=41 * GIB), node("tool", GIB))

    fact = "team/web: 188.0 GiB exclusive, 41.0 GiB of it reclaimable"
    assert picture.count(f'aria-label="{fact}"') == 2
    assert picture.count(f"<title>{fact}</title>") == 2
    assert picture.count('href="/r/prod/team/web/-/space"') == 2
    assert ">41.0 reclaimable</text>" in picture


def test_the_foot_is_the_reclaimable_part_to_scale() -> None:
    picture = drawn(node("team", 100, reclaimable=25))

    # 432 pixels high, less a gap of one on each side.
    assert '<rect class="foot" y="322.5" width="100%" height="107.5"/>' in picture


def test_a_namespace_frames_its_parts() -> None:
    inner = (node("team/web", 6 * GIB), node("team/api", 4 * GIB))
    picture = drawn(node("team", 10 * GIB, inside=inner))

    assert '<rect class="frame" width="100%" height="100%"/>' in picture
    assert 'href="/r/prod/team/-/space"' in picture
    assert 'href="/r/prod/team/api/-/space"' in picture


def test_what_is_shared_is_hatched_and_leads_to_who_shares_it() -> None:
    picture = drawn(
        node("team", GIB), node("", GIB, kind=NodeKind.SHARED), node("", 5, kind=NodeKind.MORE)
    )

    assert 'fill="url(#hatch-wide-map)"' in picture
    assert 'href="/r/prod/-/sharing"' in picture


def test_layers_registries_and_the_repository_itself_lead_to_their_pages() -> None:
    digest = "sha256:" + "ab" * 32
    layer = drawn(node("team/web", 10, kind=NodeKind.BLOB, digest=digest))
    own = drawn(node("team/web", 10, is_own=True))
    registries = drawn(node("prod", 10), node("acr", 5), registry="")

    assert f'href="/r/prod/-/layers/{digest}"' in layer
    assert 'href="/r/prod/team/web/"' in own
    assert 'href="/r/acr/-/space"' in registries
    assert "acr: 5 B stored" in registries


def test_names_that_do_not_fit_are_cut_and_stay_in_the_tooltip() -> None:
    many = [node(f"a-repository-with-a-long-name-{number:02}", 10) for number in range(40)]

    picture = drawn(*many)

    assert "a-repository-with-a-long-name-07: 10 B exclusive" in picture
    assert "…</text>" in picture


def test_names_from_a_registry_are_escaped() -> None:
    assert "<b>" not in drawn(node("<b>", 10), registry="prod").replace("&lt;b&gt;", "")


def test_a_name_that_does_not_fit_ends_in_an_ellipsis() -> None:
    parts = (node(f"a-registry-with-a-long-name-{number}", 10**6) for number in range(50))

    names = re.findall(r">(a-r[^<]*)</text>", drawn(*parts, registry=""))

    assert len(names) == 100
    assert all(name.endswith("…") for name in names)
