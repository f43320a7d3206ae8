"""A stream of questions under one time budget: the object that a driver holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from scheduler.actions import SubmitAnswer
from scheduler.errors import CallerError, EngineFaultError
from scheduler.events import QuestionOpened, SampleEvent, Woke
from scheduler.question import Question, Step
from scheduler.states import QuestionState

if TYPE_CHECKING:
    from scheduler.budget import TimeBudget
    from scheduler.events import AnyEvent
    from scheduler.latency import LatencyProfile
    from scheduler.policy import Policy


class Scheduler:
    """Drives one question after another; does no I/O and reads no clock.

    Example:
        A driver loops like this, with its own ways to wait and to act:

            step = scheduler.open(QuestionOpened(at_s=now(), question_id="q1"))
            while scheduler.is_open:
                act(step.actions)
                step = scheduler.handle(next_event(by_s=step.next_wakeup_s))
            act(step.actions)

    Args:
        policy: Who decides; it serves this stream alone.
        budget: The ledger of the stream.
        latency: What the engine is expected to cost.
    """

    __slots__ = ("_budget", "_latency", "_policy", "_position", "_question")

    def __init__(self, policy: Policy, budget: TimeBudget, latency: LatencyProfile) -> None:
        self._policy = policy
        self._budget = budget
        self._latency = latency
        self._question: Question | None = None
        self._position = budget.seen - 1  # a resumed budget goes on where it was

    @property
    def budget(self) -> TimeBudget:
        """The ledger."""
        return self._budget

    @property
    def position(self) -> int:
        """Place of the newest question in the stream, from 0; −1 before the first."""
        return self._position

    @property
    def is_open(self) -> bool:
        """Whether a question waits for its answer."""
        return self._question is not None

    @property
    def hard_at_s(self) -> float:
        """The hard deadline of the open question, in seconds since the stream began.

        Raises:
            CallerError: if no question is open.
        """
        if self._question is None:
            raise CallerError("no question is open")
        return self._question.hard_at_s

    def open(self, event: QuestionOpened) -> Step:
        """Open the next question.

        Raises:
            CallerError: if one is open already or time went back.
        """
        grant = self._budget.open(event.question_id, event.at_s)
        self._position += 1
        question = self._question = Question(event, grant, self._policy, self._latency)
        step = question.open()
        hard_s = question.allowance.hard_s
        self._budget.commit(grant.hard_s if hard_s is None else hard_s)
        return self._settle(question, step)

    def handle(self, event: AnyEvent) -> Step:
        """Take one event and say what to do.

        An event about a sample of an earlier question only tells that time has passed; so does
        one about a question that has not come, which is reported as the engine's fault. Without
        an open question nothing is to be done.

        Raises:
            CallerError: if a `QuestionOpened` comes here instead of to `open`.
        """
        if isinstance(event, QuestionOpened):
            raise CallerError("a question is opened with open(), not handle()")
        question = self._question
        if question is None:
            return Step()
        if isinstance(event, SampleEvent) and event.position != self._position:
            step = question.handle(Woke(at_s=event.at_s))
            if not 0 <= event.position < self._position:
                fault = EngineFaultError(f"event for question {event.position}, which is not here")
                step = structs.replace(step, faults=(*step.faults, fault))
        else:
            step = question.handle(event)
        return self._settle(question, step)

    def _settle(self, question: Question, step: Step) -> Step:
        """Close the ledger's row once the answer is out."""
        if question.state is QuestionState.ANSWERED:
            reason = next(a.reason for a in step.actions if isinstance(a, SubmitAnswer))
            self._budget.close(question.at_s, reason)
            self._question = None
        return step
