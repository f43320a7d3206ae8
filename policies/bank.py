"""Bank: a base for every question and a shared buffer of the time that others saved."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from policies.batch import BatchPolicy
from policies.knobs import Real, Whole
from scheduler import Reason
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class Bank(BatchPolicy):
    """Give a question its base, and up to `extra` more from what earlier ones saved.

    With the average time a question of the stream a (its total by its number of questions),

        buffer_s = max(0, questions before · base · a − seconds gone)
        budget_s = base · a + min(extra · a, buffer_s)

    and stop at `equal` equal answers, or once `enough` of the `width` samples have ended. From
    the first place of AIMO 2 (Moshkov et al., arXiv 2504.16891, section 6.3): 350 s base of 360 s,
    up to 210 s more from the buffer, 12 to 16 samples, stragglers stopped after 10 of 12.

    Args:
        base: Share of the average time that every question has, above 0.
        extra: Share of it that the buffer may add.
        width: Samples at once, at least 1.
        equal: Equal answers that end the question, at least 1.
        enough: Ended samples that end the question, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "base": Real(0.25, 1.0),
        "extra": Real(0.0, 4.0),
        "width": Whole(1, 32, log=True),
        "equal": Whole(1, 16, log=True),
        "enough": Whole(1, 32, log=True),
    }

    def __init__(
        self,
        *,
        base: float = 350.0 / 360.0,
        extra: float = 210.0 / 360.0,
        width: int = 12,
        equal: int = 4,
        enough: int = 10,
    ) -> None:
        super().__init__(width=width, equal=equal)
        require_number("base", base, 1e-9, 1.0)
        require_finite("extra", extra, 0.0)
        require_finite("enough", enough, 1)
        self._base = base
        self._extra = extra
        self._enough = enough

    def seconds(self, view: QuestionView) -> float:
        """Return the base and what the buffer adds."""
        grant = view.grant
        if grant.left_s == inf:
            return inf
        base_s = self._base * grant.average_s
        gone_s = grant.total_s - grant.left_s
        buffer_s = max(0.0, grant.seen * base_s - gone_s)
        return base_s + min(self._extra * grant.average_s, buffer_s)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Do as a batch does; do not wait for stragglers."""
        actions = super().decide(view)
        if not actions and view.tally.finished >= self._enough:
            return [view.submit(Reason.ENOUGH, finished=view.tally.finished)]
        return actions
