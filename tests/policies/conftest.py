"""A bench: one policy by name, fed with ends of samples by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from policies import parse_policy
from scheduler import (
    FinishReason,
    LatencyProfile,
    QuestionOpened,
    SampleFailed,
    SampleFinished,
    SampleStarted,
    Scheduler,
    StartSample,
    Step,
    SubmitAnswer,
    TimeBudget,
    Woke,
)
from scheduler.latency import Decode, Probe

if TYPE_CHECKING:
    from scheduler import AnyEvent, Reason

PROFILE = LatencyProfile(
    name="t", decode=Decode(width=(1,), step_s=(0.01,)), probe=Probe(base_s=0.5, tokens=50)
)


# A loaded machine is no failure: time is limited for the whole suite, not for one example.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


class Bench:
    """A stream of one policy; every step must be free of faults.

    Attributes:
        now_s: The time of the latest event.
        steps: All steps so far.
        started: Samples started for the open question.
    """

    def __init__(
        self,
        spec: str,
        total_s: float = 1000.0,
        questions: int | tuple[int, int] | None = 1,
        floor_s: float = 0.0,
    ) -> None:
        budget = TimeBudget(total_s, questions=questions, floor_s=floor_s)
        self.scheduler = Scheduler(parse_policy(spec).build(), budget, PROFILE)
        self.now_s = 0.0
        self.steps: list[Step] = []
        self.started: list[StartSample] = []

    def open(self, at_s: float = 0.0) -> Step:
        """Open the next question."""
        self.started = []
        self.now_s = at_s
        number = self.scheduler.position + 1
        return self._keep(self.scheduler.open(QuestionOpened(at_s=at_s, question_id=f"q{number}")))

    def send(self, event: AnyEvent) -> Step:
        """Pass an event on."""
        self.now_s = event.at_s
        return self._keep(self.scheduler.handle(event))

    def begin(self, sample: int) -> Step:
        """Let a sample begin to decode."""
        at_s, position = self.now_s, self.scheduler.position
        return self.send(SampleStarted(at_s=at_s, position=position, sample=sample))

    def finish(self, sample: int, answer: str | None, after_s: float = 0.0) -> Step:
        """Let a sample end."""
        return self.send(
            SampleFinished(
                at_s=self.now_s + after_s,
                position=self.scheduler.position,
                sample=sample,
                answer=answer,
                tokens=10,
                finish_reason=FinishReason.STOP,
            )
        )

    def fail(self, sample: int) -> Step:
        """Let a sample fail."""
        at_s, position = self.now_s, self.scheduler.position
        return self.send(SampleFailed(at_s=at_s, position=position, sample=sample))

    def wake(self, at_s: float) -> Step:
        """Let time pass."""
        return self.send(Woke(at_s=at_s))

    def vote(self, answers: str | list[str]) -> SubmitAnswer | None:
        """Open a question and let samples end in start order until the policy submits."""
        self.open()
        for sample, answer in enumerate(answers):
            if self.submitted is not None:
                break
            self.finish(sample, None if answer == "-" else answer)
        return self.submitted

    def vote_out(self) -> None:
        """End the open question now: every sample fails, as often as any is started."""
        for number in range(100):
            if self.submitted is not None:
                return
            self.fail(number)

    @property
    def submitted(self) -> SubmitAnswer | None:
        """The answer of the latest step, if it has one."""
        return next((a for a in self.steps[-1].actions if isinstance(a, SubmitAnswer)), None)

    @property
    def reason(self) -> Reason | None:
        """Why the latest step has an answer."""
        return None if self.submitted is None else self.submitted.reason

    @property
    def granted_s(self) -> float:
        """Seconds of the open question, from its opening to its hard deadline."""
        return self.scheduler.hard_at_s - self.now_s

    def _keep(self, step: Step) -> Step:
        assert not step.faults
        self.steps.append(step)
        self.started += [a for a in step.actions if isinstance(a, StartSample)]
        return step


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    """The class of benches."""
    return Bench
