"""What a sample of each arm brings, by the level of agreement of the votes before it.

Random states of a vote are told how they end with and without the next samples of each arm, all
else being equal, so what an arm brings is not mixed up with where it happens to be asked. The
difference is regressed on the terms of `policies.mixtures` (least squares with a small ridge).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from policies.mixtures import LEVELS, LOOK_AHEAD, terms

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
    level: NDArray[np.int64] = np.searchsorted(LEVELS, agreement, side="right")
    return level


def gains(states: States, weights: Floats) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Fit the coefficients of what each arm brings.

    Args:
        states: What was drawn.
        weights: Of each arm's votes, shape (arms).

    Returns:
        Shape (levels, arms, terms).
    """
    votes = np.einsum("sma,m->sa", states.late, weights)
    before = chance(votes)
    level, weight = levels_of(states, weights), states.drawn @ weights
    by_arm = []
    for arm, of_arm in enumerate(weights):
        brought = chance(votes + of_arm * states.more[:, arm]) - before
        known = np.array([terms(w, n) for w, n in zip(weight, states.drawn[:, arm], strict=True)])
        by_arm.append(
            [
                _coefficients(known[one], brought[one] / LOOK_AHEAD)
                for one in (states.room[:, arm] & (level == at) for at in range(len(LEVELS) + 1))
            ]
        )
    return tuple(tuple(rows) for rows in zip(*by_arm, strict=True))


def chance(votes: Floats) -> Floats:
    """Return how likely the leader is the right answer: 0, 1, or a share of equals.

    Args:
        votes: By answer, the right one first, shape (states, answers).

    Returns:
        Shape (states); 0 without votes.
    """
    most = votes.max(axis=1)
    leading = votes >= most[:, None] - _EQUAL
    right: Floats = np.where(most > 0.0, leading[:, 0] / leading.sum(axis=1), 0.0)
    return right


def _coefficients(x: Floats, y: Floats) -> tuple[float, ...]:
    penalty = RIDGE * max(len(x), 1) * np.eye(x.shape[1])
    found: list[float] = np.linalg.solve(x.T @ x + penalty, x.T @ y).tolist()
    return tuple(found)
