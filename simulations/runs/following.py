"""Following one question through its journal: its samples, its votes, the moment of decision.

The votes are counted by the core's own tally, a whole vote for each finished sample. Answers to
probes do not count here, whatever a policy makes of them: they belong to samples that still run,
and such a sample may become anything. So "settled" means settled whatever it becomes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import (
    FaultLine,
    FinishReason,
    ProbeAnswered,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    StartSample,
    StopSample,
    SubmitAnswer,
    ToolCalled,
    ToolReturned,
    TrimLine,
)
from scheduler.tally import MutableTally
from simulations.runs.run import End, Probed, SampleRun

if TYPE_CHECKING:
    from scheduler import AnyAction, AnyEvent, Tally
    from simulations.runs.run import QuestionRun


class Follower:
    """Takes what is told of a question in the order of time.

    Args:
        question: To be filled in.

    Attributes:
        settled: Whether no running sample could change the leader as things stand.
    """

    def __init__(self, question: QuestionRun) -> None:
        self._question = question
        self._votes = MutableTally()
        self._called: dict[int, float] = {}  # when a sample began to wait for its tool
        self.settled = False

    @property
    def tally(self) -> Tally:
        """The votes of the samples that have finished."""
        return self._votes

    def take(self, at_s: float, told: AnyAction | AnyEvent | FaultLine | TrimLine) -> None:
        """Take what is told next."""
        question = self._question
        if isinstance(told, SubmitAnswer):
            if question.submit is None:
                question.submit, question.until_s = told, at_s
                if told.answer != self._votes.leader:
                    question.settled_s = None  # the policy weighs votes otherwise
        elif isinstance(told, StartSample):
            question.samples.setdefault(told.sample, SampleRun(told.sample, at_s, told))
        elif isinstance(told, StopSample):
            sample = question.samples.get(told.sample)
            if sample is not None and sample.live:
                sample.stopped_s, sample.stop = at_s, told
        elif isinstance(told, SampleEvent):
            self._hear(told)
        if question.submit is None:
            self._look(at_s)

    def close(self, at_s: float, died_s: float) -> None:
        """Say how the samples ended of whose end nothing was told.

        Args:
            at_s: When the question was given up, if it was.
            died_s: When its process spoke last.
        """
        question = self._question
        if question.submit is None:
            question.until_s = at_s
            question.settled_s = None
        for sample in question.samples.values():
            if sample.ended_s is None:
                stopped = sample.stopped_s is not None
                sample.end = End.STOPPED if stopped else End.LOST
                sample.ended_s = sample.stopped_s if stopped else died_s
            self._waited(sample, sample.ended_s or died_s)

    def _look(self, at_s: float) -> None:
        live = sum(sample.live for sample in self._question.samples.values())
        settled = self._votes.settled(live)
        if settled and not self.settled:
            self._question.settled_s = at_s
        elif not settled:
            self._question.settled_s = None
        self.settled = settled

    def _hear(self, event: SampleEvent) -> None:
        sample = self._question.samples.get(event.sample)
        if sample is None:
            return
        if isinstance(event, ProbeAnswered):
            sample.probes.append(Probed(event.at_s, event.answer))
            _grow(sample, event.tokens)
        elif sample.ended_s is not None:
            return
        elif isinstance(event, SampleStarted):
            sample.started_s = event.at_s if sample.started_s is None else sample.started_s
        elif isinstance(event, SampleProgressed):
            _grow(sample, event.tokens)
        elif isinstance(event, ToolCalled):
            self._called.setdefault(event.sample, event.at_s)
        elif isinstance(event, ToolReturned):
            self._waited(sample, event.at_s)
        elif isinstance(event, SampleFailed):
            sample.ended_s, sample.end, sample.message = event.at_s, End.LOST, event.message
        elif isinstance(event, SampleFinished):
            self._finish(sample, event)

    def _waited(self, sample: SampleRun, until_s: float) -> None:
        called_s = self._called.pop(sample.sample, until_s)
        if called_s < until_s:
            sample.waits.append((called_s, until_s))

    def _finish(self, sample: SampleRun, event: SampleFinished) -> None:
        sample.ended_s = event.at_s
        _grow(sample, event.tokens)
        if event.finish_reason is FinishReason.ERROR:
            sample.end = End.LOST
        elif event.finish_reason is FinishReason.STOPPED or sample.stopped_s is not None:
            # What ends on its own while the stop is under way does not vote either.
            sample.end = End.STOPPED
        else:
            cut = sample.start.max_tokens is not None
            cut = cut and event.finish_reason is FinishReason.LENGTH
            sample.answer = None if cut else event.answer
            sample.end = End.NO_ANSWER if sample.answer is None else End.VOTED
            if self._question.submit is None:
                self._votes.vote(sample.sample, sample.answer, 1.0)


def _grow(sample: SampleRun, tokens: int | None) -> None:
    if tokens is not None:
        sample.tokens = max(sample.tokens or 0, tokens)
