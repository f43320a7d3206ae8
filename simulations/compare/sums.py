"""The paired cluster bootstrap of `simulations.comparison`, for many cells at once.

Its resamples are the same ones, drawn from the same address of luck. Sums are taken question by
question, in one order and without fused operations: so equal columns have equal sums to the
last bit, twice a column has twice the sum, and no library or number of threads changes a byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulations.bootstrap import Estimate, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.compare.contexts import Context
    from simulations.sums import Floats


@dataclass(frozen=True, slots=True)
class Means:
    """Means over plays, as the data have them in row 0 and by resample in the others.

    Attributes:
        accuracy: Share of right answers, shape (models, 1 + RESAMPLES, cells).
        tokens: Tokens a question, same shape.
        seconds: Seconds a question, same shape.
    """

    accuracy: Floats
    tokens: Floats
    seconds: Floats

    def over(self, models: list[int]) -> Means:
        """Return the means over some models, each weighing the same: one entry of axis 0."""
        return Means(
            accuracy=self.accuracy[models].mean(axis=0, keepdims=True),
            tokens=self.tokens[models].mean(axis=0, keepdims=True),
            seconds=self.seconds[models].mean(axis=0, keepdims=True),
        )


def draw_weights(questions: int, seed: int) -> Floats:
    """Return how often each question is in the data (row 0) and in each resample.

    Args:
        questions: Different questions of the context.
        seed: Seed of the resamples.

    Returns:
        Shape (1 + RESAMPLES, questions).
    """
    return np.vstack([np.ones(questions), resample(questions, seed)])


def means_of(context: Context, weights: Floats) -> Means:
    """Return the means of every cell on every model.

    Args:
        context: The cells.
        weights: As `draw_weights` returns them.
    """
    models = range(len(context.models))
    plays = [weighted_sums(weights, context.plays[:, model]) for model in models]

    def of(totals: NDArray[np.int64] | Floats) -> Floats:
        return np.stack(
            [ratios(weighted_sums(weights, totals[:, model]), plays[model]) for model in models]
        )

    return Means(of(context.correct), of(context.tokens), of(context.seconds))


def weighted_sums(weights: Floats, totals: NDArray[np.int64] | Floats) -> Floats:
    """Return weighted sums over questions.

    Args:
        weights: Shape (rows, questions).
        totals: Shape (columns, questions).

    Returns:
        Shape (rows, columns).
    """
    sums = np.zeros((len(weights), len(totals)))
    term = np.empty_like(sums)
    for weight, total in zip(weights.T, totals.T, strict=True):
        np.multiply(weight[:, None], total, out=term)
        sums += term
    return sums


def ratios(totals: Floats, plays: Floats) -> Floats:
    """Divide sums by plays.

    A resample may miss all the questions of a small pool; it then says nothing of it and gets
    what the data have. NaN where the data have nothing either.

    Args:
        totals: The data in row 0, shape (rows, columns).
        plays: Same shape.
    """
    found = np.full(totals.shape, np.nan)
    np.divide(totals, plays, out=found, where=plays > 0.0)
    return np.where(plays > 0.0, found, found[0])


def estimate(column: Floats) -> Estimate:
    """Return a column of means, shape (1 + RESAMPLES), as an estimate."""
    return Estimate(float(column[0]), column[1:])
