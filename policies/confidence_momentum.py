"""Confidence momentum: stop on a high and steady average of the pool's confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.criteria import beta_criterion
from policies.knobs import Real, Whole
from policies.rounds import RoundPolicy
from scheduler import Reason
from scheduler.checks import require_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView

KEEP = 2
"""Running samples that are never dropped."""


class ConfidenceMomentum(RoundPolicy):
    """Follow an exponential average of the pool's confidence, and its trend.

    The pool's confidence c is the probability that the leader of the finished samples stays
    (`beta_criterion`). After each round of probes

        e ← e + (.7 − .4 β)(c − e), trend = the change of e

    and after a warm-up of 2 + 8 β rounds, with 2 + 3 β samples finished, the question ends when
    e ≥ .85 + .12 β and trend ≥ −(.04 − .03 β). Otherwise, while the trend is at most .04 − .03 β,
    the pool grows by 1 + 3 β samples, from 2 + 6 β up to 4 + 60 β. A sample whose latest answer has
    differed from the leader for 3 + 9 β rounds is dropped, but two always stay. All counts are
    rounded.

    The "confidence momentum controller" that the agents of Zheng et al., "LLMs Improving LLMs:
    Agentic Discovery for Test-Time Scaling" (AutoTTS), 2026, arXiv 2605.08083, found, written from
    its description. A difference: samples aligned with the leader are there advanced by several
    intervals a round. Samples that share an engine advance together, so here they go deeper only by
    not being dropped.

    Args:
        beta: How much accuracy is worth against tokens, from 0 to 1.
        interval: Tokens between probes, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "beta": Real(0.0, 1.0),
        "interval": Whole(100, 4000, log=True),
    }

    def __init__(self, *, beta: float = 0.5, interval: int = 500) -> None:
        require_number("beta", beta, 0.0, 1.0)
        super().__init__(width=round(2 + 6 * beta), cap=round(4 + 60 * beta), interval=interval)
        self._warm_up = round(2 + 8 * beta)
        self._finished = round(2 + 3 * beta)
        self._patience = round(3 + 9 * beta)
        self._widen = round(1 + 3 * beta)
        self._weight = 0.7 - 0.4 * beta
        self._bar = 0.85 + 0.12 * beta
        self._slack = 0.04 - 0.03 * beta

    def forget(self) -> None:
        """Forget the average of the last question."""
        self._average = 0.0
        self._rounds = 0

    def judge(self, view: QuestionView) -> Sequence[AnyAction]:
        """Bring the average up to date; stop, or drop and widen."""
        tally = view.tally
        confidence = 0.0
        if tally.leader is not None:
            confidence = beta_criterion(tally.leader_weight, tally.runner_up_weight)
        trend = self._weight * (confidence - self._average)
        self._average += trend
        self._rounds += 1
        if (
            self._rounds >= self._warm_up
            and tally.finished >= self._finished
            and self._holds(trend)
        ):
            return [view.submit(Reason.CONFIDENT, average=self._average, trend=trend)]
        actions: list[AnyAction] = []
        if tally.leader is not None and self._rounds >= self._warm_up:
            spare = view.live - KEEP
            actions = self.drop_dissenters(view, tally.leader, patience=self._patience, spare=spare)
        if trend <= self._slack:
            new = min(self._widen, self._cap - view.started)
            actions += view.start(new, Reason.WIDEN)
        return actions

    def _holds(self, trend: float) -> bool:
        return self._average >= self._bar and trend >= -self._slack
