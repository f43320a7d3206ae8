"""Folds: by question, all models together; nothing is judged on what it was learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from scheduler import CallerError
from simulations.fitting import assembling
from simulations.fitting.assembling import fit, steps_of
from simulations.fitting.plan import Plan, fold_of
from simulations.fitting.stopping import Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduler import LatencyProfile
    from simulations.fitting.assembling import Fit
    from simulations.fitting.stopping import Runs
    from simulations.pool import Pool

PLAN = Plan(name="t", widths=(1, 2), cap=12, draws=1, folds=3, crossed=True)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rules learn for a moment: here it matters from what, not how well."""
    monkeypatch.setattr(assembling, "_STEPS", 6)


def fitted(pools: list[Pool], profile: LatencyProfile, name: str = "x") -> Fit:
    """Fit with little of everything."""
    return fit(pools, [name], profile, PLAN, jobs=1, advance=lambda _: None)


@pytest.mark.parametrize("folds", [3, 4, 6])
def test_folds_part_the_questions(pools: list[Pool], folds: int) -> None:
    """Each question, whichever model answered it, lies in one fold; folds are about as large."""
    dealt = fold_of(pools, folds, 0)
    assert set(dealt) == {f"q{n}" for n in range(6)}
    sizes = np.bincount(list(dealt.values()), minlength=folds)
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1
    # Another model's questions, or their order, move none.
    few = msgspec.structs.replace(pools[1], questions=pools[1].questions[3:0:-1])
    assert fold_of([few, pools[0]], folds, 0) == dealt


def test_folds_come_from_the_seed(pools: list[Pool]) -> None:
    """One seed, one division; among some others there is another one."""
    assert fold_of(pools, 3, 0) == fold_of(pools, 3, 0)
    assert len({tuple(fold_of(pools, 3, seed).items()) for seed in range(8)}) > 1


def test_an_empty_fold_is_refused(pools: list[Pool]) -> None:
    """Six questions make six folds and not seven."""
    fold_of(pools, 6, 0)
    with pytest.raises(CallerError, match="--folds"):
        fold_of(pools, 7, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": 2}, "folds must be .* at least 3, got 2"),
        ({"draws": 0}, "draws must be .* at least 1, got 0"),
        ({"widths": (0, 2)}, "width must be .* at least 1, got 0"),
        ({"widths": (2, 65)}, "width: 65 are too many"),
    ],
)
def test_an_impossible_plan_is_refused(changes: dict[str, Any], message: str) -> None:
    """What cannot be fitted is named."""
    with pytest.raises(CallerError, match=message):
        Plan(name="t", **changes)


def test_steps_are_told_to_the_end(pools: list[Pool], profile: LatencyProfile) -> None:
    """A progress bar rises by one each time and ends where it was said to."""
    told: list[int] = []
    fit(pools, ["steps"], profile, PLAN, jobs=1, advance=told.append)
    assert told == sorted(told)
    assert told[-1] == steps_of(pools, PLAN)


def test_no_question_is_judged_by_what_saw_it(
    pools: list[Pool], profile: LatencyProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule behind a value has learnt without the question, and without its whole fold."""
    saw: dict[float, frozenset[str]] = {}
    judged: list[dict[str, float]] = []
    learn, value_of = assembling.learn, assembling.value_of

    def learning(runs: Runs, *rest: Any, **settings: Any) -> Weights:  # noqa: ANN401
        weights: Weights = learn(runs, *rest, **settings)
        mark = 1e-9 * (1 + len(saw))  # so that no two rules are alike
        saw[weights.constant + mark] = frozenset(runs.question.tolist())
        return Weights(
            weights.constant + mark,
            weights.level,
            weights.slope_constant,
            weights.slope,
            weights.bend,
        )

    def judging(runs: Runs, rules: Mapping[str, Weights], *rest: Any) -> Any:  # noqa: ANN401
        judged.append({question: rule.constant for question, rule in rules.items()})
        return value_of(runs, rules, *rest)

    monkeypatch.setattr(assembling, "learn", learning)
    monkeypatch.setattr(assembling, "value_of", judging)
    found = fitted(pools, profile, "spied")
    every = {f"q{n}" for n in range(6)}
    folds = found.crossed.fold_of
    parts = [{name for name in every if folds[name] == fold} for fold in range(3)]

    assert len(judged) == len(PLAN.widths) * (1 + 3)
    for rules in judged:
        left_out = every - set(rules)
        assert left_out in [set(), *parts]
        for question, constant in rules.items():
            part = parts[folds[question]]
            assert saw[constant] == every - part - left_out
    for width in range(2):
        assert saw[found.whole.rules[width].constant] == every
        for fold, one in enumerate(found.crossed.folds):
            assert saw[one.rules[width].constant] == every - parts[fold]


def test_a_folds_parameters_know_nothing_of_its_questions(
    pools: list[Pool], profile: LatencyProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other answers to the questions of one fold change all rules but that fold's own."""
    # Unit, cut and interval are read off all questions.
    monkeypatch.setattr(assembling, "best_cut", lambda *_: 900)
    before = fitted(pools, profile)
    changed = {name for name, fold in before.crossed.fold_of.items() if fold == 1}

    def other(pool: Pool) -> Pool:
        questions = [
            msgspec.structs.replace(q, gold="1") if q.question_id in changed else q
            for q in pool.questions
        ]
        return msgspec.structs.replace(pool, questions=tuple(questions))

    after = fitted([other(pool) for pool in pools], profile, "y")
    assert after.crossed.fold_of == before.crossed.fold_of
    for fold, (one, two) in enumerate(zip(before.crossed.folds, after.crossed.folds, strict=True)):
        same = one.rules == two.rules and one.leads == two.leads and one.levels == two.levels
        assert same is (fold == 1)
    assert before.whole.rules != after.whole.rules


def test_what_was_fitted_is_consistent(pools: list[Pool], profile: LatencyProfile) -> None:
    """Widths, caps and curves of the whole and of each fold are those of the plan."""
    found = fitted(pools, profile)
    assert sorted(found.values) == [1, 2]
    for one in (found.whole, *found.crossed.folds):
        assert [rule.width for rule in one.rules] == [1, 2]
        assert {rule.cap for rule in one.rules} == {12}
        assert one.models == ("one", "two")
        assert one.traces == ("x",)
        assert one.levels["low"] <= one.levels["middle"] <= one.levels["high"]
        for rule in one.rules:
            assert (np.diff(rule.accuracy) <= 1e-12).all()
        assert {rule.width for rule in one.leads} == {1}
        assert [r.accuracy for r in one.leads] == sorted(r.accuracy for r in one.leads)
    (rule, value) = (found.whole.rules[1], found.values[2])
    assert rule.units == tuple(value.units.tolist())
    assert rule.accuracy == tuple(value.accuracy.tolist())


def test_a_model_that_never_answers_breaks_nothing(
    pools: list[Pool], profile: LatencyProfile
) -> None:
    """Null answers alone leave a model without any vote; the fit goes on with what there is."""
    questions = [
        msgspec.structs.replace(
            q,
            samples={
                arm: tuple(
                    msgspec.structs.replace(sample, answer=None, checkpoints=())
                    for sample in samples
                )
                for arm, samples in q.samples.items()
            },
        )
        for q in pools[0].questions
    ]
    silent = msgspec.structs.replace(pools[0], model="silent", questions=tuple(questions))
    found = fitted([silent, pools[1]], profile, "silent")
    assert all(np.isfinite(rule.level).all() for rule in found.whole.rules)
    assert found.whole.rules[0].accuracy[0] <= 0.5 + 1e-9
