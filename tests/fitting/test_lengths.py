"""Lengths: the median of censored samples, the grid of probes, and where cutting pays."""

from __future__ import annotations

import numpy as np
import pytest

from scheduler import FinishReason
from simulations.fitting.lengths import (
    best_cut,
    has_entropy,
    has_probes,
    mean_tokens,
    probe_interval,
    unit_tokens,
)
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, Pool


def pool_of(samples: list[LoggedSample], gold: str = "g", questions: int = 1) -> Pool:
    """Return a model that answered each question with these samples."""
    return Pool(
        "m",
        tuple(
            LoggedQuestion(f"q{n}", gold, {"default": tuple(samples)}, None, {})
            for n in range(questions)
        ),
    )


def ended(*lengths: int, reason: FinishReason = FinishReason.STOP) -> list[LoggedSample]:
    """Return samples of these lengths."""
    return [LoggedSample(i, tokens, "g", finish_reason=reason) for i, tokens in enumerate(lengths)]


def told(*at: int, probed: bool = True, entropy: float | None = None) -> LoggedSample:
    """Return a sample with checkpoints."""
    logged = tuple(Checkpoint(t, entropy, None, probed=probed, answer=None) for t in at)
    return LoggedSample(0, 1000, "g", checkpoints=logged)


def test_the_unit_is_the_median_length() -> None:
    """Half of the samples of all models are no longer."""
    assert unit_tokens([pool_of(ended(10, 20, 30))]) == 20.0
    assert unit_tokens([pool_of(ended(10)), pool_of(ended(20, 30))]) == 20.0


def test_stopped_samples_are_censored() -> None:
    """Two stopped at 25 say that they would be longer: 30, neither 25 nor the 20 without them."""
    stopped = ended(25, 25, reason=FinishReason.STOPPED)
    assert unit_tokens([pool_of([*ended(10, 20, 30, 40), *stopped])]) == 30.0
    assert unit_tokens([pool_of([*ended(10, 20, 30, 40), *ended(25, 25)])]) == 25.0
    assert unit_tokens([pool_of(ended(10, 20, 30, 40))]) == 20.0


def test_a_median_that_was_not_reached_is_the_longest() -> None:
    """Where most samples were stopped, the unit is as long as any was seen."""
    stopped = ended(20, 20, 20, reason=FinishReason.STOPPED)
    assert unit_tokens([pool_of([*ended(10), *stopped])]) == 20.0
    assert unit_tokens([pool_of(stopped)]) == 20.0


def test_a_limit_of_tokens_is_an_end() -> None:
    """A sample that a limit ended has the length that it has."""
    cut = ended(20, 20, 20, reason=FinishReason.LENGTH)
    assert unit_tokens([pool_of([*ended(10), *cut])]) == 20.0
    assert mean_tokens([pool_of([*ended(10), *cut])]) == 17.5


@pytest.mark.parametrize(
    ("unit", "interval"), [(1200.0, 100), (1700.0, 150), (600.0, 50), (100.0, 50), (6000.0, 500)]
)
def test_probes_keep_to_the_grid_that_was_logged(unit: float, interval: int) -> None:
    """About a twelfth of a unit, in whole steps of 50 tokens, at least one."""
    samples = [told(*range(50, 1000, 50)), told(50, 100, 150, 300)]
    assert probe_interval([pool_of(samples)], unit) == interval


def test_checkpoints_without_a_probe_are_no_grid() -> None:
    """Entropies each 10 tokens leave the probes' 200; without probes any interval goes."""
    entropies = told(*range(10, 1000, 10), probed=False, entropy=0.5)
    probes = told(*range(200, 1000, 200))
    assert probe_interval([pool_of([entropies, probes])], 2400.0) == 200
    assert probe_interval([pool_of([entropies])], 1204.0) == 100


def test_what_was_logged_is_seen() -> None:
    """Probes and entropies are each known to be there or not."""
    probed, measured = told(10), told(10, probed=False, entropy=0.5)
    assert [has_probes([pool_of([one])]) for one in (probed, measured)] == [True, False]
    assert [has_entropy([pool_of([one])]) for one in (probed, measured)] == [False, True]


def split_by_length(*, long_ones_are_right: bool) -> Pool:
    """Return 31 short samples, half of one answer and half of many, and 19 long ones of another."""
    common, of_long = ("w", "g") if long_ones_are_right else ("g", "w")
    answers = [common] * 15 + [f"x{n}" for n in range(16)]
    short = [LoggedSample(i, 100 + i, answer) for i, answer in enumerate(answers)]
    long = [LoggedSample(31 + i, 1000 + i, of_long) for i in range(19)]
    return pool_of([*short, *long], questions=2)


def test_long_samples_are_cut_where_they_are_wrong() -> None:
    """Short answers that many agree on win once the long ones have no vote."""
    cut = best_cut([split_by_length(long_ones_are_right=False)], np.random.default_rng(0))
    assert 100 <= cut < 1000


def test_long_samples_are_kept_where_they_are_right() -> None:
    """The longest length is no cut at all."""
    cut = best_cut([split_by_length(long_ones_are_right=True)], np.random.default_rng(0))
    assert cut == 1018


def test_nothing_is_cut_without_a_gain() -> None:
    """Among cuts that are right as often, the longest is taken."""
    assert best_cut([pool_of(ended(*range(100, 200)))], np.random.default_rng(0)) == 199


def test_each_model_weighs_the_same_for_the_cut() -> None:
    """Two questions that gain by a cut count as much as six of a model that lose by it."""
    gains, loses = (split_by_length(long_ones_are_right=right) for right in (False, True))
    many = Pool("n", loses.questions[:1] * 6)
    alone = best_cut([many], np.random.default_rng(0))
    # Beside two models that gain, the many questions of one are outvoted.
    both = best_cut([many, gains, gains], np.random.default_rng(0))
    assert (alone, both < 1000) == (1018, True)
