"""Line: questions must keep up with evenly spaced cut-off times."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from policies.batch import BatchPolicy
from policies.forcing import force_all
from policies.knobs import Real, Whole
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import Allowance, AnyAction, QuestionView

PUBLISHED_AVERAGE_S = 360.0
"""Five hours over 50 questions."""


class Line(BatchPolicy):
    """Let a question run to its place's cut-off time, and make it guess before that.

    The time after the first `first` average times is divided evenly; the question at place i
    (from 0) of n may run until

        cut_s(i) = (first + (i + 1)/n · (n − first)) · a

    seconds into the stream, a being the average time a question, but at most `high` · a. When
    `guesses` · a seconds are left to it, its running samples are made to answer. From
    tonghuikang's notebooks of the AIMO contests on Kaggle: cut-off times on a line, at most
    750 s a question, the first 15 minutes reserved, forced guesses at 90 s and 30 s left, with
    360 s a question on average. How many samples run is not part of the rule.

    Args:
        first: Average times before the line begins.
        high: Average times that one question may take at most, above 0.
        early: Average times left at the first forced guess.
        late: Average times left at the second, at most `early`.
        width: Samples at once, at least 1.
        equal: Equal answers that end the question, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "first": Real(0.0, 5.0),
        "high": Real(0.5, 5.0),
        "early": Real(0.0, 0.5),
        "late": Real(0.0, 0.5),
        "width": Whole(1, 32, log=True),
        "equal": Whole(1, 16, log=True),
    }

    def __init__(
        self,
        *,
        first: float = 900.0 / PUBLISHED_AVERAGE_S,
        high: float = 750.0 / PUBLISHED_AVERAGE_S,
        early: float = 90.0 / PUBLISHED_AVERAGE_S,
        late: float = 30.0 / PUBLISHED_AVERAGE_S,
        width: int = 8,
        equal: int = 4,
    ) -> None:
        super().__init__(width=width, equal=equal)
        require_finite("first", first, 0.0)
        require_number("high", high, 1e-9, 1e9)
        require_finite("early", early, 0.0)
        require_number("late", late, 0.0, early)
        self._first = first
        self._high = high
        self._guesses = (early, late)

    def seconds(self, view: QuestionView) -> float:
        """Return the seconds to the cut-off time, at most the highest."""
        grant = view.grant
        if grant.left_s == inf:
            return inf
        total = grant.seen + grant.questions_left.expected
        first = min(self._first, total)
        cut = first + (grant.seen + 1.0) / total * (total - first)
        gone_s = grant.total_s - grant.left_s
        return min(cut * grant.average_s - gone_s, self._high * grant.average_s)

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the time to the cut-off; plan the guesses."""
        wish = super().request(view)
        hard_s = min(wish.hard_s or 0.0, view.grant.hard_s)
        left_s = (part * view.grant.average_s for part in self._guesses)
        self._due_s = [view.at_s + hard_s - s for s in left_s if s < hard_s < inf]
        return wish

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Ask to be woken at the next guess."""
        del view
        return self._due_s[0] if self._due_s else inf

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Do as a batch does; force a guess when one is due."""
        actions = super().decide(view)
        if not actions and self._due_s and view.at_s >= self._due_s[0]:
            self._due_s.pop(0)
            return force_all(view)
        return actions
