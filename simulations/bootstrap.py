"""The bootstrap over questions, from which every interval of this package comes.

Questions are the unit of evidence, so whole questions are drawn with replacement, each with all
that belongs to it (a cluster bootstrap: Field and Welsh, JRSS B 69, 2007). Estimates made of the
same resamples are paired: the interval of their difference is `one.minus(other).interval()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulations.luck import Purpose, generator
from simulations.results import Interval

if TYPE_CHECKING:
    from simulations.sums import Floats

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its bootstrap resamples, shape (RESAMPLES)."""

    mean: float
    resamples: Floats

    def interval(self) -> Interval:
        """Return the mean with its percentile interval."""
        tail = (1.0 - LEVEL) / 2.0
        low, high = np.quantile(self.resamples, [tail, 1.0 - tail]).tolist()
        return Interval(self.mean, low, high)

    def minus(self, other: Estimate) -> Estimate:
        """Return the paired difference."""
        return Estimate(self.mean - other.mean, self.resamples - other.resamples)


def resample(questions: int, seed: int) -> Floats:
    """Draw how often each question is in each resample, shape (RESAMPLES, questions)."""
    luck = generator(seed, 0, Purpose.BOOTSTRAP)
    drawn = luck.multinomial(questions, np.full(questions, 1.0 / questions), RESAMPLES)
    return drawn.astype(np.float64)


def ratio(weights: Floats, totals: Floats, counts: Floats) -> Estimate:
    """Return a mean of things that belong to questions: the sum of totals by that of counts.

    Args:
        weights: As `resample` draws them, shape (RESAMPLES, questions).
        totals: Sum over each question's things, shape (questions).
        counts: How many each question has, which may be none, shape (questions).

    Returns:
        The ratio; NaN if no question has any.
    """
    if not counts.any():
        return Estimate(float("nan"), np.full(RESAMPLES, np.nan))
    mean = float(totals.sum() / counts.sum())
    drawn = weights @ counts
    # A resample may miss all questions that have any: it then says nothing of the mean.
    resamples = np.full(RESAMPLES, mean)
    np.divide(weights @ totals, drawn, out=resamples, where=drawn > 0.0)
    return Estimate(mean, resamples)
