"""Fronts: who is beaten by nobody, and what an accuracy costs along a concave hull.

Whoever plays one policy on a random share of the questions and another on the rest gets, on
average, any point of the line between the two. So all that a family of policies can do is the
upper concave hull of its points, as for classifiers (Provost and Fawcett, Machine Learning 42,
2001). Its inverse is the least cost of an accuracy.

The ends make no promises. Nothing cheaper than the cheapest point is claimed: the origin is no
point of the hull, since skipping questions is a policy of its own (`null`) and not a member of
every family. So an accuracy below that of the cheapest point costs what that point costs, an
upper bound. An accuracy above that of the best point is never reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.sums import Floats

    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Hull:
    """The rising part of upper concave hulls, one a row, the cheapest corner first.

    Attributes:
        costs: Of the corners, infinite behind the last, shape (rows, points).
        accuracies: Likewise.
        sizes: Corners, shape (rows).
    """

    costs: Floats
    accuracies: Floats
    sizes: NDArray[np.int64]


def hull_of(costs: Floats, accuracies: Floats) -> Hull:
    """Return the hulls of points by Andrew's monotone chain, all rows at once.

    Args:
        costs: Shape (rows, points), points at least 1, all finite.
        accuracies: Shape (rows, points), all finite.
    """
    rows, points = costs.shape
    order = np.lexsort((-accuracies, costs), axis=-1)
    costs = np.take_along_axis(costs, order, axis=1)
    accuracies = np.take_along_axis(accuracies, order, axis=1)
    x = np.full((rows, points), np.inf)
    y = np.full((rows, points), np.inf)
    sizes = np.zeros(rows, dtype=np.int64)
    every = np.arange(rows)
    for point in range(points):
        better = (sizes == 0) | (accuracies[:, point] > y[every, sizes - 1])
        at = every[better]
        _pop(x, y, sizes, at, costs[at, point], accuracies[at, point])
        x[at, sizes[at]] = costs[at, point]
        y[at, sizes[at]] = accuracies[at, point]
        sizes[at] += 1
    behind = np.arange(points) >= sizes[:, None]
    x[behind] = np.inf
    y[behind] = np.inf
    return Hull(x, y, sizes)


def _pop(
    x: Floats, y: Floats, sizes: NDArray[np.int64], at: NDArray[np.int64], cost: Floats, top: Floats
) -> None:
    """Take off, in the rows `at`, the corners below the line to a new point (`cost`, `top`)."""
    alive = np.ones(len(at), dtype=bool)
    while True:
        alive &= sizes[at] > 1
        rows = at[alive]
        if not len(rows):
            return
        last, before = sizes[rows] - 1, sizes[rows] - 2
        run, rise = x[rows, last] - x[rows, before], y[rows, last] - y[rows, before]
        far, high = cost[alive] - x[rows, before], top[alive] - y[rows, before]
        below = rise * far <= high * run
        sizes[rows[below]] -= 1
        alive[alive] = below


def cost_at(hull: Hull, accuracies: Floats) -> tuple[Floats, Bools]:
    """Return the least cost at which each hull reaches an accuracy.

    Args:
        hull: Of each row.
        accuracies: To be reached, shape (rows).

    Returns:
        The costs, infinite where never reached, and whether they are only upper bounds since
        the cheapest corner is more accurate, both of shape (rows). At a corner the cost is the
        corner's to the last bit.
    """
    every = np.arange(len(accuracies))
    above = (hull.accuracies < accuracies[:, None]).sum(axis=1)
    reached = above < hull.sizes
    above = np.minimum(above, hull.sizes - 1)
    below = np.maximum(above - 1, 0)
    cost, top = hull.costs[every, above], hull.accuracies[every, above]
    run, rise = cost - hull.costs[every, below], top - hull.accuracies[every, below]
    lacking = np.divide(top - accuracies, rise, out=np.zeros(len(every)), where=rise > 0.0)
    return np.where(reached, cost - run * lacking, np.inf), hull.accuracies[:, 0] > accuracies


def pareto_front(costs: Floats, accuracies: Floats) -> Bools:
    """Tell which points nobody beats: at least as accurate, at most as costly, better in one.

    Args:
        costs: Shape (points).
        accuracies: Shape (points).
    """
    cheaper = costs[:, None] <= costs
    higher = accuracies[:, None] >= accuracies
    better = (costs[:, None] < costs) | (accuracies[:, None] > accuracies)
    unbeaten: Bools = (cheaper & higher & better).sum(axis=0) == 0
    return unbeaten
