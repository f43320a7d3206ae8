"""Streams: which questions come in which order, and which logged sample each start draws."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from simulations.luck import Purpose, address_of, generator

if TYPE_CHECKING:
    from simulations.pool import LoggedSample, Pool


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
        self._logged = [pool.samples_of(index) for index in range(len(pool.questions))]
        self._pass_rate = [pool.pass_rate(index) for index in range(len(pool.questions))]
        self._address = [address_of(pool.model, q.question_id) for q in pool.questions]
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

    def samples_of(self, stream: int, index: int) -> list[LoggedSample]:
        """Return the logged samples of a question in the order in which starts draw them."""
        samples = self._logged[index]
        if self._draw is Draw.LOGGED:
            return list(samples)
        luck = generator(self._seed, stream, Purpose.SAMPLES, self._address[index])
        return [samples[place] for place in luck.permutation(len(samples)).tolist()]
