"""From traces to parameters, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from msgspec.structs import replace

from policies.evidence import FEATURES
from policies.pricing import AnyRule, CrossFitted, LeadRule, Parameters, Prior, Rule
from scheduler import CallerError
from simulations.fitting.calibration import Calibration, calibrate
from simulations.fitting.leads import lead_rules
from simulations.fitting.lengths import (
    best_cut,
    fewest_samples,
    has_entropy,
    has_probes,
    mean_tokens,
    probe_interval,
    unit_tokens,
)
from simulations.fitting.levels import levels_of
from simulations.fitting.plan import fold_of, learning_prices, value_prices
from simulations.fitting.recording import record
from simulations.fitting.stopping import Runs, Weights, learn
from simulations.fitting.values import Value, value_of
from simulations.fitting.votes import best_vote, plays_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scheduler import LatencyProfile
    from simulations.fitting.plan import Plan
    from simulations.pool import Pool

_STEPS = 150

_LEARNING = 0.1
"""To learn a rule takes as long as playing such a share of the questions; by the clock."""

Learnt = dict[tuple[int, tuple[int, ...]], Weights]
"""The rule by width and by the folds that it was learnt without, ascending."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted.

    Attributes:
        whole: To all questions, with values from rules that never saw their questions.
        crossed: The same without each fold, if it was planned.
        values: By width, of the whole.
        calibration: Of the evidence that speaks for the leader.
    """

    whole: Parameters
    crossed: CrossFitted | None
    values: dict[int, Value]
    calibration: tuple[Calibration, ...]


def fit(
    pools: Sequence[Pool],
    digests: Sequence[str],
    profile: LatencyProfile,
    plan: Plan,
    *,
    jobs: int,
    advance: Callable[[int], None],
) -> Fit:
    """Fit parameters to traces.

    Unit, cut, probes and vote are read off all questions; when to stop is learnt, and judged,
    without the questions that it is judged on.

    Args:
        pools: One a model; each weighs the same.
        digests: Of the traces.
        profile: What things cost; only ratios of costs enter.
        plan: How.
        jobs: Processes.
        advance: Told how many of `steps_of(pools, plan)` are done.

    Raises:
        CallerError: if there are too few questions, or a prior that none of them has.
    """
    folds = fold_of(pools, plan.folds, plan.seed)
    plan = replace(plan, cap=min(plan.cap, fewest_samples(pools)))
    base = _base(pools, digests, profile, plan)
    if "probes" not in base.off:
        middle = plan.widths[len(plan.widths) // 2]
        vote = best_vote(
            pools, base, profile, width=middle, seed=plan.seed, jobs=jobs, advance=advance
        )
        base = replace(base, vote=vote)
    done = _vote_steps(pools)
    runs = _record_all(pools, base, profile, plan, jobs, partial(_after, done, plan.draws, advance))
    done += len(runs) * _questions(pools) * plan.draws
    learning = _learning_steps(pools, plan)
    learnt = _learn_all(runs, folds, plan, jobs, partial(_after, done, learning, advance))
    mean = mean_tokens(pools)
    values = {
        width: value_of(
            runs[width],
            {question: learnt[width, (fold,)] for question, fold in folds.items()},
            value_prices(width),
        )
        for width in plan.widths
    }
    rules = [_rule(w, plan.cap, learnt[w, ()], values[w]) for w in plan.widths]
    leads = lead_rules(plan.widths[0], plan.cap, runs[plan.widths[0]], folds)
    return Fit(
        whole=_with_rules(base, rules, leads, mean),
        crossed=_crossed(base, runs, learnt, folds, plan, mean) if plan.crossed else None,
        values=values,
        calibration=calibrate(runs.values(), plan.seed),
    )


def _crossed(
    base: Parameters,
    runs: Mapping[int, Runs],
    learnt: Learnt,
    folds: Mapping[str, int],
    plan: Plan,
    mean: float,
) -> CrossFitted:
    """Return parameters by fold; their values come from rules without the fold and one other."""
    parameters = []
    for out in range(plan.folds):
        others = {question: fold for question, fold in folds.items() if fold != out}
        rules = []
        for width in plan.widths:
            inner = {
                question: learnt[width, (min(out, fold), max(out, fold))]
                for question, fold in others.items()
            }
            value = value_of(runs[width], inner, value_prices(width))
            rules.append(_rule(width, plan.cap, learnt[width, (out,)], value))
        leads = lead_rules(plan.widths[0], plan.cap, runs[plan.widths[0]], others)
        parameters.append(_with_rules(base, rules, leads, mean))
    return CrossFitted(folds=tuple(parameters), fold_of=dict(folds))


def steps_of(pools: Sequence[Pool], plan: Plan) -> int:
    """Return how many steps a fit takes, for a progress bar; a step is a question played once."""
    recording = _questions(pools) * plan.draws
    learning = len(plan.left_out()) * _learning_steps(pools, plan)
    return _vote_steps(pools) + len(plan.widths) * (recording + learning)


def _vote_steps(pools: Sequence[Pool]) -> int:
    return plays_of(pools) if has_probes(pools) else 0


def _learning_steps(pools: Sequence[Pool], plan: Plan) -> int:
    """Return how many steps it takes as long as to learn one rule, of one width."""
    return max(1, round(_LEARNING * _questions(pools) * plan.draws))


def _after(done: int, steps: int, advance: Callable[[int], None], count: int) -> None:
    advance(done + steps * count)


def _questions(pools: Sequence[Pool]) -> int:
    return sum(len(pool.questions) for pool in pools)


def _record_all(
    pools: Sequence[Pool],
    base: Parameters,
    profile: LatencyProfile,
    plan: Plan,
    jobs: int,
    advance: Callable[[int], None],
) -> dict[int, Runs]:
    """Record all questions at each width."""
    runs = {}
    for place, width in enumerate(plan.widths):
        runs[width] = Runs(
            record(
                pools,
                base,
                profile,
                name=" ".join(base.traces),
                width=width,
                draws=plan.draws,
                seed=plan.seed,
                jobs=jobs,
                advance=partial(_after, place * _questions(pools), 1, advance),
            )
        )
    return runs


def _learn_all(
    runs: Mapping[int, Runs],
    folds: Mapping[str, int],
    plan: Plan,
    jobs: int,
    advance: Callable[[int], None],
) -> Learnt:
    """Learn the rule of each width without each of the plan's left-out folds."""
    calls = [(width, out) for width in plan.widths for out in plan.left_out()]
    found = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(learn)(
            runs[width].where(np.array([folds[q] not in out for q in runs[width].question])),
            learning_prices(width),
            ridge=plan.ridge,
            steps=_STEPS,
        )
        for width, out in calls
    )
    learnt: Learnt = {}
    for count, (call, weights) in enumerate(zip(calls, found, strict=True), 1):
        learnt[call] = weights
        advance(count)
    return learnt


def _base(
    pools: Sequence[Pool], digests: Sequence[str], profile: LatencyProfile, plan: Plan
) -> Parameters:
    """Return parameters with everything but the rules."""
    unit = unit_tokens(pools)
    logged = {"probes": has_probes(pools), "entropy": has_entropy(pools)}
    nothing = Weights.nothing(len(FEATURES) + len(plan.priors))
    flat = Value.flat()
    return Parameters(
        name=plan.name,
        models=tuple(pool.model for pool in pools),
        traces=tuple(digests),
        settings={
            "profile": profile.name,
            "draws": plan.draws,
            "folds": plan.folds,
            "ridge": plan.ridge,
            "seed": plan.seed,
        },
        unit_tokens=unit,
        probe_every_tokens=probe_interval(pools, unit),
        cut_tokens=best_cut(pools, np.random.default_rng(plan.seed)),
        features=FEATURES,
        priors=tuple(_prior(pools, name) for name in plan.priors),
        off=tuple(name for name, there in logged.items() if not there),
        rules=(_rule(plan.widths[-1], plan.cap, nothing, flat),),
        levels={},
    )


def _prior(pools: Sequence[Pool], name: str) -> Prior:
    values = [q.features[name] for pool in pools for q in pool.questions if name in q.features]
    if not values:
        known = sorted({name for pool in pools for q in pool.questions for name in q.features})
        listed = ", ".join(known) or "none"
        raise CallerError(f"argument --prior: no question has a feature {name!r} (known: {listed})")
    return Prior(name=name, mean=float(np.mean(values)), scale=float(np.std(values)) or 1.0)


def _rule(width: int, cap: int, weights: Weights, value: Value) -> Rule:
    return Rule(
        width=width,
        cap=cap,
        constant=weights.constant,
        level=tuple(weights.level.tolist()),
        slope_constant=weights.slope_constant,
        slope=tuple(weights.slope.tolist()),
        bend=weights.bend,
        price=tuple(value.price.tolist()),
        units=tuple(value.units.tolist()),
        accuracy=tuple(value.accuracy.tolist()),
    )


def _with_rules(
    base: Parameters, rules: Sequence[Rule], leads: Sequence[LeadRule], mean: float
) -> Parameters:
    every: list[AnyRule] = [*rules, *leads]
    levels = levels_of(every, base.unit_tokens, mean)
    return replace(base, rules=tuple(rules), leads=tuple(leads), levels=levels)
