"""Self-consistency: `k` samples at once, majority of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Whole
from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class SelfConsistency(Policy):
    """Start `k` samples at once and submit the majority when the last has ended.

    Wang et al., "Self-Consistency Improves Chain of Thought Reasoning in Language Models",
    ICLR 2023, arXiv 2203.11171.

    Args:
        k: Number of samples, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "k": Whole(1, 64, log=True),
    }

    def __init__(self, *, k: int = 64) -> None:
        require_finite("k", k, 1)
        self._k = k

    def request(self, view: QuestionView) -> Allowance:
        """Ask for `k` samples at once and all the time that the grant holds."""
        del view
        return Allowance(width=self._k, samples=self._k)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start them all; then wait for the last."""
        if not view.started:
            return view.start(self._k, Reason.WIDEN)
        if not view.live:
            return [view.submit(Reason.CAP, finished=view.tally.finished)]
        return []
