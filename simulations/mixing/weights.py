"""What a vote of each arm is worth: a conditional logit over the answers that stand to vote.

    P(answer a is right | votes) ∝ exp(Σₘ βₘ·nₘ(a))
    P(none of them is right | votes) ∝ exp(b + Σₘ cₘ·ln(1 + nₘ))

with nₘ(a) the votes of arm m for a and nₘ its samples (McFadden, "Conditional logit analysis of
qualitative choice behavior", 1974). All arms are fitted at once on sets that mix them, so a vote
that only repeats what votes of another arm say already earns little. A weighted majority with the
weights β names the answer that is most probable by this law.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from simulations.mixing.states import States
    from simulations.sums import Floats

SPREAD = 0.5
"""How far apart the worth of arms is taken to lie before anything is known, a standard deviation
in units of log-odds a vote: where questions are few, arms count about alike."""

_RIDGE = 1e-3
"""Penalty on the squares of all coefficients."""


def vote_weights(states: States) -> Floats:
    """Return the weight of each arm's votes; the one that is worth most has 1.

    Args:
        states: Whose late votes are learnt from; those without a sample tell nothing.

    Returns:
        Shape (arms). All are 1 where no vote is worth anything.
    """
    votes, samples = states.late, np.log1p(states.drawn)
    arms = votes.shape[1]
    questions = len(np.unique(states.question))
    known = votes.sum(axis=1) > 0.0
    right = known[:, 0]

    def loss(values: Floats) -> tuple[float, Floats]:
        beta, none, per_sample = values[:arms], values[arms], values[arms + 1 :]
        scores = np.einsum("sma,m->sa", votes, beta)
        scores[~known] = -np.inf
        scores = np.column_stack([scores, none + samples @ per_sample])
        scores -= scores.max(axis=1, keepdims=True)
        p = np.exp(scores)
        p /= p.sum(axis=1, keepdims=True)
        hit = np.where(right, p[:, 0], p[:, -1])
        # By the score of each answer: its probability less whether it is the right one.
        error = p.copy()
        error[:, 0] -= right
        error[:, -1] -= ~right
        slope = np.concatenate(
            [
                np.einsum("sa,sma->m", error[:, :-1], votes),
                [error[:, -1].sum()],
                error[:, -1] @ samples,
            ]
        )
        mean = -np.log(np.maximum(hit, 1e-300)).mean()
        apart = beta - beta.mean()
        # States of one question say little more than one: the questions are what is counted.
        doubt = 1.0 / (2.0 * SPREAD**2 * questions)
        slope = slope / len(votes) + 2.0 * _RIDGE * values
        slope[:arms] += 2.0 * doubt * apart
        return mean + _RIDGE * values @ values + doubt * apart @ apart, slope

    start = np.concatenate([np.full(arms, 0.5), [1.0], np.zeros(arms)])
    bounds = [(0.0, None)] * arms + [(None, None)] * (arms + 1)
    beta = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x[:arms]
    most = beta.max()
    weights: Floats = beta / most if most > 0.0 else np.ones(arms)
    return weights
