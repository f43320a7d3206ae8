"""Recording: what a fit learns from is what the policy sees, at the moments at which it looks."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np
import pytest

from policies.evidence import FEATURES
from policies.priced import PricedPolicy
from scheduler import Reason, TimeBudget
from simulations.fitting.recording import Recorder, Run, record
from simulations.play import play
from simulations.streams import Draw, Order, Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.pricing import Parameters
    from scheduler import LatencyProfile, QuestionView
    from simulations.pool import Pool


class Witness(PricedPolicy):
    """Decides as it does, and remembers what it saw and when."""

    def __init__(self, parameters: Parameters, price: float | None = None) -> None:
        super().__init__(parameters, price=price)
        self.seen: list[tuple[list[float], float]] = []

    def is_enough(self, view: QuestionView, features: Sequence[float]) -> bool:
        """Remember, and pass on."""
        self.seen.append((list(features), view.at_s - view.opened.at_s))
        return super().is_enough(view, features)


def recorded(
    pools: list[Pool], parameters: Parameters, profile: LatencyProfile, **settings: int
) -> list[Run]:
    """Record the pools; two samples at once, two draws, one process, unless told otherwise."""
    given = {"width": 2, "draws": 2, "seed": 0, "jobs": 1, **settings}
    return record(pools, parameters, profile, name="t", advance=lambda _: None, **given)


@pytest.mark.parametrize("total_s", [inf, 1000.0])
@pytest.mark.parametrize("width", [1, 3])
def test_the_policy_sees_in_replay_what_was_recorded(
    pools: list[Pool],
    profile: LatencyProfile,
    stopping_by_clock: Callable[..., Parameters],
    width: int,
    total_s: float,
) -> None:
    """Up to where it stops, its decisions come at the same times and weigh the same numbers."""
    parameters = stopping_by_clock(width, constant=-0.3)
    for pool in pools:
        luck = Streams(pool, 1, Order.RANDOM, Draw.RANDOM, 0)
        for index, question in enumerate(pool.questions):
            drawn = [luck.question_of(0, index)]
            recorder = Recorder(parameters, question.gold)
            play(recorder, TimeBudget(inf, questions=1), profile, drawn)
            witness = Witness(parameters, price=None if total_s < inf else 0.1)
            (outcome,) = play(witness, TimeBudget(total_s, questions=2), profile, drawn)
            assert outcome.reason is Reason.PRICE
            count = len(witness.seen)
            assert 1 < count < len(recorder.seen)
            assert witness.seen == [(one[0], one[2]) for one in recorder.seen[:count]]


def test_gold_is_noted_and_not_seen(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """Another right answer changes what was right, and none of the numbers."""
    question = pools[0].questions[0]
    drawn = [question]
    found = []
    for gold in ("7", "1"):
        recorder = Recorder(stopping_by_clock(2), gold)
        play(recorder, TimeBudget(inf, questions=1), profile, drawn)
        found.append(recorder.seen)
    one, other = found
    assert [(f, s, t, e) for f, _, s, t, e in one] == [(f, s, t, e) for f, _, s, t, e in other]
    assert any(right for _, right, *_ in one)
    assert not any(a and b for (_, a, *_), (_, b, *_) in zip(one, other, strict=True))


def test_every_question_is_played_to_its_cap_as_often_as_asked(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """Two models, six questions and three draws are 36 runs; each ends when all samples have."""
    runs = recorded(pools, stopping_by_clock(2, cap=8), profile, draws=3)
    asked = [(run.model, run.question_id) for run in runs]
    assert len(runs) == 2 * 6 * 3
    assert {asked.count(one) for one in asked} == {3}
    for run in runs:
        decisions = len(run.right)
        assert run.features.shape == (decisions, len(FEATURES))
        assert len(run.units) == len(run.tokens) == len(run.ended) == decisions
        assert run.ended[-1] == 8
        assert (np.diff(run.units) >= 0.0).all()
        assert (np.diff(run.tokens) >= 0.0).all()
        assert set(run.right.tolist()) <= {0.0, 1.0}
    assert len({run.tokens[-1] for run in runs if run.question_id == "q0"}) > 2  # new samples each


def test_a_unit_is_the_time_of_so_many_tokens(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """Costs of prefill and probes come on top: a run's units are at least its clock's."""
    for run in recorded(pools, stopping_by_clock(2), profile):
        clock = run.tokens / 2 / 400.0
        assert (run.units > 0.5 * clock).all()
        assert run.units[0] > clock[0]


def test_samples_past_the_cut_end_without_a_vote(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """Where every sample is cut, none is ever counted as a vote and tokens are those to the cut."""
    for run in recorded(pools, stopping_by_clock(2, cut_tokens=150), profile):
        assert run.features[-1, FEATURES.index("has_vote")] == 0.0
        assert run.features[-1, FEATURES.index("without_vote")] == 1.0
        assert run.tokens[-1] == 12 * 150


def test_without_probes_no_running_sample_says_anything(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """Switched off, probes change no number; switched on, running samples agree now and then."""
    place = FEATURES.index("running_agree")
    silent = recorded(pools, stopping_by_clock(2, off=("probes",)), profile)
    heard = recorded(pools, stopping_by_clock(2), profile)
    assert max(run.features[:, place].max() for run in silent) == 0.0
    assert max(run.features[:, place].max() for run in heard) > 0.0


def test_processes_change_nothing(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """Two processes record what one does, in the same order, and tell how far they are."""
    told: list[int] = []
    alone = recorded(pools, stopping_by_clock(2), profile)
    shared = record(
        pools,
        stopping_by_clock(2),
        profile,
        name="t",
        width=2,
        draws=2,
        seed=0,
        jobs=2,
        advance=told.append,
    )
    assert told == list(range(1, 13))
    for one, other in zip(alone, shared, strict=True):
        assert (one.model, one.question_id) == (other.model, other.question_id)
        assert (one.features == other.features).all()
        assert (one.units == other.units).all()


def test_the_seed_draws_the_samples(
    pools: list[Pool], profile: LatencyProfile, stopping_by_clock: Callable[..., Parameters]
) -> None:
    """One seed, one recording; another one draws other samples."""
    tokens = [
        [run.tokens.tolist() for run in recorded(pools, stopping_by_clock(2), profile, seed=seed)]
        for seed in (0, 0, 1)
    ]
    assert tokens[0] == tokens[1] != tokens[2]
