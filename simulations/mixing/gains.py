"""What more samples bring: the probability of a right leader by samples of each arm and level.

For each level of agreement that the votes have reached, the outcome of the weighted vote once
further samples have voted is regressed on the terms of `policies.mixtures` (least squares with a
small ridge). An equal vote counts as its chance of being broken rightly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from policies.mixtures import LEVELS, terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.mixing.states import States
    from simulations.sums import Floats

RIDGE = 1e-4
"""Penalty on squared coefficients, a share of the number of states."""

_EQUAL = 1e-9


def levels_of(states: States, weights: Floats) -> NDArray[np.int64]:
    """Return the level of agreement of the early votes.

    Args:
        states: What was drawn.
        weights: Of each arm's votes, shape (arms).

    Returns:
        Shape (states).
    """
    votes = np.einsum("sma,m->sa", states.early, weights)
    agreement = votes.max(axis=1) / (votes.sum(axis=1) + 1.0)
    return np.searchsorted(LEVELS, agreement, side="right")


def outcomes(states: States, weights: Floats) -> Floats:
    """Return how likely the leader of the late votes is right, 0, 1 or a share of equals.

    Args:
        states: What was drawn.
        weights: Of each arm's votes, shape (arms).

    Returns:
        Shape (states).
    """
    votes = np.einsum("sma,m->sa", states.late, weights)
    most = votes.max(axis=1)
    leading = votes >= most[:, None] - _EQUAL
    return np.where(most > 0.0, leading[:, 0] / leading.sum(axis=1), 0.0)


def gains(states: States, weights: Floats) -> tuple[tuple[float, ...], ...]:
    """Fit the coefficients of P(n), a row a level.

    Args:
        states: What was drawn.
        weights: Of each arm's votes, shape (arms).

    Returns:
        Shape (levels, terms).
    """
    known = np.array([terms(counts) for counts in states.drawn.tolist()])
    level, right = levels_of(states, weights), outcomes(states, weights)
    rows = []
    for one in range(len(LEVELS) + 1):
        x, y = known[level == one], right[level == one]
        penalty = RIDGE * max(len(x), 1) * np.eye(known.shape[1])
        rows.append(tuple(np.linalg.solve(x.T @ x + penalty, x.T @ y).tolist()))
    return tuple(rows)
