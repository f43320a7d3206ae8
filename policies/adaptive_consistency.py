"""Adaptive-consistency: one sample at a time until the majority is probably stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.criteria import beta_criterion
from policies.knobs import Real, Whole
from policies.one_by_one import OneByOnePolicy
from scheduler import Reason
from scheduler.checks import require_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.knobs import Knob
    from scheduler import QuestionView, SubmitAnswer


class AdaptiveConsistency(OneByOnePolicy):
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

    knobs: ClassVar[Mapping[str, Knob]] = {
        "confidence": Real(0.5, 0.999),
        "cap": Whole(1, 64, log=True),
    }

    def __init__(self, *, confidence: float = 0.95, cap: int = 64) -> None:
        require_number("confidence", confidence, 0.5, 1.0)
        super().__init__(cap=cap)
        self._confidence = confidence

    def verdict(self, view: QuestionView) -> SubmitAnswer | None:
        """Stop if the criterion holds."""
        p_stays = beta_criterion(view.tally.leader_weight, view.tally.runner_up_weight)
        if p_stays > self._confidence:
            return view.submit(Reason.CONFIDENT, p_stays=p_stays)
        return None
