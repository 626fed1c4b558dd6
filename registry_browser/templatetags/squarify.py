"""Where the areas of a map lie: a squarified treemap, as values.

After Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000): rows are filled along the shorter
side for as long as that brings their cells nearer to squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the layout's own width and height."""

    x: float
    y: float
    width: float
    height: float

    def inset(self, by: float, top: float = 0.0) -> Box:
        """What is left within a border; never less than nothing."""
        return Box(
            self.x + by,
            self.y + by + top,
            max(0.0, self.width - 2 * by),
            max(0.0, self.height - 2 * by - top),
        )


def squarify(sizes: Sequence[float], box: Box) -> list[Box]:
    """One box for each size, in order; areas are to scale and fill `box`. Sizes are positive, and
    best come largest first.
    """
    total = sum(sizes)
    if total <= 0 or box.width <= 0 or box.height <= 0:
        return [Box(box.x, box.y, 0.0, 0.0) for _ in sizes]
    scale = box.width * box.height / total
    areas = [size * scale for size in sizes]
    placed: list[Box] = []
    while areas:
        side = min(box.width, box.height)
        row = _row(areas, side)
        placed += _along(areas[:row], box)
        box = _beside(sum(areas[:row]), box)
        areas = areas[row:]
    return placed


def _row(areas: Sequence[float], side: float) -> int:
    """How many of the areas make up the next row."""
    count = 1
    while count < len(areas) and _worst(areas[: count + 1], side) <= _worst(areas[:count], side):
        count += 1
    return count


def _worst(areas: Sequence[float], side: float) -> float:
    """The longest side over the shortest among the cells of a row."""
    total = sum(areas)
    if side <= 0 or total <= 0 or min(areas) <= 0:
        return float("inf")
    return max(side**2 * max(areas) / total**2, total**2 / (side**2 * min(areas)))


def _along(areas: Sequence[float], box: Box) -> Iterator[Box]:
    """A row of cells along the shorter side of the box, at its start.

    What the rows before left is inexact, so that a hair of a box would be overrun: nothing is
    longer than the room that is left for it.
    """
    total, offset = sum(areas), 0.0
    upright = box.width >= box.height
    side, depth = (box.height, box.width) if upright else (box.width, box.height)
    thickness = min(total / side, depth) if side > 0 else 0.0
    for area in areas:
        length = min(area / thickness, max(0.0, side - offset)) if thickness > 0 else 0.0
        if upright:
            yield Box(box.x, box.y + offset, thickness, length)
        else:
            yield Box(box.x + offset, box.y, length, thickness)
        offset += length


def _beside(total: float, box: Box) -> Box:
    """What a row of this area leaves of the box."""
    if box.width >= box.height:
        used = total / box.height if box.height > 0 else box.width
        return Box(box.x + used, box.y, max(0.0, box.width - used), box.height)
    used = total / box.width if box.width > 0 else box.height
    return Box(box.x, box.y + used, box.width, max(0.0, box.height - used))
