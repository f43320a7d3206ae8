"""What several contest rules share: one batch of samples, ended by agreement or by the clock."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class BatchPolicy(Policy):
    """Start `width` samples at once, replace none, stop at `equal` equal answers.

    What differs between the rules is how many seconds a question gets (`seconds`).

    Args:
        width: Samples at once, at least 1.
        equal: Equal answers that end the question, at least 1.
    """

    def __init__(self, *, width: int, equal: int) -> None:
        require_finite("width", width, 1)
        require_finite("equal", equal, 1)
        self._width = width
        self._equal = equal

    @abstractmethod
    def seconds(self, view: QuestionView) -> float:
        """Return the seconds that the rule gives the question."""

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the batch and the rule's seconds."""
        return Allowance(
            hard_s=max(0.0, self.seconds(view)), width=self._width, samples=self._width
        )

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start all at once; stop at agreement or when the last has ended."""
        if not view.started:
            return view.start(self._width, Reason.WIDEN)
        weight = view.tally.leader_weight
        if weight >= self._equal:
            return [view.submit(Reason.AGREEMENT, leader_weight=weight)]
        if not view.live:
            return [view.submit(Reason.CAP, finished=view.tally.finished)]
        return []
