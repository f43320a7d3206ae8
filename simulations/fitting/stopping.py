"""The stop rule by the exact gradient of what it earns.

A recorded run does not depend on when one would have stopped it, so the mean reward of any rule
is known exactly: with p_t the probability to stop at decision t (a logistic function of what was
seen and of the price), S_t = Π_{s<t} (1 − p_s) and R_t = right_t − price · units_t, a run earns
V = Σ_t S_t p_t R_t, and ∂V/∂z_t = S_t p_t (1 − p_t) (R_t − V_{t+1}), where V_{t+1} is what the
rest earns if it is not stopped at t. L-BFGS climbs the mean over runs and prices. This is the
optimal stopping of Becker, Cheridito and Jentzen (JMLR 20, 2019), with one rule for all decisions
and prices, and no simulation of the choice itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.fitting.recording import Run
    from simulations.sums import Floats

_STILL = 1e-9
_FIRST = -2.0
"""Log-odds of stopping to begin with."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A stop rule: it stops where the score is above 0.

    The score is `constant + x·level + p (slope_constant + x·slope) + bend p²`, p the natural
    logarithm of the price.
    """

    constant: float
    level: Floats
    slope_constant: float
    slope: Floats
    bend: float

    @classmethod
    def nothing(cls, features: int) -> Weights:
        """Return weights of nothing, for so many features."""
        return cls(0.0, np.zeros(features), 0.0, np.zeros(features), 0.0)

    def scores(self, features: Floats, price: float) -> Floats:
        """Return the score of each decision, shape (decisions)."""
        p = np.log(price)
        ahead = self.constant + features @ self.level
        scores: Floats = ahead + p * (self.slope_constant + features @ self.slope + self.bend * p)
        return scores


class Runs:
    """Runs of one width side by side, shorter ones padded with their last decision.

    Attributes:
        features: Shape (runs, decisions, features).
        right: Shape (runs, decisions).
        units: Shape (runs, decisions).
        tokens: Shape (runs, decisions).
        ended: Shape (runs, decisions).
        last: Place of each run's last decision, shape (runs).
        model: Each run's pool, shape (runs).
        question: Each run's question, shape (runs).
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        longest = max(len(run.right) for run in runs)
        place = np.array([np.minimum(np.arange(longest), len(run.right) - 1) for run in runs])
        self.features = np.array([r.features[p] for r, p in zip(runs, place, strict=True)])
        self.right = np.array([r.right[p] for r, p in zip(runs, place, strict=True)])
        self.units = np.array([r.units[p] for r, p in zip(runs, place, strict=True)])
        self.tokens = np.array([r.tokens[p] for r, p in zip(runs, place, strict=True)])
        self.ended = np.array([r.ended[p] for r, p in zip(runs, place, strict=True)])
        self.last = place[:, -1]
        self.model = np.array([run.model for run in runs])
        self.question = np.array([run.question_id for run in runs])

    def where(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Runs:
        """Return some of the runs."""
        some = object.__new__(Runs)
        for name in ("features", "right", "units", "tokens", "ended", "last", "model", "question"):
            setattr(some, name, getattr(self, name)[chosen])
        return some

    def stopped(self, weights: Weights, price: float) -> tuple[Floats, Floats, Floats]:
        """Return right, units and tokens of each run where the rule stops it, shape (runs)."""
        return self.stopped_where(weights.scores(self.features, price) > 0.0)

    def stopped_where(
        self, stop: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    ) -> tuple[Floats, Floats, Floats]:
        """Return right, units and tokens of each run where it is first stopped, or at its end."""
        stop = stop | (np.arange(stop.shape[1]) >= self.last[:, None])
        at = stop.argmax(axis=1)
        run = np.arange(len(at))
        return self.right[run, at], self.units[run, at], self.tokens[run, at]


def learn(runs: Runs, prices: Sequence[float], *, ridge: float, steps: int) -> Weights:
    """Learn a stop rule.

    Args:
        runs: What to learn from; each model weighs the same.
        prices: At which it is to be good, accuracy per unit; each weighs the same.
        ridge: Penalty on squared weights of standardised features.
        steps: Iterations of L-BFGS at most.
    """
    real = np.arange(runs.right.shape[1]) <= runs.last[:, None]
    mean = runs.features[real].mean(axis=0)
    scale = runs.features[real].std(axis=0)
    scale[scale < _STILL] = np.inf  # it never varies: it gets no weight
    standard = (runs.features - mean) / scale
    standard = np.concatenate([np.ones((*standard.shape[:2], 1)), standard], axis=2)
    count, decisions, width = standard.shape
    flat = standard.reshape(-1, width).astype(np.float32)
    final = np.arange(decisions) >= runs.last[:, None]
    sizes = np.bincount(runs.model)
    weight = 1.0 / (sizes[runs.model] * np.count_nonzero(sizes))
    logarithms = np.log(prices)
    centre = logarithms.mean()

    def loss(theta: Floats) -> tuple[float, Floats]:
        level, slope, bend = theta[:width], theta[width : 2 * width], theta[-1]
        ahead = (flat @ level.astype(np.float32)).reshape(count, decisions)
        along = (flat @ slope.astype(np.float32)).reshape(count, decisions)
        earned, of_level, of_slope, of_bend = 0.0, np.zeros_like(ahead), np.zeros_like(along), 0.0
        for price, logarithm in zip(prices, logarithms, strict=True):
            p = logarithm - centre
            value, gradient = _earned(ahead + p * along + bend * p * p, final, runs, price)
            gradient *= weight[:, None]
            earned += float((weight * value).sum())
            of_level += gradient
            of_slope += p * gradient
            of_bend += p * p * gradient.sum()
        # Not BLAS: its bits depend on the number of threads.
        by_weight = [np.einsum("i,ij->j", of.reshape(-1), flat) for of in (of_level, of_slope)]
        gradient = np.concatenate([*by_weight, [of_bend]])
        free = np.ones_like(theta)
        free[[0, width, -1]] = 0.0
        loss = -earned / len(prices) + ridge * float(theta**2 @ free)
        return loss, -gradient / len(prices) + 2 * ridge * theta * free

    start = np.zeros(2 * width + 1)
    start[0] = _FIRST
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    return _unstandardised(found, width, mean, scale, centre)


def _earned(
    scores: Floats,
    final: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    runs: Runs,
    price: float,
) -> tuple[Floats, Floats]:
    """Return what each run earns, and the gradient by its scores."""
    stop = expit(np.clip(scores, -30.0, 30.0))
    stop[final] = 1.0
    reward = runs.right - price * runs.units
    later = np.zeros(len(reward))
    rest = np.empty_like(reward)
    for t in range(reward.shape[1] - 1, -1, -1):
        rest[:, t] = later
        later = stop[:, t] * reward[:, t] + (1.0 - stop[:, t]) * later
    goes_on = np.cumprod(1.0 - stop, axis=1)
    reached = np.concatenate([np.ones((len(stop), 1)), goes_on[:, :-1]], axis=1)
    gradient = reached * stop * (1.0 - stop) * (reward - rest)
    gradient[final] = 0.0
    return later, gradient


def _unstandardised(
    theta: Floats, width: int, mean: Floats, scale: Floats, centre: float
) -> Weights:
    """Undo the standardisation, and the centring of the price's logarithm."""
    level, slope, bend = theta[1:width] / scale, theta[width + 1 : 2 * width] / scale, theta[-1]
    constant = theta[0] - level @ mean
    along = theta[width] - slope @ mean
    return Weights(
        constant=float(constant - centre * along + bend * centre**2),
        level=level - centre * slope,
        slope_constant=float(along - 2 * bend * centre),
        slope=slope,
        bend=float(bend),
    )
