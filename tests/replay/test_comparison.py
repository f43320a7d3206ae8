"""Intervals: the bootstrap over questions, and what pairs it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from simulations.comparison import Comparison
from simulations.pool import LoggedQuestion, LoggedSample, Pool
from simulations.sums import BoundSums, PolicySums


def pool(model: str, names: list[str]) -> Pool:
    """Make questions with one sample each."""
    sample = (LoggedSample(0, 1, "1"),)
    questions = (LoggedQuestion(name, "1", {"default": sample}, None, {}) for name in names)
    return Pool(model, tuple(questions))


def sums(accuracy: np.ndarray, plays: float = 10.0) -> PolicySums:
    """Sum up plays of questions that are right so often."""
    one = PolicySums.zero(len(accuracy), 2)
    one.count += plays
    one.correct += plays * accuracy
    one.tokens += plays * 100.0 * (1.0 + accuracy)
    one.seconds += plays * 3.0
    return one


def bounds(size: int) -> BoundSums:
    """Make bounds that are always right."""
    one = BoundSums.zero(size)
    one.count += 10.0
    one.majority += 10.0
    one.stopping += 10.0
    return one


NAMES = [f"q{i}" for i in range(40)]
ACCURACY = np.random.default_rng(1).beta(0.6, 0.4, size=40)


def test_interval_is_the_percentile_bootstrap_over_questions() -> None:
    """With equal plays a question, the interval is SciPy's percentile bootstrap of the mean."""
    comparison = Comparison([pool("m", NAMES)], seed=3)
    found = comparison.policy("p", {"m": sums(ACCURACY)}, comparison.bounds({"m": bounds(40)}))
    luck = np.random.default_rng(5)
    scipy = stats.bootstrap((ACCURACY,), np.mean, method="percentile", rng=luck, n_resamples=9999)
    assert found.accuracy.mean == pytest.approx(ACCURACY.mean())
    assert found.accuracy.low == pytest.approx(scipy.confidence_interval.low, abs=0.01)
    assert found.accuracy.high == pytest.approx(scipy.confidence_interval.high, abs=0.01)
    assert found.regret.pool_majority.mean == pytest.approx(1.0 - ACCURACY.mean())
    assert found.seconds_per_question.low == pytest.approx(3.0)


def test_a_policy_differs_from_itself_by_nothing() -> None:
    """Paired differences of equal results are exactly zero, however wide each interval is."""
    comparison = Comparison([pool("m", NAMES)], seed=3)
    one = {"m": sums(ACCURACY)}
    same = comparison.paired("p", one, "p", one)
    assert (same.accuracy.low, same.accuracy.mean, same.accuracy.high) == (0.0, 0.0, 0.0)


def test_a_constant_gain_has_no_width() -> None:
    """A gain that is the same on every question is known exactly: questions cancel."""
    comparison = Comparison([pool("m", NAMES)], seed=3)
    better = {"m": sums(ACCURACY + 0.05)}
    gain = comparison.paired("b", better, "a", {"m": sums(ACCURACY)}).accuracy
    assert (gain.low, gain.high) == pytest.approx((0.05, 0.05))


def test_one_question_in_two_models_is_one_cluster() -> None:
    """Doubling a pool by a second model with the same results narrows no interval."""
    models = [pool("m", NAMES), pool("n", NAMES)]
    alone = Comparison(models[:1], seed=3)
    both = Comparison(models, seed=3)
    one = alone.policy("p", {"m": sums(ACCURACY)}, alone.bounds({"m": bounds(40)}))
    two = both.policy(
        "p",
        {"m": sums(ACCURACY), "n": sums(ACCURACY)},
        both.bounds({"m": bounds(40), "n": bounds(40)}),
    )
    assert two.accuracy == one.accuracy


def test_models_of_different_size_weigh_the_same() -> None:
    """The mean over models is plain, whatever the number of their questions."""
    models = [pool("m", NAMES), pool("n", ["other"])]
    comparison = Comparison(models, seed=3)
    found = comparison.policy(
        "p",
        {"m": sums(np.zeros(40)), "n": sums(np.ones(1))},
        comparison.bounds({"m": bounds(40), "n": bounds(1)}),
    )
    assert found.accuracy.mean == pytest.approx(0.5)
    assert np.isfinite(found.accuracy.low)


def test_questions_count_by_how_often_they_were_played() -> None:
    """Where streams hold some of the questions, the mean is a ratio of sums."""
    comparison = Comparison([pool("m", ["a", "b"])], seed=3)
    one = sums(np.array([1.0, 0.0]))
    one.count[0], one.correct[0] = 30.0, 30.0
    found = comparison.policy("p", {"m": one}, comparison.bounds({"m": bounds(2)}))
    assert found.accuracy.mean == pytest.approx(0.75)
