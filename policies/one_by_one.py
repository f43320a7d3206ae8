"""What sequential rules share: one sample at a time, and a verdict after each vote."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView, SubmitAnswer


class OneByOnePolicy(Policy):
    """Start a sample when the last has ended, until the verdict or the cap.

    Args:
        cap: Samples at most, at least 1.
    """

    def __init__(self, *, cap: int) -> None:
        require_finite("cap", cap, 1)
        self._cap = cap

    @abstractmethod
    def verdict(self, view: QuestionView) -> SubmitAnswer | None:
        """Submit if the votes suffice; asked when nothing runs and something has voted."""

    def request(self, view: QuestionView) -> Allowance:
        """Ask for one sample at a time, `cap` in all."""
        del view
        return Allowance(width=1, samples=self._cap)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Stop at the verdict, else start the next."""
        if view.live:
            return []
        verdict = None if view.tally.leader is None else self.verdict(view)
        if verdict is not None:
            return [verdict]
        if view.started < self._cap:
            return view.start(1, Reason.REPLACE if view.started else Reason.WIDEN)
        return [view.submit(Reason.CAP, finished=view.tally.finished)]
