"""Calibration: how often the leader is right where the evidence speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from policies.evidence import FEATURES
from simulations.bootstrap import ratio, resample

if TYPE_CHECKING:
    from collections.abc import Collection

    from simulations.fitting.stopping import Runs
    from simulations.results import Interval
    from simulations.sums import Floats

CALIBRATED = ("p_stays", "leader_share")
"""Features between 0 and 1 that speak for the leader."""

_BINS = 20
_HAS_VOTE = FEATURES.index("has_vote")


@dataclass(frozen=True, slots=True)
class Bin:
    """Decisions at which a feature was about the same.

    Attributes:
        mean: Of the feature.
        right: Share at which the leader was right, with its interval over questions.
        share: Of all decisions.
        questions: Different questions among them.
    """

    mean: float
    right: Interval
    share: float
    questions: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """One feature.

    Attributes:
        feature: Its name.
        bins: By the feature, ascending; empty ones are left out.
        error: Expected calibration error: mean distance between feature and share right over
            the bins, each weighing its share of the decisions; None where there are none.
    """

    feature: str
    bins: tuple[Bin, ...]
    error: float | None


def calibrate(runs: Collection[Runs], seed: int) -> tuple[Calibration, ...]:
    """Compare `CALIBRATED` with how often the leader is right.

    All decisions of the recorded runs count at which a sample had voted, also those after which
    a rule would have stopped; each width weighs the same, and in it each model.

    Args:
        runs: One a width.
        seed: Of the resamples, in which whole questions are drawn.
    """
    return tuple(_calibration(name, runs, seed) for name in CALIBRATED)


def _calibration(name: str, runs: Collection[Runs], seed: int) -> Calibration:
    questions = sorted({question for some in runs for question in some.question.tolist()})
    sums = sum(_sums(some, FEATURES.index(name), questions) for some in runs)
    weight, value, right = np.asarray(sums)
    total = weight.sum(axis=0)
    drawn = resample(len(questions), seed)
    bins = [
        Bin(
            mean=float(value[:, place].sum() / total[place]),
            right=ratio(drawn, right[:, place], weight[:, place]).interval(),
            share=float(total[place] / total.sum()),
            questions=int(np.count_nonzero(weight[:, place])),
        )
        for place in np.flatnonzero(total)
    ]
    error = sum(one.share * abs(one.mean - one.right.mean) for one in bins)
    return Calibration(name, tuple(bins), error if bins else None)


def _sums(runs: Runs, feature: int, questions: list[str]) -> Floats:
    """Return weight, feature and right, summed by question and bin, shape (3, questions, bins)."""
    real = np.arange(runs.right.shape[1]) <= runs.last[:, None]
    run, at = np.nonzero(real & (runs.features[:, :, _HAS_VOTE] > 0.0))
    value = runs.features[run, at, feature]
    weight = 1.0 / np.bincount(runs.model[run])[runs.model[run]]
    cell = (
        np.searchsorted(questions, runs.question[run]),
        np.minimum((value * _BINS).astype(int), _BINS - 1),
    )
    sums = np.zeros((3, len(questions), _BINS))
    for total, summed in zip(
        sums, (weight, weight * value, weight * runs.right[run, at]), strict=True
    ):
        np.add.at(total, cell, summed)
    return sums
