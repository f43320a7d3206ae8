"""Clamp: the time rule of the AIMO 3 public notebooks."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from policies.batch import BatchPolicy
from policies.knobs import Whole
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from policies.knobs import Knob
    from scheduler import QuestionView

PUBLISHED_AVERAGE_S = 348.0
"""The published limit of 17,400 s over 50 questions."""
PUBLISHED_BASE_S = 300.0
PUBLISHED_HIGH_S = 900.0


class Clamp(BatchPolicy):
    """Give a question what the later ones can spare, between a floor and a ceiling.

    With n questions left (this one included),

        budget_s = min(max(left_s − (n − 1) · base_s, base_s), high_s)

    and stop at `equal` equal answers of `width` samples. From the public notebooks of the AIMO 3
    contest on Kaggle, used by its first place: limit 17,400 s for 50 questions, base 300 s, high
    900 s, 8 attempts, stop at 4 equal. Known to be greedy early and to overrun after a late start,
    which the grant prevents here.

    Args:
        base_s: Seconds kept for each later question; None scales the published 300 s to the
            stream: 300/348 of its average time a question.
        high_s: Seconds that one question may take at most; None likewise: 900/348.
        width: Samples at once, at least 1.
        equal: Equal answers that end the question, at least 1.
    """

    # Its seconds have no range of their own: they depend on the stream.
    knobs: ClassVar[Mapping[str, Knob]] = {
        "width": Whole(1, 32, log=True),
        "equal": Whole(1, 16, log=True),
    }

    def __init__(
        self,
        *,
        base_s: float | None = None,
        high_s: float | None = None,
        width: int = 8,
        equal: int = 4,
    ) -> None:
        super().__init__(width=width, equal=equal)
        if base_s is not None:
            require_finite("base_s", base_s, 0.0)
        if high_s is not None:
            require_finite("high_s", high_s, base_s or 0.0)
        self._base_s = base_s
        self._high_s = high_s

    def seconds(self, view: QuestionView) -> float:
        """Return the clamped time."""
        grant = view.grant
        scale = grant.average_s / PUBLISHED_AVERAGE_S
        base_s = PUBLISHED_BASE_S * scale if self._base_s is None else self._base_s
        high_s = PUBLISHED_HIGH_S * scale if self._high_s is None else self._high_s
        if grant.left_s == inf:
            return high_s
        later = grant.questions_left.expected - 1.0
        return min(max(grant.left_s - later * base_s, base_s), high_s)
