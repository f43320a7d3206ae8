"""Values: curves that fall with the price, each model weighing the same; and rules of a lead."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np
import pytest

from policies.evidence import FEATURES, MARGIN_SCALE
from simulations.fitting.leads import CAP_SHARES, LEADS, lead_rules
from simulations.fitting.stopping import Runs, Weights
from simulations.fitting.values import value_of, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.fitting.recording import Run

AT_ONCE = Weights(1.0, np.zeros(1), 0.0, np.zeros(1), 0.0)
NEVER = Weights(-1.0, np.zeros(1), 0.0, np.zeros(1), 0.0)
FROM_A_TENTH = Weights(-log(0.1), np.zeros(1), 1.0, np.zeros(1), 0.0)
"""Stops at once above a price of 0.1 and never below it."""


def test_each_model_and_each_question_weighs_the_same(make_run: Callable[..., Run]) -> None:
    """A model of one question counts as much as one of three, a question of nine runs as one."""
    runs = Runs(
        [
            make_run([0], [1], model=0, question="q0"),
            *(make_run([0], [0], model=1, question="q0") for _ in range(9)),
            make_run([0], [1], model=1, question="q1"),
            make_run([0], [0], model=1, question="q2"),
        ]
    )
    value = value_of(runs, dict.fromkeys(("q0", "q1", "q2"), NEVER), [0.1, 1.0])
    assert value.accuracy == pytest.approx([0.5 * 1.0 + 0.5 / 3.0] * 2)
    assert value.units == pytest.approx([1.0, 1.0])
    assert value.tokens == pytest.approx([100.0, 100.0])


def test_each_question_meets_its_own_rule(make_run: Callable[..., Run]) -> None:
    """One that is stopped at once takes one unit, one that never is takes three; others none."""
    runs = Runs([make_run([0] * 3, [0, 0, 1], question=f"q{n}") for n in range(3)])
    value = value_of(runs, {"q0": AT_ONCE, "q1": NEVER}, [0.1, 1.0])
    assert value.units == pytest.approx([2.0, 2.0])
    assert value.accuracy == pytest.approx([0.5, 0.5])


def test_a_curve_shows_what_the_price_does(make_run: Callable[..., Run]) -> None:
    """Below a tenth three units and the right answer, above it one unit and none."""
    runs = Runs([make_run([0] * 3, [0, 0, 1])])
    value = value_of(runs, {"q0": FROM_A_TENTH}, [0.01, 0.09, 0.11, 1.0])
    assert value.price.tolist() == [0.01, 0.09, 0.11, 1.0]
    assert value.units == pytest.approx([3.0, 3.0, 1.0, 1.0])
    assert value.tokens == pytest.approx([300.0, 300.0, 100.0, 100.0])
    assert value.accuracy == pytest.approx([1.0, 1.0, 0.0, 0.0])


def test_what_would_rise_with_the_price_is_levelled(make_run: Callable[..., Run]) -> None:
    """Where waiting makes the answer wrong, dear time seems to be right: both get the mean."""
    runs = Runs([make_run([0] * 3, [1, 0, 0])])
    value = value_of(runs, {"q0": FROM_A_TENTH}, [0.01, 1.0])
    assert value.accuracy == pytest.approx([0.5, 0.5])
    assert value.units == pytest.approx([3.0, 1.0])


@pytest.mark.parametrize("seed", range(5))
def test_no_curve_rises_with_the_price(make_runs: Callable[..., Runs], seed: int) -> None:
    """Whatever a rule does, less is spent and less is right where time is dearer."""
    runs = make_runs(seed=seed)
    luck = np.random.default_rng(seed)
    rules = {
        f"q{n}": Weights(0.0, luck.normal(size=3), 0.1, luck.normal(size=3), 0.0) for n in range(4)
    }
    value = value_of(runs, rules, np.geomspace(1e-3, 3.0, 20).tolist())
    for curve in (value.units, value.tokens, value.accuracy):
        assert (np.diff(curve) <= 1e-12).all()
    assert value.accuracy.min() >= 0.0
    assert value.accuracy.max() <= 1.0


def test_models_of_many_questions_weigh_no_more() -> None:
    """Weights of groups add up to the same for each model, and to 1 in all."""
    weights = weights_of([0, 2, 2, 2])
    assert weights == pytest.approx([0.5, 1 / 6, 1 / 6, 1 / 6])


# Rules of a lead.


def voting_runs(make_run: Callable[..., Run], count: int = 60, seed: int = 0) -> Runs:
    """Return runs of sixteen votes each, right ones three in five, of two models."""
    luck = np.random.default_rng(seed)
    runs = []
    for number in range(count):
        votes = np.where(luck.random(16) < 0.6, 1, -1).cumsum()
        features = np.zeros((16, len(FEATURES)))
        features[:, FEATURES.index("margin")] = np.abs(votes) / MARGIN_SCALE
        runs.append(
            make_run(features, votes > 0, model=number % 2, question=f"q{number % 6}", unit=0.25)
        )
    return Runs(runs)


def test_only_leads_that_nothing_beats_are_kept(make_run: Callable[..., Run]) -> None:
    """More time brings more accuracy along the front, and each other rule lies behind it."""
    runs = voting_runs(make_run)
    questions = {f"q{n}" for n in range(6)}
    front = lead_rules(1, 16, runs, questions)
    assert len(front) > 2
    units, accuracy = [rule.units for rule in front], [rule.accuracy for rule in front]
    assert units == sorted(set(units))
    assert accuracy == sorted(set(accuracy))
    margin = runs.features[:, :, FEATURES.index("margin")] * MARGIN_SCALE
    weight = weights_of(runs.model.tolist())
    for lead in LEADS:
        for share in CAP_SHARES:
            stop = (margin > lead - 0.5) | (runs.ended >= round(16 * share))
            right, spent, _ = runs.stopped_where(stop)
            assert any(
                rule.units <= weight @ spent + 1e-9 and rule.accuracy >= weight @ right - 1e-9
                for rule in front
            )


def test_a_lead_costs_and_brings_what_its_runs_do(make_run: Callable[..., Run]) -> None:
    """Two equal votes end one run after half a unit; the other waits for its cap of four."""
    features = np.zeros((2, 8, len(FEATURES)))
    features[0, :, FEATURES.index("margin")] = np.minimum(np.arange(1, 9), 6) / MARGIN_SCALE
    features[1, :, FEATURES.index("margin")] = (np.arange(8) % 2) / MARGIN_SCALE
    runs = Runs(
        [
            make_run(features[0], [1] * 8, question="q0", unit=0.25),
            make_run(features[1], [0, 0, 0, 1, 0, 0, 0, 0], question="q1", unit=0.25),
        ]
    )
    front = lead_rules(1, 8, runs, {"q0", "q1"})
    best = {(rule.lead, rule.cap): (rule.units, rule.accuracy) for rule in front}
    assert best[2, 2] == pytest.approx(((0.5 + 0.5) / 2, 0.5))
    assert best[2, 4] == pytest.approx(((0.5 + 1.0) / 2, 1.0))
    assert len(front) == 2
    assert {rule.width for rule in front} == {1}


def test_leads_look_at_the_questions_that_they_are_given(make_run: Callable[..., Run]) -> None:
    """What another question would say changes nothing."""
    runs = voting_runs(make_run)
    some = {"q0", "q3", "q5"}
    found = lead_rules(1, 16, runs, some)
    assert found == lead_rules(1, 16, runs.where(np.isin(runs.question, list(some))), some)
    assert found != lead_rules(1, 16, runs, {"q1", "q2", "q4"})
