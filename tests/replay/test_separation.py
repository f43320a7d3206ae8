"""Bootstrap and AUC: known figures, and what an independent library says."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simulations.bootstrap import RESAMPLES, ratio, resample
from simulations.results import Interval
from simulations.separation import separation


def test_a_mean_of_clusters_has_the_clusters_interval() -> None:
    """Things of one question are no independent evidence: ten copies change no interval."""
    luck = np.random.default_rng(0)
    values = luck.normal(size=60)
    once = ratio(resample(60, 1), values, np.ones(60)).interval()
    copies = ratio(resample(60, 1), 10.0 * values, np.full(60, 10.0)).interval()
    assert (copies.low, copies.high) == pytest.approx((once.low, once.high))
    assert (once.high - once.low) / 2 == pytest.approx(1.96 * values.std() / 60**0.5, rel=0.1)


def test_a_mean_of_nothing_is_nothing() -> None:
    """Without a thing there is no mean; resamples that miss the only question repeat it."""
    assert isnan(ratio(resample(3, 0), np.zeros(3), np.zeros(3)).mean)
    alone = ratio(resample(3, 0), np.array([0.0, 4.0, 0.0]), np.array([0.0, 2.0, 0.0]))
    assert (alone.resamples == 2.0).all()
    assert alone.resamples.shape == (RESAMPLES,)


def test_pooled_is_what_scikit_learn_says() -> None:
    """With ties, over any questions; so is a resample, of the things it drew."""
    luck = np.random.default_rng(3)
    question = luck.integers(0, 12, 400)
    right = luck.random(400) < 0.4
    score = np.round(luck.normal(size=400) + 0.5 * right, 1)
    weights = resample(12, 5)
    found = separation(weights, question, right, score)
    assert found.pooled.mean == pytest.approx(roc_auc_score(right, score))
    drawn = roc_auc_score(right, score, sample_weight=weights[7][question])
    assert found.pooled.resamples[7] == pytest.approx(drawn)


def test_within_takes_difficulty_out() -> None:
    """A number that only knows the question is an AUC of one half within, however good pooled."""
    question = np.array([0] * 10 + [1] * 10)
    right = np.array([True] * 9 + [False] + [False] * 9 + [True])
    found = separation(resample(2, 0), question, right, 1.0 - question)
    assert found.pooled.mean == pytest.approx(0.9)
    assert found.within.mean == 0.5
    assert found.questions == 2
    inside = separation(resample(2, 0), question, right, right)
    assert inside.within.interval() == Interval(1.0, 1.0, 1.0)


def test_which_side_an_interval_lies_on() -> None:
    """Above, below, or undecided where it holds the number."""
    assert Interval(2.0, 1.0, 3.0).side() == 1
    assert Interval(-2.0, -3.0, -1.0).side() == -1
    assert Interval(0.6, 0.4, 0.8).side(0.5) == 0
