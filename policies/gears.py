"""Gears: more samples when time is plenty, fewer when it runs short."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Whole
from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView

PUBLISHED_AVERAGE_S = 17_820.0 / 50.0
"""The published cut-off of 4 h 57 min over 50 questions."""
LIMITS_S = (300.0, 345.0, 370.0, 420.0)
"""Published averages of seconds left a question that part the gears."""
SAMPLES = (10, 12, 15, 16, 17)
"""Published samples by gear."""
CAPS_S = (570.0, 607.5, 645.0, 682.5, 720.0)
"""Seconds a question by gear: the published 9.5 to 12 minutes, evenly spaced."""
SHIFT_AFTER = 29
"""Published questions before the first shift, of fifty."""


class Gears(Policy):
    """Choose the number of samples by the average time left; stop at early agreement.

    Five gears: with an average of less than 300, 345, 370, 420 seconds left a question, or more,
    run 10, 12, 15, 16 or 17 samples for at most 9.5 to 12 minutes. The gear is chosen at the
    first question, and anew at every second one from the thirtieth on. A question ends when the
    leader holds 4 of the first 4 answers, 4 of the last 5, 5 of the first 7 or 6 of the first 9.
    From the second place of AIMO 2 on Kaggle, whose cut-off was 4 h 57 min; all its seconds are
    scaled to the stream's average, 356.4 s there.

    Args:
        every: Questions between shifts, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "every": Whole(1, 16, log=True),
    }

    def __init__(self, *, every: int = 2) -> None:
        require_finite("every", every, 1)
        self._every = every
        self._gear: int | None = None

    def request(self, view: QuestionView) -> Allowance:
        """Shift if it is time to, and ask for what the gear says."""
        grant = view.grant
        total = grant.seen + grant.questions_left.expected
        first_shift = int(SHIFT_AFTER * total) // 50
        past = grant.seen - first_shift
        if self._gear is None or (past >= 0 and past % self._every == 0):
            self._gear = self.gear(grant.share_s, grant.average_s)
        samples = SAMPLES[self._gear]
        hard_s = CAPS_S[self._gear] / PUBLISHED_AVERAGE_S * grant.average_s
        return Allowance(hard_s=hard_s, width=samples, samples=samples)

    @staticmethod
    def gear(share_s: float, average_s: float) -> int:
        """Return the gear for an average of seconds left, 0 for the shortest."""
        if average_s == inf:
            return len(SAMPLES) - 1
        scale = average_s / PUBLISHED_AVERAGE_S
        return sum(share_s >= limit * scale for limit in LIMITS_S)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start all at once; stop at early agreement."""
        if not view.started:
            return view.start(view.allowance.samples or 1, Reason.WIDEN)
        if self._agrees(view):
            return [view.submit(Reason.AGREEMENT, leader_weight=view.tally.leader_weight)]
        if not view.live:
            return [view.submit(Reason.CAP, finished=view.tally.finished)]
        return []

    @staticmethod
    def _agrees(view: QuestionView) -> bool:
        leader = view.tally.leader
        if leader is None:
            return False
        ended = sorted(
            (sample for sample in view.samples if sample.answer is not None),
            key=lambda sample: sample.ended_s or 0.0,
        )
        equal = [sample.answer == leader for sample in ended]
        return (
            sum(equal[:4]) >= 4  # noqa: PLR2004 - the published windows
            or sum(equal[-5:]) >= 4  # noqa: PLR2004
            or sum(equal[:7]) >= 5  # noqa: PLR2004
            or sum(equal[:9]) >= 6  # noqa: PLR2004
        )
