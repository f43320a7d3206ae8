"""Confidence momentum: stop on a high and steady average of the pool's confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.rounds import RoundPolicy, leader_share
from scheduler import Reason
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class ConfidenceMomentum(RoundPolicy):
    """Follow an exponential average of the pool's confidence, and its trend.

    The pool's confidence c is the leader's share of all latest answers. Each round

        e ← e + momentum · (c − e), trend = the change of e

    and the question ends when e ≥ .85 + .12 β and trend ≥ −(.04 − .03 β). Otherwise the width
    follows the trend: while e hardly grows, new samples start, more of them the faster it falls.
    A sample aligned with the leader goes deeper; one that has differed for `patience` rounds is
    dropped with its vote, but `keep` always stay. The "confidence momentum controller" found by
    the agents of Zheng et al., "LLMs Improving LLMs: Agentic Discovery for Test-Time Scaling"
    (AutoTTS), 2026, arXiv 2605.08083, written from its description. The two bars are published;
    the other constants are ours.

    Args:
        beta: How much accuracy is worth against tokens, from 0 to 1.
        width: Samples to begin with, at least 1.
        cap: Samples in all, at least `width`.
        interval: Tokens between probes, at least 1.
        momentum: Weight of the newest round in the average, above 0, at most 1.
        patience: Rounds of dissent after which a sample is dropped, at least 1.
        keep: Running samples that always stay, at least 1.
    """

    def __init__(
        self,
        *,
        beta: float = 0.5,
        width: int = 16,
        cap: int = 64,
        interval: int = 500,
        momentum: float = 0.3,
        patience: int = 4,
        keep: int = 2,
    ) -> None:
        super().__init__(width=width, cap=cap, interval=interval)
        require_number("beta", beta, 0.0, 1.0)
        require_number("momentum", momentum, 1e-6, 1.0)
        require_finite("patience", patience, 1)
        require_finite("keep", keep, 1)
        self._bar = 0.85 + 0.12 * beta
        self._slack = 0.04 - 0.03 * beta
        self._momentum = momentum
        self._patience = patience
        self._keep = keep

    def forget(self) -> None:
        """Forget the average of the last question."""
        self._average = 0.0

    def judge(self, view: QuestionView) -> Sequence[AnyAction]:
        """Bring the average up to date; stop, or drop and widen."""
        trend = self._momentum * (leader_share(view) - self._average)
        self._average += trend
        if self._average >= self._bar and trend >= -self._slack:
            return [view.submit(Reason.CONFIDENT, average=self._average, trend=trend)]
        drops = self.drop_dissenters(
            view, view.tally.leader, patience=self._patience, spare=view.live - self._keep
        )
        new = min(self.widening(trend), self._cap - view.started)
        return [*drops, *view.start(new, Reason.WIDEN)]

    def widening(self, trend: float) -> int:
        """Return how many samples to start: none on a rise, 1 on a standstill, 4 on a fall."""
        if trend >= self._slack / 4.0:
            return 0
        if trend >= 0.0:
            return 1
        return 2 if trend >= -self._slack else 4
