"""Adaptive-consistency: one sample at a time until the majority is probably stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.criteria import beta_criterion
from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class AdaptiveConsistency(Policy):
    """Sample one by one; stop once the leader would probably win a vote without end.

    With v1 votes for the leader and v2 for the next answer, stop when

        P(p1 > p2) = 1 − I_½(v1 + 1, v2 + 1) > confidence

    where I is the regularised incomplete beta function: the Beta criterion of Aggarwal et al.,
    "Let's Sample Step by Step: Adaptive-Consistency for Efficient Reasoning and Coding with
    LLMs", EMNLP 2023, arXiv 2305.11860. It is checked after each sample that has voted.

    Args:
        confidence: The probability to exceed, from ½ to 1.
        cap: Samples at most, at least 1.
    """

    def __init__(self, *, confidence: float = 0.95, cap: int = 64) -> None:
        require_number("confidence", confidence, 0.5, 1.0)
        require_finite("cap", cap, 1)
        self._confidence = confidence
        self._cap = cap

    def request(self, view: QuestionView) -> Allowance:
        """Ask for one sample at a time, `cap` in all."""
        del view
        return Allowance(width=1, samples=self._cap)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Stop if the criterion holds, else start the next."""
        if view.live:
            return []
        tally = view.tally
        if tally.leader is not None:
            p_stays = beta_criterion(tally.leader_weight, tally.runner_up_weight)
            if p_stays > self._confidence:
                return [view.submit(Reason.CONFIDENT, p_stays=p_stays)]
        if view.started < self._cap:
            return view.start(1, Reason.REPLACE if view.started else Reason.WIDEN)
        return [view.submit(Reason.CAP, finished=tally.finished)]
