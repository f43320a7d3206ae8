"""Streams: which questions come in which order, and which logged sample each start draws."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec.structs import replace

from simulations.luck import Purpose, address_of, generator

if TYPE_CHECKING:
    from simulations.pool import LoggedQuestion, Pool


class Order(StrEnum):
    """In which order the questions of a stream come."""

    RANDOM = "random"
    """Anew in every stream."""
    HARD_FIRST = "hard-first"
    """By the share of right samples, lowest first."""
    HARD_LAST = "hard-last"
    """By the share of right samples, lowest last."""
    LOGGED = "logged"
    """As in the trace."""


class Draw(StrEnum):
    """Which logged samples the starts of a question get."""

    RANDOM = "random"
    """Without replacement, in a random order."""
    LOGGED = "logged"
    """In their own start order."""


class Streams:
    """Draws streams from a pool.

    Args:
        pool: The logged questions of one model.
        questions: Questions a stream, at most those of the pool.
        order: In which order they come.
        draw: Which samples the starts get.
        seed: Seed of the run.
    """

    def __init__(self, pool: Pool, questions: int, order: Order, draw: Draw, seed: int) -> None:
        self._pool = pool
        self._questions = questions
        self._order = order
        self._draw = draw
        self._seed = seed
        self._pass_rate = [pool.pass_rate(index) for index in range(len(pool.questions))]
        # Pools of several models that hold the same questions meet them in the same order.
        ids = [question.question_id for question in pool.questions]
        self._by_id = sorted(range(len(ids)), key=ids.__getitem__)

    def questions_of(self, stream: int) -> list[int]:
        """Return the pool's indices of one stream's questions, in the order they come."""
        if self._order is Order.LOGGED:
            return list(range(self._questions))
        luck = generator(self._seed, stream, Purpose.ORDER)
        shuffled = luck.permutation(len(self._by_id))[: self._questions]
        chosen = [self._by_id[place] for place in shuffled.tolist()]
        if self._order is Order.RANDOM:
            return chosen
        sign = 1.0 if self._order is Order.HARD_FIRST else -1.0
        return sorted(chosen, key=lambda index: sign * self._pass_rate[index])

    def question_of(self, stream: int, index: int) -> LoggedQuestion:
        """Return a question with each arm's samples in the order in which starts draw them."""
        question = self._pool.questions[index]
        if self._draw is Draw.LOGGED:
            return question
        return shuffled(self._pool.model, question, self._seed, stream)


def shuffled(model: str, question: LoggedQuestion, seed: int, stream: int) -> LoggedQuestion:
    """Return a question with each arm's samples in a random order.

    The first arm's order does not depend on which other arms were logged.

    Args:
        model: Of the pool.
        question: As logged.
        seed: Of the run.
        stream: Number of the stream.
    """
    drawn = {}
    for arm, samples in question.samples.items():
        place = () if arm == question.default_arm else (arm,)
        address = address_of(model, question.question_id, *place)
        order = generator(seed, stream, Purpose.SAMPLES, address).permutation(len(samples))
        drawn[arm] = tuple(samples[place] for place in order.tolist())
    return replace(question, samples=drawn)
