"""Share: every question gets an equal part of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import Allowance, Policy, Reason, SampleState
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView

_SLACK_S = 1e-6
"""Forced answers are to come before the deadline, not at it."""


class Share(Policy):
    """Give a question (time left ÷ questions left); stop at `equal` equal answers.

    The plain rule of many contest notebooks: `width` samples start at once, none is replaced,
    and what the vote holds at the deadline is submitted.

    Args:
        width: Samples at once, at least 1.
        equal: Equal answers that end the question, at least 1.
        forced: Whether running samples are made to answer shortly before the deadline.
    """

    def __init__(self, *, width: int = 8, equal: int = 4, forced: bool = False) -> None:
        require_finite("width", width, 1)
        require_finite("equal", equal, 1)
        self._width = width
        self._equal = equal
        self._forced = forced

    def request(self, view: QuestionView) -> Allowance:
        """Ask for the equal share, and to be woken in time to force answers."""
        hard_s = min(view.grant.share_s, view.grant.hard_s)
        soft_s = hard_s
        if self._forced:
            soft_s = max(0.0, hard_s - view.latency.probe_s(self._width) - _SLACK_S)
        return Allowance(soft_s=soft_s, hard_s=hard_s, width=self._width, samples=self._width)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start all, stop at agreement, force at the soft deadline."""
        tally = view.tally
        if tally.leader_weight >= self._equal:
            return [view.submit(Reason.AGREEMENT, leader_weight=tally.leader_weight)]
        if not view.started:
            return view.start(self._width, Reason.WIDEN)
        if not view.live:
            return [view.submit(Reason.CAP, finished=tally.finished)]
        if self._forced and view.soft_left_s <= 0.0:
            return self._force(view)
        return []

    def _force(self, view: QuestionView) -> Sequence[AnyAction]:
        live = [sample for sample in view.live_samples() if sample.state is not SampleState.ASKED]
        fresh = [sample for sample in live if not sample.forced]
        if fresh:
            return [view.probe(sample.sample, Reason.FORCE, forced=True) for sample in fresh]
        if any(sample.probe_pending for sample in live):
            return []
        return [view.submit(Reason.SOFT_DEADLINE, leader_weight=view.tally.leader_weight)]
