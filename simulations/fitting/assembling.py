"""From traces to parameters, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from joblib import Parallel, delayed

from policies.evidence import FEATURES
from policies.pricing import AnyRule, CrossFitted, LeadRule, Parameters, Prior, Rule
from simulations.fitting.lengths import (
    best_cut,
    has_entropy,
    has_probes,
    mean_tokens,
    probe_interval,
    unit_tokens,
)
from simulations.fitting.recording import record
from simulations.fitting.leads import lead_rules
from simulations.fitting.stopping import Runs, Weights, learn
from simulations.fitting.values import Value, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scheduler import LatencyProfile
    from simulations.pool import Pool

LEVEL_SAMPLES = {"low": 18.7, "middle": 11.7, "high": 8.7}
"""Mean samples a question that the fixed prices spend on the questions of the fit.

AIME24, which the shipped parameters saw, is easier than most sets of its kind: the same rules
spend there about 0.69 of what they spend on those. So these are 420, 260 and 185 thousand tokens
on such a set, where a sample has 15 thousand.
"""

WIDTHS = (1, 2, 4, 8, 16)
LEARNING_PRICES = 10
VALUE_PRICES = 41
_LOWEST_PRICE = 3e-5  # for one sample at a time; proportional to the width
_HIGHEST_PRICE = 3.0
_STEPS = 150
_CHEAPEST, _DEAREST, _HALVINGS = 1e-9, 10.0, 60


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How to fit.

    Attributes:
        name: Of the parameters.
        widths: Samples at once, ascending.
        cap: Samples of a question in all.
        draws: Times that each question is played at each width.
        folds: Parts of the questions; each is judged by rules that were learnt on the others.
        ridge: Penalty on squared weights.
        priors: Features of questions that are weighed.
        seed: Of draws and folds.
    """

    name: str
    widths: tuple[int, ...] = WIDTHS
    cap: int = 64
    draws: int = 10
    folds: int = 5
    ridge: float = 1e-3
    priors: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted.

    Attributes:
        whole: To all questions, with values from rules that never saw their questions.
        crossed: The same without each fold.
        values: By width, of the whole.
    """

    whole: Parameters
    crossed: CrossFitted
    values: dict[int, Value]


def fold_of(pools: Sequence[Pool], folds: int, seed: int) -> dict[str, int]:
    """Deal the questions into folds; all models of a question share its fold."""
    names = sorted({q.question_id for pool in pools for q in pool.questions})
    places = np.random.default_rng(seed).permutation(len(names)) % folds
    return {name: int(place) for name, place in zip(names, places, strict=True)}


def fit(  # noqa: PLR0913 - what a fit is made of
    pools: Sequence[Pool],
    digests: Sequence[str],
    profile: LatencyProfile,
    plan: Plan,
    *,
    jobs: int,
    advance: Callable[[int], None],
) -> Fit:
    """Fit parameters to traces.

    Args:
        pools: One a model.
        digests: Of the traces.
        profile: What things cost; only ratios of costs enter.
        plan: How.
        jobs: Processes.
        advance: Told how many of `steps_of(pools, plan)` are done.
    """
    folds = fold_of(pools, plan.folds, plan.seed)
    base = _base(pools, digests, profile, plan)
    runs = {}
    done = 0
    for width in plan.widths:
        runs[width] = Runs(
            record(
                pools,
                base,
                profile,
                name=" ".join(digests),
                width=width,
                draws=plan.draws,
                seed=plan.seed,
                jobs=jobs,
                advance=lambda count, before=done: advance(before + count),
            )
        )
        done += _questions(pools)
    # Without each fold; without each two of them, for values inside a fold's own parameters; whole.
    left_out = [
        *((fold,) for fold in range(plan.folds)),
        *((a, b) for a in range(plan.folds) for b in range(a)),
        (),
    ]
    calls = [(width, out) for width in plan.widths for out in left_out]
    parallel = Parallel(n_jobs=jobs, return_as="generator")
    learnt: dict[tuple[int, tuple[int, ...]], Weights] = {}
    found = parallel(
        delayed(_learn)(runs[width], _outside(runs[width], folds, out), plan.ridge, width)
        for width, out in calls
    )
    for count, (call, weights) in enumerate(zip(calls, found, strict=True), 1):
        learnt[call] = weights
        advance(done + count)
    values = {}
    crossed = []
    mean = mean_tokens(pools)
    for out in range(plan.folds):
        rules, leads = [], []
        for width in plan.widths:
            # The value inside a fold's parameters must not look at the fold either.
            inner = {
                question: learnt[width, (max(out, fold), min(out, fold))]
                for question, fold in folds.items()
                if fold != out
            }
            value = value_of(runs[width], inner, _prices(width))
            rules.append(_rule(width, plan.cap, learnt[width, (out,)], value))
            leads += lead_rules(width, plan.cap, runs[width], inner)
        crossed.append(_with_rules(base, rules, leads, mean))
    rules, leads = [], []
    for width in plan.widths:
        outer = {question: learnt[width, (fold,)] for question, fold in folds.items()}
        values[width] = value_of(runs[width], outer, _prices(width))
        rules.append(_rule(width, plan.cap, learnt[width, ()], values[width]))
        leads += lead_rules(width, plan.cap, runs[width], outer)
    return Fit(
        whole=_with_rules(base, rules, leads, mean),
        crossed=CrossFitted(folds=tuple(crossed), fold_of=folds),
        values=values,
    )


def steps_of(pools: Sequence[Pool], plan: Plan) -> int:
    """Return how many steps a fit takes, for a progress bar."""
    learning = plan.folds + plan.folds * (plan.folds - 1) // 2 + 1
    return len(plan.widths) * (_questions(pools) + learning)


def _questions(pools: Sequence[Pool]) -> int:
    return sum(len(pool.questions) for pool in pools)


def _base(
    pools: Sequence[Pool], digests: Sequence[str], profile: LatencyProfile, plan: Plan
) -> Parameters:
    """Return parameters with everything but the rules."""
    unit = unit_tokens(pools)
    off = []
    if not has_probes(pools):
        off.append("probes")
    if not has_entropy(pools):
        off.append("entropy")
    questions = frozenset(q.question_id for pool in pools for q in pool.questions)
    widest = plan.widths[-1]
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
        cut_tokens=best_cut(pools, questions, np.random.default_rng(plan.seed)),
        features=FEATURES,
        priors=tuple(_prior(pools, name) for name in plan.priors),
        off=tuple(off),
        rules=(_blank(widest, plan.cap, len(FEATURES) + len(plan.priors)),),
        levels={},
    )


def _prior(pools: Sequence[Pool], name: str) -> Prior:
    values = [q.features[name] for pool in pools for q in pool.questions if name in q.features]
    return Prior(name=name, mean=float(np.mean(values)), scale=float(np.std(values)) or 1.0)


def _blank(width: int, cap: int, weights: int) -> Rule:
    nothing = (0.0,) * weights
    return Rule(
        width=width,
        cap=cap,
        constant=0.0,
        level=nothing,
        slope_constant=0.0,
        slope=nothing,
        bend=0.0,
        price=(1.0, 2.0),
        units=(1.0, 1.0),
        accuracy=(1.0, 1.0),
    )


def _outside(
    runs: Runs, folds: Mapping[str, int], out: tuple[int, ...]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([folds[question] not in out for question in runs.question])


def _learn(
    runs: Runs, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], ridge: float, width: int
) -> Weights:
    prices = np.geomspace(_LOWEST_PRICE * width, _HIGHEST_PRICE, LEARNING_PRICES)
    return learn(runs.where(chosen), prices.tolist(), ridge=ridge, steps=_STEPS)


def _prices(width: int) -> list[float]:
    prices: list[float] = np.geomspace(
        _LOWEST_PRICE * width / 3.0, 2.0 * _HIGHEST_PRICE, VALUE_PRICES
    ).tolist()
    return prices


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
    levels = {
        name: _price_of([*rules, *leads], base.unit_tokens, samples * mean)
        for name, samples in LEVEL_SAMPLES.items()
    }
    return msgspec.structs.replace(base, rules=tuple(rules), leads=tuple(leads), levels=levels)


def _price_of(rules: Sequence[AnyRule], unit: float, tokens: float) -> float:
    """Return the price per 1,000 tokens at which a question takes so many on average.

    At each price the width that gains most is taken, as the policy does.
    """

    def spent(price: float) -> float:
        def outcome(rule: AnyRule) -> tuple[float, float]:
            accuracy, units = rule.at_price(price * rule.width * unit / 1000.0)
            used = units * rule.width * unit
            return accuracy - price * used / 1000.0, used

        return max(map(outcome, rules))[1]

    low, high = _CHEAPEST, _DEAREST
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if spent(middle) > tokens else (low, middle)
    return high
