"""From sums to intervals: the paired bootstrap over questions.

A question is drawn with all its models and all its streams. Every policy, model and bound sees
the same resamples, which is what pairs them. Each model weighs the same. A mean is a ratio, the
sum over plays by the number of plays, since a stream may hold only some of the pool's questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulations.bootstrap import Estimate, ratio, resample
from simulations.results import (
    Bounds,
    BurnDown,
    ModelResult,
    PairedResult,
    PolicyResult,
    Regret,
    Results,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.pool import Pool
    from simulations.results import Settings, TraceInfo
    from simulations.sums import BoundSums, Floats, PolicySums


class Comparison:
    """Compares policies over the same questions.

    Args:
        pools: By model.
        seed: Seed of the resamples.
    """

    def __init__(self, pools: Sequence[Pool], seed: int) -> None:
        ids = sorted({question.question_id for pool in pools for question in pool.questions})
        place = {question_id: index for index, question_id in enumerate(ids)}
        self._places = {
            pool.model: [place[question.question_id] for question in pool.questions]
            for pool in pools
        }
        self._weights = resample(len(ids), seed)

    def results(
        self,
        traces: Sequence[TraceInfo],
        settings: Settings,
        policies: Sequence[tuple[str, Mapping[str, PolicySums]]],
        bounds: Mapping[str, BoundSums],
    ) -> Results:
        """Return the results of policies on the same draws.

        Args:
            traces: What was played.
            settings: How.
            policies: A name and its sums by model; differences are from the first.
            bounds: Sums of the bounds by model.
        """
        bound = self.bounds(bounds)
        baseline, baseline_sums = policies[0]
        return Results(
            traces=list(traces),
            settings=settings,
            policies=[self.policy(name, sums, bound) for name, sums in policies],
            paired=[
                self.paired(name, sums, baseline, baseline_sums) for name, sums in policies[1:]
            ],
            bounds=bound.result(),
        )

    def policy(self, name: str, sums: Mapping[str, PolicySums], bounds: Bound) -> PolicyResult:
        """Return one policy's result from its sums by model."""
        accuracy = self._accuracy(sums)
        elapsed, squared, plays = self._elapsed(sums)
        return PolicyResult(
            policy=name,
            accuracy=accuracy.interval(),
            tokens_per_question=self._tokens(sums).interval(),
            seconds_per_question=self._seconds(sums).interval(),
            overruns=sum(one.overruns for one in sums.values()),
            unanswered=sum(one.unanswered for one in sums.values()),
            exhausted=sum(one.exhausted for one in sums.values()),
            reasons=_total_reasons(sums),
            regret=Regret(
                pool_majority=bounds.majority.minus(accuracy).interval(),
                best_stopping=bounds.stopping.minus(accuracy).interval(),
            ),
            by_model={
                model: ModelResult(
                    accuracy=self._accuracy({model: one}).interval(),
                    tokens_per_question=self._tokens({model: one}).interval(),
                    seconds_per_question=self._seconds({model: one}).interval(),
                )
                for model, one in sums.items()
            },
            burn_down=BurnDown(
                elapsed_s=(elapsed / plays).tolist(),
                spread_s=np.sqrt(
                    np.maximum(squared / plays - (elapsed / plays) ** 2, 0.0)
                ).tolist(),
            ),
        )

    def paired(
        self,
        name: str,
        sums: Mapping[str, PolicySums],
        baseline: str,
        baseline_sums: Mapping[str, PolicySums],
    ) -> PairedResult:
        """Return one policy less the baseline."""
        return PairedResult(
            policy=name,
            baseline=baseline,
            accuracy=self._accuracy(sums).minus(self._accuracy(baseline_sums)).interval(),
            tokens_per_question=self._tokens(sums).minus(self._tokens(baseline_sums)).interval(),
            seconds_per_question=self._seconds(sums).minus(self._seconds(baseline_sums)).interval(),
        )

    def bounds(self, sums: Mapping[str, BoundSums]) -> Bound:
        """Return both bounds from their sums by model."""
        counts = {model: one.count for model, one in sums.items()}
        return Bound(
            majority=self._estimate({model: one.majority for model, one in sums.items()}, counts),
            stopping=self._estimate({model: one.stopping for model, one in sums.items()}, counts),
            stopping_tokens=self._estimate(
                {model: one.stopping_tokens for model, one in sums.items()}, counts
            ),
        )

    def _accuracy(self, sums: Mapping[str, PolicySums]) -> Estimate:
        return self._estimate({m: s.correct for m, s in sums.items()}, _counts(sums))

    def _tokens(self, sums: Mapping[str, PolicySums]) -> Estimate:
        return self._estimate({m: s.tokens for m, s in sums.items()}, _counts(sums))

    def _seconds(self, sums: Mapping[str, PolicySums]) -> Estimate:
        return self._estimate({m: s.seconds for m, s in sums.items()}, _counts(sums))

    def _estimate(self, totals: Mapping[str, Floats], counts: Mapping[str, Floats]) -> Estimate:
        by_model = [
            ratio(self._weights[:, self._places[model]], total, counts[model])
            for model, total in totals.items()
        ]
        return Estimate(
            float(np.mean([one.mean for one in by_model])),
            np.mean([one.resamples for one in by_model], axis=0),
        )

    @staticmethod
    def _elapsed(sums: Mapping[str, PolicySums]) -> tuple[Floats, Floats, float]:
        """Return sums of seconds and their squares by place, and the number of streams."""
        every = list(sums.values())
        streams = sum(one.count.sum() / len(one.elapsed_s) for one in every)
        return (
            np.sum([one.elapsed_s for one in every], axis=0),
            np.sum([one.elapsed_squared for one in every], axis=0),
            float(streams),
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """The two bounds with their resamples."""

    majority: Estimate
    stopping: Estimate
    stopping_tokens: Estimate

    def result(self) -> Bounds:
        """Return them as intervals."""
        return Bounds(
            pool_majority=self.majority.interval(),
            best_stopping=self.stopping.interval(),
            best_stopping_tokens=self.stopping_tokens.interval(),
        )


def _counts(sums: Mapping[str, PolicySums]) -> dict[str, Floats]:
    return {model: one.count for model, one in sums.items()}


def _total_reasons(sums: Mapping[str, PolicySums]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in sums.values():
        for reason, count in one.reasons.items():
            total[reason] = total.get(reason, 0) + count
    return dict(sorted(total.items()))
