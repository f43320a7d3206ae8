"""Joins an engine to the core: one stream of questions, live.

Events of the engine go in, actions of the core come out, and a timer wakes the core when it
asked for it. Nothing is polled. The core runs under a watchdog, so an answer comes out by the
hard deadline whatever the policy does; and whatever the engine does, since the core needs no
word of it to submit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from loguru import logger

from engine.answer import Answer
from engine.prompts import FEATURES_WAIT_S
from engine.session import Session
from engine.watchdog import GRACE_S, CoreLostError, CoreThread, WatchedPolicy
from scheduler import (
    CallerError,
    ProbeSample,
    QuestionOpened,
    Reason,
    Scheduler,
    StartSample,
    StopSample,
    SubmitAnswer,
    TimeBudget,
    Woke,
)
from scheduler.journal import (
    ActionLine,
    EventLine,
    FaultLine,
    QuestionLine,
    TextLine,
    budget_line,
    trim_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from engine.journal import Journal
    from engine.questions import Question
    from engine.rig import Rig
    from scheduler import AnyAction, AnyEvent, LatencyProfile, Policy, QuestionView, Step
    from scheduler.journal import JournalLine

PATIENCE_S = 5.0
"""Seconds that a policy may think, at most, whatever the deadline."""

MARGIN_S = GRACE_S + 0.1
"""Seconds before the hard deadline at which a policy that still thinks is torn out of it."""

FEATURES_SHARE = 0.01
"""Share of the time left that a question may wait for what the model thinks of its prompt."""

SHORTEST_PATIENCE_S = 0.05
"""A policy may think for so long even close to the deadline."""

DRAIN_S = 1.0
"""An answer waits so long for its stopped samples to leave the engine."""


class Runner:
    """Answers one question after another on a live engine.

    Use it as an async context: entering brings the engine up, leaving ends it. Or let `load`
    bring the engine up while questions may come, and `close` it.

    Args:
        rig: The engines, which the runner owns from now on, and how they are used. How often the
            policy wants to hear of samples is its own word.
        make_policy: Makes the rule that decides; called again only if a policy hangs for good.
        budget: The ledger, fresh or resumed.
        latency: What the engine is expected to cost.
        journal: Where everything is written; None for nowhere.
        clock: Seconds since the stream began; never goes back.
    """

    def __init__(
        self,
        rig: Rig,
        make_policy: Callable[[], Policy],
        budget: TimeBudget,
        latency: LatencyProfile,
        *,
        journal: Journal | None,
        clock: Callable[[], float],
    ) -> None:
        self._make_policy = make_policy
        self._latency = latency
        self._rig = rig
        self._journal = journal
        self._clock = clock
        self._session = Session(rig, self, clock)
        self._take_core(budget)
        self._events: asyncio.Queue[AnyEvent] = asyncio.Queue()
        self._started: Counter[int] = Counter()

    @property
    def session(self) -> Session:
        """The samples under way."""
        return self._session

    @property
    def budget(self) -> TimeBudget:
        """The ledger."""
        return self._scheduler.budget

    @property
    def is_open(self) -> bool:
        """Whether a question is open."""
        return self._scheduler.is_open

    @property
    def tokens(self) -> int:
        """Tokens generated for the latest question so far, probes included where known."""
        return self._session.generated(self._scheduler.position)

    @property
    def view(self) -> QuestionView | None:
        """What the policy saw last; for showing, while the core may be at work on it."""
        return self._policy.view

    async def __aenter__(self) -> Self:
        """Bring the engine up."""
        await self._session.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the engine and everything that runs."""
        await self.close()

    async def load(self) -> None:
        """Bring the engine up, however many attempts that takes.

        Raises:
            MissingPartError: if no attempt can mend what is wrong.
        """
        await self._session.load()

    async def close(self) -> None:
        """End the engine and everything that runs."""
        await self._session.close()
        self._core.close()

    def equip(self, make_policy: Callable[[], Policy], latency: LatencyProfile) -> None:
        """Decide with another rule and profile from the next question on.

        Raises:
            CallerError: if a question is open.
        """
        if self._scheduler.is_open:
            raise CallerError("a question is open")
        self._make_policy = make_policy
        self._latency = latency
        self._core.close()
        self._take_core(self.budget)

    async def answer(
        self, question: Question, *, on_open: Callable[[float], None] | None = None
    ) -> Answer:
        """Answer a question; returns by its hard deadline.

        Args:
            question: Its gold answer goes into the journal and nowhere else.
            on_open: Called with the hard deadline, in seconds since the stream began, as soon
                as that is known.
        """
        opened_s = self._clock()
        position = self._scheduler.position + 1
        while not self._events.empty():  # of earlier questions
            self._events.get_nowait()
        try:
            return await self._answer(question, position, opened_s, on_open)
        except BaseException:
            if self._core.at_work or self._scheduler.is_open:
                self._replace_core()
            raise
        finally:
            self._session.stop_question(position)
            self._session.close_question(position)

    # One question.

    async def _answer(
        self,
        question: Question,
        position: int,
        opened_s: float,
        on_open: Callable[[float], None] | None,
    ) -> Answer:
        self._session.prompts.open(position, question.question)
        most_s = self._most_s(opened_s)
        wait_s = min(FEATURES_WAIT_S, FEATURES_SHARE * most_s)
        features = await self._session.prompts.features(position, self._rig.first_arm, wait_s)
        opened = QuestionOpened(
            at_s=opened_s,
            question_id=question.question_id,
            question=question.question,
            features={**question.features, **features},
        )
        self._write(
            QuestionLine(position=position, question_id=question.question_id, gold=question.gold)
        )
        self._write(EventLine(event=opened, position=position))
        submit = await self._decide_all(opened, position, opened_s + most_s, on_open)
        answered_s = self._clock()
        self._write(budget_line(answered_s, self.budget))
        self._session.stop_question(position)
        granted_s = self.budget.rows[-1].granted_s or 0.0
        wait_s = min(DRAIN_S, opened_s + granted_s - answered_s)
        idle = wait_s <= 0.0 or await self._session.drained(position, wait_s)
        if wait_s >= DRAIN_S and not idle:
            logger.warning("question {}: the engine is slow to let go of its samples", position)
        return Answer(
            position=position,
            question_id=question.question_id,
            answer=submit.answer,
            reason=submit.reason,
            opened_s=opened_s,
            seconds=answered_s - opened_s,
            granted_s=granted_s,
            samples=self._started.pop(position, 0),
            tokens=self._session.tokens[position],
        )

    async def _decide_all(
        self,
        opened: QuestionOpened,
        position: int,
        hard_at_s: float,
        on_open: Callable[[float], None] | None,
    ) -> SubmitAnswer:
        """Ask the core until it submits; the hard deadline may turn out to be an earlier one."""
        event: AnyEvent = opened
        while True:
            try:
                step = await self._ask_core(event, hard_at_s)
            except CoreLostError as error:
                return self._answer_without_core(position, error)
            if event is opened:
                if self._scheduler.is_open:
                    hard_at_s = self._scheduler.hard_at_s
                if on_open is not None:
                    on_open(hard_at_s)
                self._write(budget_line(self._clock(), self.budget))
            submit = self._carry_out(step, position)
            if submit is not None:
                return submit
            event = await self._next_event(step.next_wakeup_s, hard_at_s)

    def _most_s(self, at_s: float) -> float:
        """Say what the ledger will grant to a question that opens now."""
        ledger = TimeBudget.resume(self.budget.save(), at_s)
        return ledger.open("next", at_s).hard_s

    async def _ask_core(self, event: AnyEvent, hard_at_s: float) -> Step:
        left_s = hard_at_s - self._clock() - MARGIN_S
        limit_s = max(min(left_s, PATIENCE_S), SHORTEST_PATIENCE_S)
        if isinstance(event, QuestionOpened):
            return await self._core.call(self._scheduler.open, event, limit_s=limit_s)
        return await self._core.call(self._scheduler.handle, event, limit_s=limit_s)

    async def _next_event(self, wakeup_s: float, hard_at_s: float) -> AnyEvent:
        """Wait for what happens first: an event of the engine, or the time to wake the core.

        Nothing comes before the hard deadline, however many events wait for a slow policy.
        """
        if self._clock() >= hard_at_s:
            return Woke(at_s=self._clock())
        if self._events.empty():
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, wakeup_s - self._clock())):
                    return await self._events.get()
            return Woke(at_s=self._clock())
        return self._events.get_nowait()

    def _carry_out(self, step: Step, position: int) -> SubmitAnswer | None:
        """Do what the core wants; return the submit if there is one."""
        now_s = self._clock()
        for fault in step.faults:
            self._note(position, f"{type(fault).__name__}: {fault}")
        for trim in step.trims:
            self._write(trim_line(now_s, position, trim))
        submit = None
        for action in map(self._named, step.actions):
            self._write(ActionLine(at_s=now_s, position=position, action=action))
            if isinstance(action, StartSample):
                self._started[position] += 1
                self._session.start_sample(position, action)
            elif isinstance(action, StopSample):
                self._session.stop_sample(position, action.sample)
            elif isinstance(action, ProbeSample):
                self._session.probe_sample(position, action.sample)
            else:
                submit = action
        return submit

    def _named(self, action: AnyAction) -> AnyAction:
        """Put the name of the arm that is meant into a start."""
        if isinstance(action, StartSample):
            arm = self._rig.resolve(action.arm)
            if arm is not None and arm != action.arm:
                return msgspec.structs.replace(action, arm=arm)
        return action

    # A policy that hangs for good.

    def _answer_without_core(self, position: int, error: CoreLostError) -> SubmitAnswer:
        """Submit the leader that the policy last saw, and go on with a new core."""
        view = self._policy.view
        leader = None if view is None else view.tally.leader
        self._note(position, str(error))
        submit = SubmitAnswer(answer=leader, reason=Reason.POLICY_FAILED)
        self._write(ActionLine(at_s=self._clock(), position=position, action=submit))
        self._session.stop_question(position)
        self._replace_core()
        return submit

    def _replace_core(self) -> None:
        """Go on with a new core; the question that is open in the old one counts as crashed."""
        self._core.close()
        self._take_core(TimeBudget.resume(self._scheduler.budget.save(), self._clock()))

    def _take_core(self, budget: TimeBudget) -> None:
        self._policy = WatchedPolicy(self._make_policy())
        self._session.report_progress(self._policy.progress_every_tokens)
        self._core = CoreThread(self._policy)
        self._scheduler = Scheduler(self._policy, budget, self._latency)

    # What the session tells.

    def on_event(self, event: AnyEvent, *, heard: bool) -> None:
        """Write an event down and keep it for the core."""
        self._write(EventLine(event=event, heard=heard))
        if heard:
            self._events.put_nowait(event)

    def on_text(self, position: int, sample: int, text: str) -> None:
        """Write a text down."""
        self._write(TextLine(position=position, sample=sample, text=text))

    def _note(self, position: int, message: str) -> None:
        logger.warning("question {}: {}", position, message)
        self._write(FaultLine(at_s=self._clock(), position=position, message=message))

    def _write(self, line: JournalLine) -> None:
        if self._journal is not None:
            self._journal.write(line)
