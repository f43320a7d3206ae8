"""What probing rules share: rounds in which every running sample is asked for its answer."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from scheduler import Allowance, Policy, ProbeAnswered, Reason, SampleProgressed
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class RoundPolicy(Policy):
    """Probe each running sample every `interval` tokens; judge when all have answered.

    What a probe costs is charged by the latency profile. A null answer never votes.

    Attributes:
        probes_vote: Whether a sample's latest answer is its vote, of weight 1 as a finished one's.

    Args:
        width: Samples to begin with, at least 1.
        cap: Samples in all, at least `width`.
        interval: Tokens between probes, at least 1.
    """

    probes_vote = False

    def __init__(self, *, width: int, cap: int, interval: int) -> None:
        require_finite("width", width, 1)
        require_finite("cap", cap, width)
        require_finite("interval", interval, 1)
        self._width = width
        self._cap = cap
        self.progress_every_tokens = interval

    @abstractmethod
    def judge(self, view: QuestionView) -> Sequence[AnyAction]:
        """Decide at the end of a round."""

    @abstractmethod
    def forget(self) -> None:
        """Forget the last question."""

    def request(self, view: QuestionView) -> Allowance:
        """Ask for up to `cap` samples; forget the last question."""
        del view
        self._answered: set[int] = set()
        self._dissent: dict[int, int] = {}
        self.forget()
        return Allowance(width=self._cap, samples=self._cap)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Probe those that have come far enough; when all have answered, judge the round."""
        if not view.started:
            return view.start(self._width, Reason.WIDEN)
        if not view.live:
            return [view.submit(Reason.CAP, finished=view.tally.finished)]
        event = view.event
        if isinstance(event, SampleProgressed):
            if view.samples[event.sample].live:
                return [view.probe(event.sample, Reason.ROUND, forced=self.probes_vote)]
            return []
        if isinstance(event, ProbeAnswered):
            self._answered.add(event.sample)
        if all(sample.sample in self._answered for sample in view.live_samples()):
            self._answered.clear()
            return self.judge(view)
        return []

    def drop_dissenters(
        self, view: QuestionView, majority: str | None, *, patience: int, spare: int
    ) -> list[AnyAction]:
        """Stop samples whose answer has differed for `patience` rounds, at most `spare` of them."""
        drops: list[AnyAction] = []
        for sample in view.live_samples():
            differs = sample.probe_answer != majority
            streak = self._dissent.get(sample.sample, 0) + 1 if differs else 0
            self._dissent[sample.sample] = streak
            if streak >= patience and len(drops) < spare:
                drops.append(view.stop(sample.sample, Reason.DISSENT, rounds=streak))
        return drops
