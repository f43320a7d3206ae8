"""Comparing the cells of contexts: standings by total, and what the baseline's accuracy costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scheduler import CallerError
from simulations.bootstrap import LEVEL, RESAMPLES
from simulations.compare.frontier import cost_at, hull_of, pareto_front
from simulations.compare.groups import GroupTable
from simulations.compare.results import (
    Budget,
    CompareResults,
    ContextResult,
    Cost,
    FamilyCost,
    Match,
    Reach,
    Scope,
    Standing,
)
from simulations.compare.sums import Means, draw_weights, estimate, means_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulations.compare.contexts import Context
    from simulations.sums import Floats

USUAL_BASELINE = "self-consistency"
"""The baseline where nobody names one, if it was played."""


def compare(
    contexts: Sequence[Context],
    *,
    baseline: str | None,
    seed: int,
    advance: Callable[[int], None],
) -> CompareResults:
    """Compare all cells of each context.

    Args:
        contexts: One or more.
        baseline: A policy of each of them; by default `USUAL_BASELINE` where it was played,
            else the context's first.
        seed: Seed of the resamples.
        advance: Told how many of `steps(contexts)` are done.

    Raises:
        CallerError: if a context lacks the baseline.
    """
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        advance(done)

    bases = [_baseline(context, baseline) for context in contexts]
    return CompareResults(
        seed=seed,
        resamples=RESAMPLES,
        level=LEVEL,
        contexts=[
            _compared(context, base, seed, step)
            for context, base in zip(contexts, bases, strict=True)
        ],
    )


def steps(contexts: Sequence[Context]) -> int:
    """Return how many steps of about the same length a comparison takes."""
    return sum(1 + len(_model_sets(context)) for context in contexts)


def _baseline(context: Context, wanted: str | None) -> str:
    policies = context.policies
    if wanted is None:
        return USUAL_BASELINE if USUAL_BASELINE in policies else policies[0]
    if wanted not in policies:
        terms = context.terms
        raise CallerError(
            f"argument --baseline: {wanted!r} was not played with profile {terms.profile}, order "
            f"{terms.order}, {terms.questions} questions, traces {terms.traces[:12]}… "
            f"(played: {', '.join(policies)})"
        )
    return wanted


def _model_sets(context: Context) -> list[list[int]]:
    """Return the places of all models, then of each if there are several."""
    every = list(range(len(context.models)))
    return [every, *([model] for model in every if len(every) > 1)]


def _compared(
    context: Context, baseline: str, seed: int, step: Callable[[], None]
) -> ContextResult:
    weights = draw_weights(len(context.question_ids), seed)
    means = means_of(context, weights)
    step()
    scopes = []
    for models in _model_sets(context):
        scopes.append(_Scope(context, baseline, weights, means, models).result())
        step()
    overall, *each = scopes
    return ContextResult(
        terms=context.terms,
        baseline=baseline,
        models=context.models,
        pool=len(context.question_ids),
        policies=context.policies,
        overall=overall,
        by_model=dict(zip(context.models, each, strict=False)),
    )


class _Scope:
    """One context over some of its models."""

    def __init__(
        self, context: Context, baseline: str, weights: Floats, means: Means, models: list[int]
    ) -> None:
        self._context = context
        self._baseline = baseline
        self._models = models
        over = means.over(models)
        self._accuracy, self._tokens, self._seconds = (
            over.accuracy[0],
            over.tokens[0],
            over.seconds[0],
        )
        self._groups = GroupTable(context, weights, models)

    def result(self) -> Scope:
        return Scope(
            budgets=[self._budget(total_s) for total_s in self._context.totals],
            matches=self._matches(),
        )

    def _budget(self, total_s: float | None) -> Budget:
        cells = self._context.cells
        places = [place for place, cell in enumerate(cells) if cell.total_s == total_s]
        base = next((p for p in places if cells[p].policy == self._baseline), None)
        accuracy = self._accuracy[0, places]
        fronts = zip(
            pareto_front(self._tokens[0, places], accuracy).tolist(),
            pareto_front(self._seconds[0, places], accuracy).tolist(),
            strict=True,
        )
        return Budget(
            total_s=total_s,
            policies=[
                self._standing(place, base, on_tokens_front=tokens, on_seconds_front=seconds)
                for place, (tokens, seconds) in zip(places, fronts, strict=True)
            ],
        )

    def _standing(
        self, place: int, base: int | None, *, on_tokens_front: bool, on_seconds_front: bool
    ) -> Standing:
        context = self._context
        accuracy = estimate(self._accuracy[:, place])
        difference = None
        if base is not None:
            difference = accuracy.minus(estimate(self._accuracy[:, base])).interval()
        return Standing(
            policy=context.cells[place].policy,
            cell=context.cells[place].name,
            accuracy=accuracy.interval(),
            tokens_per_question=estimate(self._tokens[:, place]).interval(),
            seconds_per_question=estimate(self._seconds[:, place]).interval(),
            difference=difference,
            overruns=int(context.overruns[place, self._models].sum()),
            unanswered=int(context.unanswered[place, self._models].sum()),
            exhausted=int(context.exhausted[place, self._models].sum()),
            on_tokens_front=on_tokens_front,
            on_seconds_front=on_seconds_front,
            groups=[] if base is None else self._groups.against(place, base),
        )

    def _matches(self) -> list[Match]:
        """Return what the families pay for the accuracy of each of the baseline's cells."""
        cells = self._context.cells
        bases = {cell.total_s: p for p, cell in enumerate(cells) if cell.policy == self._baseline}
        totals = [total_s for total_s in self._context.totals if total_s in bases]
        found: dict[float | None, list[FamilyCost]] = {total_s: [] for total_s in totals}
        for family in self._context.families:
            places = [place for place, cell in enumerate(cells) if cell.family == family]
            tokens = self._costs(self._tokens, places, [bases[total_s] for total_s in totals])
            seconds = self._costs(self._seconds, places, [bases[total_s] for total_s in totals])
            best = self._accuracy[1:, places].max(axis=1)
            for total_s, in_tokens, in_seconds in zip(totals, tokens, seconds, strict=True):
                cost = FamilyCost(
                    family=family,
                    points=len(places),
                    reached=int((best >= self._accuracy[1:, bases[total_s]]).sum()),
                    tokens=in_tokens,
                    seconds=in_seconds,
                )
                found[total_s].append(cost)
        return [
            Match(
                total_s=total_s,
                accuracy=estimate(self._accuracy[:, bases[total_s]]).interval(),
                families=found[total_s],
            )
            for total_s in totals
        ]

    def _costs(self, costs: Floats, places: list[int], bases: list[int]) -> list[Cost]:
        hull = hull_of(costs[:, places], self._accuracy[:, places])
        found = []
        for base in bases:
            needed, at_most = cost_at(hull, self._accuracy[:, base])
            own = costs[:, base]
            ratio = np.divide(needed, own, out=np.full(len(own), np.inf), where=own > 0.0)
            found.append(
                Cost(
                    needed=reach(needed),
                    ratio=reach(ratio),
                    at_most=bool(at_most[0]),
                )
            )
        return found


def reach(column: Floats) -> Reach:
    """Return a figure that is infinite where out of reach, with its percentile interval.

    The ends are order statistics: beyond each lie 2.5 % of the resamples, those out of reach
    beyond the upper one. An infinite figure or end becomes None.

    Args:
        column: The data's figure, then each resample's, shape (1 + RESAMPLES).
    """
    ordered = np.sort(column[1:])
    beyond = round((1.0 - LEVEL) / 2.0 * len(ordered))
    value, low, high = (
        figure if np.isfinite(figure) else None
        for figure in (column[0].item(), ordered[beyond].item(), ordered[-1 - beyond].item())
    )
    return Reach(value=value, low=low, high=high)
