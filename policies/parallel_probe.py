"""Parallel-Probe: stop when the majority of regular probes no longer changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Whole
from policies.rounds import RoundPolicy
from scheduler import Reason
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView, SampleView


class ParallelProbe(RoundPolicy):
    """Probe all samples at equal intervals; stop on a stable majority, drop dissenters.

    A sample's latest answer is its vote. The question ends once the majority has repeated itself
    `stable` rounds in a row. After `warm_up` rounds a running sample that has differed from it
    for `patience` rounds in a row is dropped with its vote. Zheng et al., "Parallel-Probe:
    Towards Efficient Parallel Thinking via 2D Probing", 2026, arXiv 2602.03845, with the
    constants of its published main table.

    Differences from there: a null answer never votes, and no probe can show an answer that the
    sample had not reached (the last probe of a published trajectory is a copy of its end).

    Args:
        width: Samples, all at once, at least 1.
        interval: Tokens between probes, at least 1.
        stable: Repeats of the majority that end the question, at least 1.
        warm_up: Rounds before which no sample is dropped.
        patience: Rounds of dissent after which a sample is dropped, at least 1.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "width": Whole(1, 64, log=True),
        "interval": Whole(100, 4000, log=True),
        "stable": Whole(1, 64, log=True),
        "warm_up": Whole(0, 32),
        "patience": Whole(1, 32, log=True),
    }

    probes_vote = True

    def __init__(
        self,
        *,
        width: int = 64,
        interval: int = 500,
        stable: int = 40,
        warm_up: int = 15,
        patience: int = 7,
    ) -> None:
        super().__init__(width=width, cap=width, interval=interval)
        require_finite("stable", stable, 1)
        require_finite("warm_up", warm_up, 0)
        require_finite("patience", patience, 1)
        self._stable = stable
        self._warm_up = warm_up
        self._patience = patience

    def weigh(self, sample: SampleView) -> float:
        """Give every vote the weight 1, that of a probe too."""
        del sample
        return 1.0

    def forget(self) -> None:
        """Forget the rounds of the last question."""
        self._rounds = 0
        self._majority: str | None = None
        self._repeats = 0

    def judge(self, view: QuestionView) -> Sequence[AnyAction]:
        """Stop on a stable majority; drop those that differ."""
        self._rounds += 1
        leader = view.tally.leader
        repeats = leader is not None and leader == self._majority
        self._repeats = self._repeats + 1 if repeats else 0
        self._majority = leader
        if self._repeats >= self._stable:
            return [view.submit(Reason.STABLE, rounds=self._rounds, repeats=self._repeats)]
        if self._rounds <= self._warm_up or leader is None:
            return []
        spare = view.live - 1
        return self.drop_dissenters(view, leader, patience=self._patience, spare=spare)
