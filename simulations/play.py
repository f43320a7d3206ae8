"""The driver of the simulated world: one stream, one policy, from the first to the last answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scheduler import (
    ProbeSample,
    QuestionOpened,
    Reason,
    Scheduler,
    StartSample,
    StopSample,
    SubmitAnswer,
)
from simulations.deck import Deck
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, LatencyProfile, Policy, TimeBudget
    from simulations.pool import LoggedQuestion
    from simulations.recording import Recording

OVERRUN_S = 1e-9
"""Seconds past the deadline that are rounding, not an overrun."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one question of a stream went.

    Attributes:
        answer: What was submitted.
        reason: Why then.
        opened_s: When the question came, in seconds since the stream began.
        seconds: From its opening to its answer.
        tokens: Generated for it, those of stopped samples included.
        unanswered: Whether nothing was submitted before the hard deadline.
        exhausted: Whether it asked for more samples than were logged.
    """

    answer: str | None
    reason: Reason
    opened_s: float
    seconds: float
    tokens: int
    unanswered: bool
    exhausted: bool


def play(
    policy: Policy,
    budget: TimeBudget,
    profile: LatencyProfile,
    questions: Sequence[LoggedQuestion],
    *,
    startup_s: float = 0.0,
    gateway_s: float = 0.0,
    recording: Recording | None = None,
) -> list[Outcome]:
    """Play one stream.

    Args:
        policy: A fresh one.
        budget: A fresh one.
        profile: What the engine costs.
        questions: In the order they come, each with its samples in the order of the draws
            (`Streams.question_of`).
        startup_s: Seconds before the first question.
        gateway_s: Seconds between an answer and the next question.
        recording: Where everything is written down; None for nowhere.

    Returns:
        An outcome a question.
    """
    if recording is None:
        scheduler = Scheduler(policy, budget, profile)
        world = World(profile, policy.progress_every_tokens)
    else:
        scheduler = recording.scheduler(policy, budget, profile)
        world = recording.world(profile, policy.progress_every_tokens)
    world.pass_time(startup_s)
    answers: list[tuple[SubmitAnswer, float, float, bool]] = []
    for question in questions:
        if answers and gateway_s:
            world.pass_time(gateway_s)
        answers.append(_answer(scheduler, world, question))
    world.drain()
    return [
        Outcome(
            answer=submit.answer,
            reason=submit.reason,
            opened_s=opened_s,
            seconds=seconds,
            tokens=world.tokens[position],
            unanswered=late,
            exhausted=position in world.exhausted,
        )
        for position, (submit, opened_s, seconds, late) in enumerate(answers)
    ]


def _answer(
    scheduler: Scheduler, world: World, question: LoggedQuestion
) -> tuple[SubmitAnswer, float, float, bool]:
    """Play one question; return its submit, opening, seconds and whether it came too late."""
    opened_s = world.now_s
    world.open_question()
    step = scheduler.open(
        QuestionOpened(
            at_s=opened_s,
            question_id=question.question_id,
            question=question.question,
            features=question.features,
        )
    )
    hard_at_s = scheduler.hard_at_s if scheduler.is_open else opened_s
    world.prepare()
    deck = Deck(question)
    while True:
        submit = _carry_out(step.actions, world, deck)
        if submit is not None:
            break
        step = scheduler.handle(world.next_event(step.next_wakeup_s))
    late = world.now_s > hard_at_s + OVERRUN_S
    return submit, opened_s, world.now_s - opened_s, late


def _carry_out(actions: Sequence[AnyAction], world: World, deck: Deck) -> SubmitAnswer | None:
    """Tell the world; return the submit if there is one."""
    submit = None
    for action in actions:
        if isinstance(action, StartSample):
            prompt, log = deck.deal(action)
            world.start(log, action.max_tokens, prompt)
        elif isinstance(action, StopSample):
            world.stop(action.sample)
        elif isinstance(action, ProbeSample):
            world.probe(action.sample)
        else:
            submit = action
    return submit
