"""How well a number tells right things from wrong ones: the AUC, pooled and within questions.

The AUC is the chance that a right one has the higher number of a right and a wrong one, ties
counting half: 0.5 is a coin. Pooled, the two may belong to different questions, so that a number
which merely knows hard questions from easy ones tells much. Within a question only pairs of the
same question count, which takes difficulty out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulations.bootstrap import RESAMPLES, Estimate, ratio

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from simulations.sums import Floats


@dataclass(frozen=True, slots=True)
class Separation:
    """AUCs; NaN where there is no pair.

    Attributes:
        pooled: Over all pairs.
        within: Over pairs of the same question.
        questions: Questions that have such pairs.
    """

    pooled: Estimate
    within: Estimate
    questions: int


def separation(
    weights: Floats, question: ArrayLike, right: ArrayLike, score: ArrayLike
) -> Separation:
    """Return how well scores tell right from wrong.

    Args:
        weights: As `simulations.bootstrap.resample` draws them, shape (RESAMPLES, questions).
        question: Which question each thing belongs to, its column in `weights`, shape (things).
        right: Whether it is right, shape (things).
        score: Higher is meant to be right, shape (things).
    """
    questions, rights = np.asarray(question, dtype=np.int64), np.asarray(right, dtype=bool)
    scores = np.asarray(score, dtype=np.float64)
    won, pairs = _pairs(weights.shape[1], questions, rights, scores)
    return Separation(
        pooled=_pooled(weights, won, pairs),
        within=ratio(weights, won.diagonal(), pairs.diagonal()),
        questions=int(np.count_nonzero(pairs.diagonal())),
    )


def _pairs(
    count: int, question: NDArray[np.int64], right: NDArray[np.bool_], score: Floats
) -> tuple[Floats, Floats]:
    """Return won and all pairs by question of the right and of the wrong one."""
    won = np.zeros((count, count))
    wrong_of, wrong = question[~right], score[~right]
    for one in np.unique(question[right]):
        mine = score[right & (question == one)][:, None]
        beaten = (mine > wrong).sum(axis=0) + 0.5 * (mine == wrong).sum(axis=0)
        won[one] = np.bincount(wrong_of, weights=beaten, minlength=count)
    rights = np.bincount(question[right], minlength=count)
    return won, np.outer(rights, np.bincount(wrong_of, minlength=count)).astype(np.float64)


def _pooled(weights: Floats, won: Floats, pairs: Floats) -> Estimate:
    if not pairs.any():
        return Estimate(float("nan"), np.full(RESAMPLES, np.nan))
    mean = float(won.sum() / pairs.sum())
    drawn = ((weights @ pairs) * weights).sum(axis=1)
    resamples = np.full(RESAMPLES, mean)
    np.divide(((weights @ won) * weights).sum(axis=1), drawn, out=resamples, where=drawn > 0.0)
    return Estimate(mean, resamples)
