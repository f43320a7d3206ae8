"""A fit of a mixture: whole, and fold by fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from policies.mixtures import LEVELS, CrossFittedMixture, MixedArm, Mixture
from scheduler import CallerError
from simulations.fitting.plan import fold_of
from simulations.mixing.gains import gains, levels_of
from simulations.mixing.states import MISSING, NULL, draw_states
from simulations.mixing.weights import vote_weights
from simulations.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from simulations.mixing.states import States
    from simulations.pool import LoggedQuestion
    from simulations.sums import Floats


@dataclass(frozen=True, slots=True)
class Precision:
    """How a vote of an arm fares at each level of agreement of the votes before it.

    Attributes:
        arm: Its name.
        right: Share of right ones among its next samples, by level, shape (levels); None where
            it has none.
        null: Share of those without an answer, likewise.
    """

    arm: str
    right: tuple[float | None, ...]
    null: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class FittedMixture:
    """What came of a fit.

    Attributes:
        whole: Fitted on all questions.
        crossed: The same without each fold.
        precisions: An entry an arm.
        questions: How many were fitted.
        left_out: How many lack an arm.
    """

    whole: Mixture
    crossed: CrossFittedMixture
    precisions: tuple[Precision, ...]
    questions: int
    left_out: int


def fit_mixture(
    pools: Sequence[Pool],
    digests: Sequence[str],
    *,
    arms: Sequence[str] = (),
    draws: int,
    folds: int,
    seed: int,
    advance: Callable[[int], None],
) -> FittedMixture:
    """Fit a mixture to logged generations of several arms.

    Args:
        pools: One a model; each question weighs the same.
        digests: Of the traces.
        arms: By name, in the order of the mixture; by default all that were logged.
        draws: Random states of each question.
        folds: Parts of the questions, each met by what was fitted on the others.
        seed: Of all draws and folds.
        advance: Told after each fit how many are done, of `folds + 1`.

    Raises:
        CallerError: naming the argument, if an arm was not logged, no question has all of them,
            or there are fewer questions than folds.
    """
    named = _named(pools, arms)
    lone = [arm for arm, judges in named.items() if not judges]
    kept = [
        Pool(pool.model, tuple(q for q in pool.questions if all(q.samples.get(a) for a in lone)))
        for pool in pools
    ]
    questions = [question for pool in kept for question in pool.questions]
    if not questions:
        raise CallerError(f"argument --arm: no question has samples of all of {', '.join(lone)}")
    fold = fold_of(kept, folds, seed)
    at = np.array([fold[question.question_id] for question in questions])
    for arm, judges in named.items():
        if judges and not any(question.samples.get(arm) for question in questions):
            raise CallerError(f"argument --arm: {arm!r} was logged on no question that is fitted")

    def fitted(keep: NDArray[np.bool_]) -> tuple[Mixture, States, Floats]:
        luck = np.random.default_rng(seed)
        chosen = [question for question, take in zip(questions, keep, strict=True) if take]
        weights = np.ones(len(named))
        for judging in (False, True) if any(named.values()) else (False,):
            states = draw_states(chosen, named, weights if judging else None, draws, luck)
            weights = vote_weights(states)
        mixture = Mixture(
            arms=tuple(
                _mixed(arm, weight, chosen, judges=named[arm])
                for arm, weight in zip(named, weights.tolist(), strict=True)
            ),
            levels=LEVELS,
            gains=gains(states, weights),
            models=tuple(pool.model for pool in kept),
            traces=tuple(digests),
        )
        return mixture, states, weights

    without = []
    for one in range(folds):
        without.append(fitted(at != one)[0])
        advance(one + 1)
    whole, states, weights = fitted(np.ones(len(questions), dtype=np.bool_))
    advance(folds + 1)
    return FittedMixture(
        whole=whole,
        crossed=CrossFittedMixture(folds=tuple(without), fold_of=fold),
        precisions=_precisions(tuple(named), states, weights),
        questions=len(questions),
        left_out=sum(len(pool.questions) for pool in pools) - len(questions),
    )


def _named(pools: Sequence[Pool], arms: Sequence[str]) -> Mapping[str, bool]:
    """Return by name whether an arm judges."""
    judges: dict[str, bool] = {}
    for pool in pools:
        for question in pool.questions:
            for arm, samples in question.samples.items():
                asked = any(sample.candidates for sample in samples)
                judges[arm] = judges.get(arm, False) or asked
    for arm in arms:
        if arm not in judges:
            raise CallerError(f"argument --arm: the traces hold {', '.join(judges)}, not {arm!r}")
    named = {arm: judges[arm] for arm in arms or judges}
    if all(named.values()):
        raise CallerError(f"argument --arm: {', '.join(named)} judge what no other arm has found")
    return named


def _mixed(
    arm: str, weight: float, questions: Sequence[LoggedQuestion], *, judges: bool
) -> MixedArm:
    """Return an arm with what it costs."""
    samples = [sample for question in questions for sample in question.samples.get(arm, ())]
    parents = sorted({sample.parent_arm for sample in samples if sample.parent_arm is not None})
    waits = [sum(call.seconds for call in sample.tool_calls) for sample in samples]
    tokens = [sample.tokens for sample in samples]
    return MixedArm(
        name=arm,
        weight=round(weight, 4),
        tokens=max(1.0, float(np.mean(tokens))) if tokens else 1.0,
        tool_s=float(np.mean(waits)) if waits else 0.0,
        judges=judges,
        builds_on=parents[0] if parents else None,
    )


def _precisions(arms: Sequence[str], states: States, weights: Floats) -> tuple[Precision, ...]:
    """Return how the next sample of each arm fares by the level of the votes before it."""
    level = levels_of(states, weights)
    found = []
    for place, arm in enumerate(arms):
        following = states.following[:, place]
        right, null = [], []
        for one in range(len(LEVELS) + 1):
            answers = following[(level == one) & (following != MISSING)]
            right.append(_share(answers == 0))
            null.append(_share(answers == NULL))
        found.append(Precision(arm, tuple(right), tuple(null)))
    return tuple(found)


def _share(which: NDArray[np.bool_]) -> float | None:
    return float(which.mean()) if len(which) else None
