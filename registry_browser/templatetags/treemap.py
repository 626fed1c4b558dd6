"""The map of bytes as a picture: laid out twice, for wide windows and for phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.template import Library
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from registry_browser.reports.space_map import MapNode, NodeKind
from registry_browser.templatetags.figures import plain_bytes, split_bytes
from registry_browser.templatetags.squarify import Box, squarify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

register = Library()

CAPTION = 24
_GAP = 1.0
_LINE = 16
_LETTER = 6.6
_NAME_LETTER = 7.5
_STRONG_LETTER = 8.4
_LEAST = 3.0
"""Pixels: a caption, half the gap between cells, a line of text, a letter of a figure, of a name
and of a strong name in the widest face that pages are held against, the least side drawn."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the two layouts; the stylesheet shows one of them."""

    css: str
    width: float
    height: float


SHAPES = (Shape("wide-map", 1342, 432), Shape("tall-map", 326, 560))


@register.simple_tag
def treemap(node: MapNode, registry: str, label: str, query: str = "") -> SafeString:
    """The map of `node`, in both shapes. `registry` is the one that its paths are in, or empty
    where its parts are registries; `label` says in a sentence what the picture shows.

    `query` is kept on links to other maps, so that one walks on in the same view.
    """
    return format_html_join(
        "", "{}", ((_Picture(shape, registry, query).draw(node, label),) for shape in SHAPES)
    )


def by_size(nodes: Sequence[MapNode]) -> list[MapNode]:
    """Largest first, with what stands for several small ones last; nothing takes no room."""
    return sorted(
        (node for node in nodes if node.size > 0),
        key=lambda node: (node.kind == NodeKind.MORE, -node.size, node.name),
    )


@dataclass(frozen=True, slots=True)
class _Picture:
    shape: Shape
    registry: str
    query: str

    def draw(self, node: MapNode, label: str) -> SafeString:
        whole = Box(0, 0, self.shape.width, self.shape.height)
        hatch = f"hatch-{self.shape.css}"
        return format_html(
            '<svg class="treemap {}" role="group" aria-label="{}"><defs>'
            '<pattern id="{}" width="8" height="8" patternUnits="userSpaceOnUse">'
            '<path class="hatch" d="M-1 1 1 -1M0 8 8 0M7 9 9 7"/></pattern></defs>{}</svg>',
            self.shape.css,
            label,
            hatch,
            SafeString("".join(self._level(node, whole, is_top=True))),
        )

    def _level(self, node: MapNode, box: Box, *, is_top: bool) -> Iterator[str]:
        nodes = by_size(node.inside)
        for part, place in zip(nodes, squarify([each.size for each in nodes], box), strict=True):
            place = place.inset(_GAP)
            if place.width < _LEAST or place.height < _LEAST:
                continue
            room = place.inset(_GAP, top=CAPTION)
            if part.inside and room.height > 3 * _LINE and room.width > 8 * _LETTER:
                yield self._frame(part, place)
                yield from self._level(part, room, is_top=False)
            else:
                yield self._cell(part, place, is_top=is_top)

    def _frame(self, node: MapNode, box: Box) -> str:
        """A namespace around its parts, with its name and figure above them."""
        figure = " ".join(split_bytes(node.size))
        whole = 16 + len(node.name) * _STRONG_LETTER
        with_figure = whole + 8 + len(figure) * _LETTER
        name = _fitting(node.name, box.width - 16, _STRONG_LETTER)
        return format_html(
            '<a href="{}" aria-label="{}"><svg {}><title>{}</title>'
            '<rect class="frame" width="100%" height="100%"/>'
            '<text class="strong" x="8" y="16">{}{}</text></svg></a>',
            self._href(node),
            self._fact(node),
            self._at(box),
            self._fact(node),
            name,
            # One text, so that the figure begins where the name ends, in whatever face.
            format_html('<tspan class="figure" dx="8">{}</tspan>', figure)
            if with_figure < box.width
            else "",
        )

    def _cell(self, node: MapNode, box: Box, *, is_top: bool) -> str:
        foot = box.height * node.reclaimable / node.size if node.size else 0.0
        foot = min(box.height, max(1.0, foot)) if node.reclaimable else 0.0
        paint = (
            format_html(
                '<rect class="frame cell" width="100%" height="100%"/>'
                '<rect fill="url(#hatch-{})" width="100%" height="100%"/>',
                self.shape.css,
            )
            if node.kind == NodeKind.SHARED
            else SafeString('<rect class="cell" width="100%" height="100%"/>')
        )
        if foot:
            paint += format_html(
                '<rect class="foot" y="{}" width="100%" height="{}"/>',
                _short(box.height - foot),
                _short(foot),
            )
        return format_html(
            '<a href="{}" aria-label="{}"><svg {}><title>{}</title>{}{}</svg></a>',
            self._href(node),
            self._fact(node),
            self._at(box),
            self._fact(node),
            paint,
            self._lines(node, box.width, box.height - foot, is_top=is_top),
        )

    def _lines(self, node: MapNode, width: float, height: float, *, is_top: bool) -> SafeString:
        """Name, figure, then what may be said of it; as many lines as there is room for."""
        if width < 5 * _LETTER:
            return SafeString("")
        if node.kind == NodeKind.BLOB:
            # Hex is cut where it ends to fit, as digest chips are.
            lines = [("figure", node.name[: int((width - 12) / _LETTER)])]
        else:
            letter = _STRONG_LETTER if is_top else _NAME_LETTER
            lines = [("strong" if is_top else "", _fitting(node.name, width - 12, letter))]
        lines.append(("figure", " ".join(split_bytes(node.size))))
        if node.kind == NodeKind.SHARED:
            lines.append(("", _fitting("by two or more", width - 12, _NAME_LETTER)))
        elif node.reclaimable:
            lines.append(("figure reclaimable", f"{_number(node)} reclaimable"))
        fitting = [
            (css, text)
            for css, text in lines
            if text and (css in ("strong", "") or len(text) * _LETTER <= width - 12)
        ]
        return format_html_join(
            "",
            '<text class="{}" x="8" y="{}">{}</text>',
            (
                (css, 17 + number * _LINE, text)
                for number, (css, text) in enumerate(fitting)
                if 21 + number * _LINE <= height
            ),
        )

    def _at(self, box: Box) -> SafeString:
        """Percent across, pixels down: the picture stretches and its text does not."""
        return format_html(
            'x="{}%" y="{}" width="{}%" height="{}"',
            _short(box.x * 100 / self.shape.width),
            _short(box.y),
            _short(box.width * 100 / self.shape.width),
            _short(box.height),
        )

    def _href(self, node: MapNode) -> str:
        registry = self.registry or node.path
        path = node.path if self.registry else ""
        match node.kind:
            case NodeKind.BLOB:
                return reverse("layer", args=[registry, node.digest])
            case NodeKind.SHARED:
                return _place("sharing", registry, path)
            case NodeKind.MORE:
                return f"{_place('space', registry, path)}?view=table"
            case _ if node.is_own:
                return reverse("place", args=[registry, path])
            case _:
                return _place("space", registry, path) + self.query

    def _fact(self, node: MapNode) -> str:
        """All of it in one sentence, for tooltips and screen readers."""
        name = {NodeKind.SHARED: "Shared", NodeKind.MORE: node.name}.get(node.kind, node.path)
        if node.kind == NodeKind.BLOB:
            name = f"Layer {node.name}"
        if node.kind == NodeKind.SHARED:
            where = f" of {node.path}" if node.path else ""
            return f"{name}: {plain_bytes(node.size)}{where}, held by two or more"
        kind = "stored" if not self.registry else "exclusive"
        fact = f"{name}: {plain_bytes(node.size)} {kind}"
        if node.reclaimable:
            fact += f", {plain_bytes(node.reclaimable)} of it reclaimable"
        return fact


def _place(name: str, registry: str, path: str) -> str:
    return reverse(name, args=[registry, path] if path else [registry])


def _number(node: MapNode) -> str:
    """The reclaimable figure; its unit is left out where it is that of the cell."""
    number, unit = split_bytes(node.reclaimable)
    return number if unit == split_bytes(node.size)[1] else f"{number} {unit}"


def _fitting(text: str, width: float, letter: float) -> str:
    letters = int(width / letter)
    if len(text) <= letters:
        return text
    return f"{text[: letters - 1]}…" if letters > 3 else ""


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
