"""Uncatchable leader: stop when the running samples cannot change the vote."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.batch import BatchPolicy
from policies.knobs import Whole
from scheduler import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class UncatchableLeader(BatchPolicy):
    """Stop when second + still running ≤ leader; the time is the equal share of what is left.

    From the second place of the AIMO 3 contest on Kaggle. A tie that remains possible goes to the
    answer whose first vote came first.

    Args:
        width: Samples at once, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "width": Whole(1, 32, log=True),
    }

    def __init__(self, *, width: int = 8) -> None:
        super().__init__(width=width, equal=width)

    def seconds(self, view: QuestionView) -> float:
        """Return the equal share of what is left."""
        return view.grant.share_s

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Stop once no rival can pass the leader."""
        tally = view.tally
        uncatchable = tally.runner_up_weight + view.live <= tally.leader_weight
        if tally.leader is not None and uncatchable:
            return [view.submit(Reason.SETTLED, margin=tally.margin, live=view.live)]
        return super().decide(view)
