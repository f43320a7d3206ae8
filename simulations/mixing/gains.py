"""What a sample of each arm brings, by the level of agreement of the votes before it.

Random states of a vote are told how they end with and without the next samples of each arm, all
else being equal, so what an arm brings is not mixed up with where it happens to be asked. The
difference is regressed on the terms of `policies.mixtures`, for all arms at once: each arm's
coefficients are common ones plus its own, and its own are drawn to zero as far as the questions
leave them in doubt (partial pooling; Gelman and Hill, "Data Analysis Using Regression and
Multilevel/Hierarchical Models", 2007, chapter 12). Where nothing tells arms apart, the one that was
started least, for its cost, comes next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from policies.mixtures import LEVELS, LOOK_AHEAD, terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.mixing.states import States
    from simulations.sums import Floats

SPREAD = 0.05
"""How far an arm's own coefficients are taken to lie from the common ones before anything is
known, a standard deviation in accuracy a sample."""

_RIDGE = 1e-4
"""Penalty on the squares of common coefficients, a share of the number of states."""

_LEAST_NOISE = 1e-4
"""Variance of what a sample brings, where few states show none."""

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
    brought = np.stack(
        [
            (chance(votes + of_arm * states.more[:, arm]) - before) / LOOK_AHEAD
            for arm, of_arm in enumerate(weights)
        ],
        axis=1,
    )
    known = np.array(
        [
            [terms(w, n) for n in counts]
            for w, counts in zip(weight.tolist(), states.drawn.tolist(), strict=True)
        ]
    )
    rows = []
    for at in range(len(LEVELS) + 1):
        here = states.room & (level == at)[:, None]
        questions = len(np.unique(states.question[here.any(axis=1)]))
        rows.append(_pooled(known, brought, here, questions))
    return tuple(rows)


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


def _pooled(
    known: Floats, brought: Floats, here: NDArray[np.bool_], questions: int
) -> tuple[tuple[float, ...], ...]:
    """Fit every arm's coefficients at one level.

    Args:
        known: Terms, shape (states, arms, terms).
        brought: What a sample brings, shape (states, arms).
        here: Which of these count, shape (states, arms).
        questions: How many questions they come from.

    Returns:
        Shape (arms, terms).
    """
    arms, width = int(known.shape[1]), int(known.shape[2])
    size = width * (arms + 1)
    if not questions:
        return ((0.0,) * width,) * arms
    # Unknowns: the common coefficients, then each arm's own.
    matrix, target = np.zeros((size, size)), np.zeros(size)
    common = slice(0, width)
    for arm in range(arms):
        x, y = known[here[:, arm], arm], brought[here[:, arm], arm]
        own = slice(width * (arm + 1), width * (arm + 2))
        square, cross = x.T @ x, x.T @ y
        for left in (common, own):
            target[left] += cross
            for right in (common, own):
                matrix[left, right] += square
    states = here.sum()
    # States of one question say little more than one, so noise counts as often as they repeat it.
    repeats = states / (questions * arms)
    doubt = repeats * max(float(np.var(brought[here])), _LEAST_NOISE) / SPREAD**2
    matrix[common, common] += _RIDGE * states * np.eye(width)
    matrix[width:, width:] += doubt * np.eye(size - width)
    found = np.linalg.solve(matrix, target)
    fitted: tuple[tuple[float, ...], ...] = tuple(
        tuple((found[common] + found[width * (arm + 1) : width * (arm + 2)]).tolist())
        for arm in range(arms)
    )
    return fitted
