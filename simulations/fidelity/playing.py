"""Playing the questions of a live run in the simulated world.

Question by question, each stands alone: it opens at its live moment, under the live ledger, in
an empty engine, so that no error of one reaches the next. The policy is one through the stream,
since it may remember earlier questions. In a free run, one world plays all of them with the live
gaps between, and what a question takes moves all later ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from scheduler import (
    FinishReason,
    ProbeSample,
    SampleEvent,
    SampleFailed,
    SampleStarted,
    Scheduler,
    StartSample,
    StopSample,
    TimeBudget,
    Woke,
)
from simulations.deck import Deck, Prompt
from simulations.fidelity.course import FIRST_TOKEN, Course
from simulations.fidelity.logged import logged_ends
from simulations.fidelity.watched import WatchedWorld

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scheduler import AnyAction, LatencyProfile, QuestionOpened
    from simulations.fidelity.live import LiveQuestion, LiveRun
    from simulations.pool import LoggedQuestion, LoggedSample

LISTEN_S = 1.0
"""After the answer, a question by itself is heard for so long, as the live runner does."""


@dataclass(frozen=True, slots=True)
class Played:
    """One question as it was replayed.

    Attributes:
        course: What happened.
        ran_out: Stopped samples that were needed for longer than the run had them.
        missing: Samples that were asked for beyond those logged.
    """

    course: Course
    ran_out: int
    missing: int

    @property
    def seconds(self) -> float:
        """From its opening to its answer."""
        submit = self.course.submit
        assert submit is not None  # noqa: S101 - the core always answers
        return submit[0] - self.course.opened_s


def play_each(run: LiveRun, profile: LatencyProfile) -> list[Played]:
    """Play each answered question by itself."""
    played: list[Played] = []
    policy = run.policy.build()
    for question in run.questions:
        if question.begins:
            policy = run.policy.build()
        if not question.answered:
            continue
        opened_s = question.course.opened_s
        budget = (
            run.terms.budget()
            if question.ledger is None
            else TimeBudget.resume(question.ledger, opened_s, again=True)
        )
        scheduler = Scheduler(policy, budget, profile)
        world = WatchedWorld(profile, policy.progress_every_tokens)
        for _ in range(budget.seen):  # so that both count the question's place alike
            world.open_question()
        world.pass_time(opened_s)
        played.append(
            _Driver(scheduler, world).play(
                question.opened,
                _OwnDeck(question.samples),
                points={sample: at[0] for sample, at in question.course.points.items()},
                ends=logged_ends(question.samples),
                listen_s=LISTEN_S,
            )
        )
    return played


def play_freely(
    run: LiveRun,
    profile: LatencyProfile,
    draws: Mapping[int, LoggedQuestion] | None = None,
) -> list[Played]:
    """Play the whole stream in one world, with the live gaps between questions.

    Args:
        run: What is played.
        profile: What the engine costs.
        draws: Questions as other runs logged them, by position, each with its samples in the
            order of the draws; by default the run's own samples are played.

    Returns:
        An entry for each answered question.
    """
    played: list[Played] = []
    policy = run.policy.build()
    scheduler = Scheduler(policy, run.terms.budget(), profile)
    world = WatchedWorld(profile, policy.progress_every_tokens)
    driver = _Driver(scheduler, world)
    before_s = 0.0
    for question in run.questions:
        world.pass_time(max(0.0, question.course.opened_s - before_s))
        before_s = question.until_s
        if question.begins and played:
            policy = run.policy.build()
            budget = TimeBudget.resume(scheduler.budget.save(), world.now_s)
            scheduler = Scheduler(policy, budget, profile)
            driver = _Driver(scheduler, world)
        if question.answered:
            deck = Deck(draws[question.position]) if draws else _OwnDeck(question.samples)
            played.append(driver.play(question.opened, deck))
        else:
            driver.give_up(question)
    return played


_NONE: Mapping[int, int] = MappingProxyType({})


class _OwnDeck:
    """Deals a run's own samples: the k-th start, of whatever arm, gets the k-th."""

    def __init__(self, samples: Sequence[LoggedSample]) -> None:
        self._samples = samples

    def deal(self, start: StartSample) -> tuple[Prompt, LoggedSample | None]:
        """Give the prompt of the next start and the logged sample that it plays."""
        log = self._samples[start.sample] if start.sample < len(self._samples) else None
        return Prompt(start.arm, start.candidates, parent=start.parent), log


class _Driver:
    """Plays questions of one scheduler in one world."""

    def __init__(self, scheduler: Scheduler, world: WatchedWorld) -> None:
        self._scheduler = scheduler
        self._world = world

    def play(
        self,
        opened: QuestionOpened,
        deck: Deck | _OwnDeck,
        *,
        points: Mapping[int, int] = _NONE,
        ends: Mapping[int, int] = _NONE,
        listen_s: float = 0.0,
    ) -> Played:
        """Play one question.

        Args:
            opened: How it came; now is when.
            deck: Of its samples.
            points: By sample, the number of tokens whose moment is noted.
            ends: By sample, the tokens that its log is good for, where it lives on beyond.
            listen_s: Seconds after the answer in which the ends of stopped samples are heard.
        """
        scheduler, world = self._scheduler, self._world
        course = Course(world.now_s)
        world.open_question()
        step = scheduler.open(msgspec.structs.replace(opened, at_s=world.now_s))
        world.prepare()
        dealt: list[LoggedSample | None] = []
        while not self._carry_out(course, step.actions, deck, dealt, (points, ends)):
            event = world.next_event(step.next_wakeup_s)
            if isinstance(event, SampleEvent):
                course.events.append(event)
            step = scheduler.handle(event)
        until_s = world.now_s + listen_s
        while listen_s and not isinstance(event := world.next_event(until_s), Woke):
            if isinstance(event, SampleEvent):
                course.events.append(event)
        self._note_times(course, points)
        lost = {event.sample for event in course.events if isinstance(event, SampleFailed)}
        missing = {number for number in lost if dealt[number] is None}
        out = {
            number
            for number in lost
            if (log := dealt[number]) and log.finish_reason is FinishReason.STOPPED
        }
        out |= {number for number, end in ends.items() if self._passed(course, number, end)}
        return Played(course, ran_out=len(out), missing=len(missing))

    def _passed(self, course: Course, sample: int, tokens: int) -> bool:
        """Whether a sample had as many tokens before the answer was out."""
        reached = self._world.reached.get((self._scheduler.position, sample), {})
        return course.submit is not None and reached.get(tokens, inf) < course.submit[0]

    def give_up(self, question: LiveQuestion) -> None:
        """Spend what a question took that a dying process left unanswered."""
        self._world.open_question()
        self._scheduler.budget.open(question.opened.question_id, self._world.now_s)
        self._world.pass_time(question.until_s - question.course.opened_s)

    def _carry_out(
        self,
        course: Course,
        actions: Sequence[AnyAction],
        deck: Deck | _OwnDeck,
        dealt: list[LoggedSample | None],
        watched: Sequence[Mapping[int, int]],
    ) -> bool:
        """Tell the world; return whether the answer is out."""
        world = self._world
        answered = False
        for action in actions:
            course.actions.append((world.now_s, action))
            if isinstance(action, StartSample):
                number = action.sample
                prompt, log = deck.deal(action)
                dealt.append(log)
                world.start(log, action.max_tokens, prompt)
                world.watch(*{tokens[number] for tokens in watched if number in tokens})
            elif isinstance(action, StopSample):
                world.stop(action.sample)
            elif isinstance(action, ProbeSample):
                world.probe(action.sample)
            else:
                answered = True
        return answered

    def _note_times(self, course: Course, points: Mapping[int, int]) -> None:
        """Put starts where a live engine tells them: at the first token."""
        position = self._scheduler.position
        told: list[SampleEvent] = []
        for event in course.events:
            if isinstance(event, SampleStarted):
                first_s = self._world.reached[position, event.sample].get(FIRST_TOKEN)
                if first_s is not None:
                    told.append(msgspec.structs.replace(event, at_s=first_s))
            else:
                told.append(event)
        course.events = told
        for sample, tokens in points.items():
            at_s = self._world.reached.get((position, sample), {}).get(tokens)
            if at_s is not None:
                course.points[sample] = tokens, at_s
