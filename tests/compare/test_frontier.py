"""Hulls, their inverses and fronts, against figures worked out by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.compare.frontier import cost_at, hull_of, pareto_front

# Five points: the third lies below the line from the second to the fourth, the fifth is beaten.
COSTS = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
ACCURACIES = np.array([[0.2, 0.5, 0.55, 0.7, 0.6]])


def test_a_hull_keeps_only_corners() -> None:
    """Points below a line between two others, or beaten, are no corners."""
    hull = hull_of(COSTS, ACCURACIES)
    assert hull.sizes.tolist() == [3]
    assert hull.costs[0].tolist() == [1.0, 2.0, 4.0, np.inf, np.inf]
    assert hull.accuracies[0, :3].tolist() == [0.2, 0.5, 0.7]


def test_the_order_of_points_does_not_matter() -> None:
    """A hull is the same whichever way its points are shuffled, row by row."""
    order = np.array([[4, 2, 0, 3, 1], [0, 1, 2, 3, 4]])
    hull = hull_of(COSTS[0][order], ACCURACIES[0][order])
    assert hull.costs[0].tolist() == hull.costs[1].tolist()
    assert hull.sizes.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("accuracy", "cost", "at_most"),
    [
        (0.1, 1.0, True),
        (0.2, 1.0, False),
        (0.35, 1.5, False),
        (0.5, 2.0, False),
        (0.6, 3.0, False),
        (0.7, 4.0, False),
        (0.71, np.inf, False),
    ],
)
def test_costs_are_interpolated_and_nothing_is_claimed_beyond_the_ends(
    accuracy: float, cost: float, *, at_most: bool
) -> None:
    """Below the cheapest point stands its own cost as a bound; above the best stands nothing."""
    costs, bounded = cost_at(hull_of(COSTS, ACCURACIES), np.array([accuracy]))
    assert costs[0] == pytest.approx(cost)
    assert bounded.tolist() == [at_most]


def test_a_corner_costs_its_own_to_the_last_bit() -> None:
    """Reaching a corner's accuracy costs exactly what the corner costs."""
    costs, accuracies = np.array([[0.1, 0.7, 1.9]]), np.array([[0.1, 0.3, 0.34]])
    hull = hull_of(costs, accuracies)
    for corner in range(3):
        assert cost_at(hull, accuracies[:, corner])[0][0] == costs[0, corner]


def test_of_equally_costly_points_the_most_accurate_counts() -> None:
    """Two points above one another give one corner."""
    hull = hull_of(np.array([[2.0, 2.0, 1.0]]), np.array([[0.4, 0.6, 0.1]]))
    assert hull.costs[0, :2].tolist() == [1.0, 2.0]
    assert hull.accuracies[0, :2].tolist() == [0.1, 0.6]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8),
    st.integers(0, 21),
)
def test_no_mix_of_two_points_is_cheaper(points: list[tuple[int, int]], target: int) -> None:
    """The inverse is the least cost over all mixes of two points that reach the accuracy."""
    costs = [float(cost) for cost, accuracy in points if accuracy >= target]
    for (low, less), (high, more) in product(points, points):
        if less < target <= more:
            costs.append(low + (high - low) * (target - less) / (more - less))
    array = np.array(points, dtype=float)
    found, _ = cost_at(hull_of(array[None, :, 0], array[None, :, 1]), np.array([float(target)]))
    assert found[0] == pytest.approx(min(costs, default=np.inf))


def test_a_front_holds_whoever_nobody_beats() -> None:
    """Equal points stay both; one that is as accurate but dearer goes, and so does a worse one."""
    costs = np.array([1.0, 1.0, 2.0, 3.0, 4.0])
    accuracies = np.array([0.5, 0.5, 0.5, 0.8, 0.7])
    assert pareto_front(costs, accuracies).tolist() == [True, True, False, True, False]
