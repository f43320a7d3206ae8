"""Labels in pictures keep out of each other's way."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simulations.report.look import HEIGHT
from simulations.report.placing import LINE, Mark, beside, pushed_apart


@given(st.lists(st.floats(0.0, HEIGHT), min_size=1, max_size=20))
def test_labels_get_a_line_each(heights: list[float]) -> None:
    """They stand apart, in their old order, above the floor."""
    moved = pushed_apart(heights)
    order = sorted(range(len(heights)), key=lambda place: (heights[place], moved[place]))
    for upper, lower in pairwise(order):
        assert moved[lower] - moved[upper] >= LINE - 1e-9
    assert max(moved) <= HEIGHT


def test_labels_with_room_stay_where_they_are() -> None:
    """Nothing is moved without need."""
    assert pushed_apart([200.0, 10.0, 90.0]) == [200.0, 10.0, 90.0]


def test_taller_labels_get_the_room_they_need() -> None:
    """Two bounds that are equal are named one below the other, in two lines each."""
    assert pushed_apart([100.0, 100.0], 2.5 * LINE) == [100.0, 135.0]


def at(x: float, y: float) -> Mark:
    """Return a mark with short bars, at these shares of the plot from its upper left."""
    return Mark(x=x, y=y, left=x - 0.1, right=x + 0.1, top=y - 0.1, bottom=y + 0.1)


def test_equal_points_get_labels_in_different_places() -> None:
    """Two policies that do the same can still be told apart."""
    assert len(set(beside([at(0.5, 0.5)] * 6))) == 6


def test_labels_at_the_edge_turn_inward() -> None:
    """A point in the upper right corner has its label to the lower left."""
    ((dx, dy),) = beside([at(1.0, 0.0)])
    assert dx < 0.0 < dy


def test_labels_keep_off_bars() -> None:
    """Alone, a point has its label between its bars; where another's bar runs, elsewhere."""
    ((alone_x, alone_y),) = beside([at(0.5, 0.5)])
    assert alone_x > 0.0 > alone_y
    ((dx, dy), _) = beside(
        [at(0.5, 0.5), Mark(x=0.9, y=0.47, left=0.45, right=1, top=0.4, bottom=1)]
    )
    assert (dx, dy) != (alone_x, alone_y)
