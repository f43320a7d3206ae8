"""Parallel-Probe: stop when the majority of regular probes no longer changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.rounds import RoundPolicy, leader_share
from scheduler import Reason, SampleState
from scheduler.checks import require_finite, require_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class ParallelProbe(RoundPolicy):
    """Probe all samples at equal intervals; stop on a stable majority, drop dissenters.

    After `warm_up` rounds the question ends once the majority has been the same for `stable`
    rounds; and a sample that has differed from it for `patience` rounds in a row is dropped with
    its vote, while the majority holds at least `ratio` of the votes and more than `keep` samples
    are left. Zheng et al., "Parallel-Probe: Towards Efficient Parallel Thinking via 2D Probing",
    2026, arXiv 2602.03845, with the constants of its published evaluation.

    Differences from there: a null answer never votes, and no probe can show an answer that the
    sample had not reached (the last probe of a published trajectory is a copy of its end).

    Args:
        width: Samples, all at once, at least 1.
        interval: Tokens between probes, at least 1.
        stable: Rounds of the same majority that end the question, at least 1.
        warm_up: Rounds before which nothing is stopped.
        patience: Rounds of dissent after which a sample is dropped, at least 1.
        ratio: Share of the votes that the majority needs for samples to be dropped, 0 to 1.
        keep: Samples that always stay, at least 1.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        interval: int = 500,
        stable: int = 18,
        warm_up: int = 10,
        patience: int = 3,
        ratio: float = 0.5,
        keep: int = 3,
    ) -> None:
        super().__init__(width=width, cap=width, interval=interval)
        require_finite("stable", stable, 1)
        require_finite("warm_up", warm_up, 0)
        require_finite("patience", patience, 1)
        require_number("ratio", ratio, 0.0, 1.0)
        require_finite("keep", keep, 1)
        self._stable = stable
        self._warm_up = warm_up
        self._patience = patience
        self._ratio = ratio
        self._keep = keep

    def forget(self) -> None:
        """Forget the rounds of the last question."""
        self._rounds = 0
        self._majority: str | None = None
        self._streak = 0

    def judge(self, view: QuestionView) -> Sequence[AnyAction]:
        """Stop on a stable majority; drop those that differ."""
        self._rounds += 1
        leader = view.tally.leader
        self._streak = self._streak + 1 if leader == self._majority else 1
        self._majority = leader
        if self._rounds < self._warm_up or leader is None:
            return []
        if self._streak >= self._stable:
            return [view.submit(Reason.STABLE, rounds=self._rounds, streak=self._streak)]
        if leader_share(view) < self._ratio:
            return []
        left = view.live + sum(s.state is SampleState.FINISHED for s in view.samples)
        return self.drop_dissenters(view, leader, patience=self._patience, spare=left - self._keep)
