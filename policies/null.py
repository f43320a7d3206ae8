"""Null: no attempt, to measure what everything else costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import Policy, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class Null(Policy):
    """Submit at once, without a sample.

    Nothing has voted, so the answer is null, which the gateway's side turns into its fallback
    answer 0: the timing test of contest notebooks.
    """

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Submit."""
        return [view.submit(Reason.NO_ATTEMPT)]
