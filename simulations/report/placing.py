"""Where labels go, so that they hide neither marks nor one another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING

from simulations.report.look import HEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]

LINE = 14  # pixels that a label needs for itself
_PLOT_WIDTHS = (230, 720)  # of a phone and of a wide page; labels must be free in both
_DISTANCES = (13, 19, 26, 36)
# The four diagonals come first, since intervals run along the others.
_DIRECTIONS = ((1, -1), (-1, -1), (1, 1), (-1, 1), (1, 0), (-1, 0), (0, -1), (0, 1))
_HIDING = 4  # times as bad as crossing an interval's bar


@dataclass(frozen=True, slots=True)
class Mark:
    """A point and its intervals' ends, as shares of the plot from its upper left."""

    x: float
    y: float
    left: float
    right: float
    top: float
    bottom: float


def beside(marks: Sequence[Mark]) -> list[Point]:
    """Place each mark's label beside it.

    Returns:
        For each mark the label's offset in pixels, at the place that is least crowded.
    """
    offsets = [
        (distance * x / (x * x + y * y) ** 0.5, distance * y / (x * x + y * y) ** 0.5)
        for distance, (x, y) in product(_DISTANCES, _DIRECTIONS)
    ]
    chosen: list[Point] = []
    for _ in marks:
        crowding = [_crowding(marks, [*chosen, offset]) for offset in offsets]
        chosen.append(offsets[crowding.index(min(crowding))])
    return chosen


def pushed_apart(heights: Sequence[float], needed: float = LINE) -> list[float]:
    """Move labels down, and up again from the floor, until each has the pixels it needs."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    apart = list(heights)
    for above, below in pairwise(order):
        apart[below] = max(apart[below], apart[above] + needed)
    apart[order[-1]] = min(apart[order[-1]], HEIGHT)
    for below, above in pairwise(reversed(order)):
        apart[above] = min(apart[above], apart[below] - needed)
    return apart


def _crowding(marks: Sequence[Mark], offsets: Sequence[Point]) -> int:
    """Count what the last of these labels hides or crosses, over the widths of the plot."""
    own = len(offsets) - 1
    crowded = 0
    for width in _PLOT_WIDTHS:
        centres = [(mark.x * width, mark.y * HEIGHT) for mark in marks]
        labels = [
            (x + dx, y + dy) for (x, y), (dx, dy) in zip(centres[: own + 1], offsets, strict=True)
        ]
        u, v = labels.pop()
        taken = [*labels, *centres[:own], *centres[own + 1 :]]
        hidden = sum(max(abs(u - x), abs(v - y)) < LINE for x, y in taken)
        hidden += not (0.0 < u < width and 0.0 < v < HEIGHT)
        crossed = sum(_crosses(mark, u / width, v / HEIGHT, width) for mark in marks)
        crowded += _HIDING * hidden + crossed
    return crowded


def _crosses(mark: Mark, x: float, y: float, width: int) -> bool:
    """Tell whether a label here (shares of the plot) crosses one of the mark's bars."""
    across, along = 0.5 * LINE / width, 0.5 * LINE / HEIGHT
    on_level = abs(y - mark.y) < along and mark.left - across < x < mark.right + across
    on_upright = abs(x - mark.x) < across and mark.top - along < y < mark.bottom + along
    return on_level or on_upright
