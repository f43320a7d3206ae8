"""Which whole number is handed over, whatever a question came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler import CallerError

if TYPE_CHECKING:
    from scheduler import QuestionView

AIMO = (0, 99_999)
"""What AIMO 3 takes; AIMO 2 took 0 to 999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The rule.

    Attributes:
        low: The least number that the contest takes.
        high: The largest.
        fallback: Handed over where nothing else is known.
        likely: Whether the best number within the range is taken where the leader is none:
            first of the votes, then of what running samples last answered to a probe.
    """

    low: int = AIMO[0]
    high: int = AIMO[1]
    fallback: int = 0
    likely: bool = True

    def __post_init__(self) -> None:
        if not self.low <= self.fallback <= self.high:
            raise CallerError(
                f"fallback must lie from {self.low} to {self.high}, got {self.fallback!r}"
            )

    def __call__(self, leader: str | None, view: QuestionView | None) -> int:
        """Choose.

        Args:
            leader: The answer submitted; None where nothing had voted.
            view: The question as the policy saw it last; None where it never did.
        """
        number = self._number(leader)
        if number is None and self.likely and view is not None:
            number = self._best(view)
        return self.fallback if number is None else number

    def _best(self, view: QuestionView) -> int | None:
        votes: dict[int, float] = {}
        for answer, weight in view.tally.weights.items():
            number = self._number(answer)
            if number is not None:
                votes[number] = weight
        if not votes:
            probed = (self._number(sample.probe_answer) for sample in view.samples)
            votes = Counter(number for number in probed if number is not None)  # type: ignore[assignment] # counts are weights too
        return max(votes, key=votes.__getitem__) if votes else None

    def _number(self, answer: str | None) -> int | None:
        """Read an answer; None if it is none that the contest takes."""
        if answer is None or len(answer) > len(str(max(abs(self.low), abs(self.high)))) + 1:
            return None
        try:
            number = int(answer)
        except ValueError:
            return None
        return number if self.low <= number <= self.high else None
