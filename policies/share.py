"""Share: every question gets an equal part of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from policies.batch import BatchPolicy
from policies.forcing import all_answered, force_all, lead_time_s
from policies.knobs import Choice, Whole
from scheduler import Allowance, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class Share(BatchPolicy):
    """Give a question (time left ÷ questions left); stop at `equal` equal answers.

    The plain rule of many contest notebooks: `width` samples start at once, none is replaced,
    and what the vote holds at the deadline is submitted.

    Args:
        width: Samples at once, at least 1.
        equal: Equal answers that end the question, at least 1.
        forced: Whether running samples are made to answer shortly before the deadline.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "width": Whole(1, 32, log=True),
        "equal": Whole(1, 16, log=True),
        "forced": Choice((False, True)),
    }

    def __init__(self, *, width: int = 8, equal: int = 4, forced: bool = False) -> None:
        super().__init__(width=width, equal=equal)
        self._forced = forced

    def seconds(self, view: QuestionView) -> float:
        """Return the equal share of what is left."""
        return view.grant.share_s

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the share, and to be woken in time to force answers."""
        self._asked = False
        wish = super().request(view)
        if not self._forced:
            return wish
        hard_s = min(wish.hard_s or 0.0, view.grant.hard_s)
        soft_s = max(0.0, hard_s - lead_time_s(view, self._width, hard_s))
        return msgspec.structs.replace(wish, soft_s=soft_s)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start all, stop at agreement, force at the soft deadline."""
        actions = super().decide(view)
        if actions or not self._forced or view.soft_left_s > 0.0:
            return actions
        if not self._asked:
            self._asked = True
            return force_all(view)
        if all_answered(view):
            return [view.submit(Reason.SOFT_DEADLINE, leader_weight=view.tally.leader_weight)]
        return []
