"""Sums over streams: all that a replay keeps, so that its memory does not grow with them.

Everything is added up by question of the pool, since questions are the unit of evidence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from simulations.play import Outcome

Floats = NDArray[np.float64]


@dataclass(slots=True)
class PolicySums:
    """One policy on one model.

    Attributes:
        count: Times each question was played, shape (pool).
        correct: Times it was answered right, shape (pool).
        tokens: Tokens generated for it, shape (pool).
        seconds: Seconds from opening to answer, shape (pool).
        elapsed_s: Seconds into the stream at each place's answer, shape (questions).
        elapsed_squared: Their squares, shape (questions).
        overruns: Streams in which a question ran past the total time less the reserve.
        unanswered: Questions without a timely submission.
        exhausted: Questions that ran out of logged samples.
        reasons: Questions by ending.
    """

    count: Floats
    correct: Floats
    tokens: Floats
    seconds: Floats
    elapsed_s: Floats
    elapsed_squared: Floats
    overruns: int = 0
    unanswered: int = 0
    exhausted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @classmethod
    def zero(cls, pool: int, questions: int) -> PolicySums:
        """Return empty sums for a pool and a stream's length."""
        return cls(
            count=np.zeros(pool),
            correct=np.zeros(pool),
            tokens=np.zeros(pool),
            seconds=np.zeros(pool),
            elapsed_s=np.zeros(questions),
            elapsed_squared=np.zeros(questions),
        )

    def add(self, indices: list[int], golds: list[str], outcomes: list[Outcome]) -> None:
        """Add one stream.

        Args:
            indices: The pool's index of each question, all different, shape (questions).
            golds: Their right answers.
            outcomes: How they went.
        """
        self.count[indices] += 1.0
        self.correct[indices] += [o.answer == gold for o, gold in zip(outcomes, golds, strict=True)]
        self.tokens[indices] += [o.tokens for o in outcomes]
        self.seconds[indices] += [o.seconds for o in outcomes]
        elapsed = np.array([o.opened_s + o.seconds for o in outcomes])
        self.elapsed_s += elapsed
        self.elapsed_squared += elapsed**2
        self.unanswered += sum(o.unanswered for o in outcomes)
        self.exhausted += sum(o.exhausted for o in outcomes)
        self.reasons.update(o.reason.value for o in outcomes)

    def merge(self, other: PolicySums) -> None:
        """Add the sums of other streams."""
        self.count += other.count
        self.correct += other.correct
        self.tokens += other.tokens
        self.seconds += other.seconds
        self.elapsed_s += other.elapsed_s
        self.elapsed_squared += other.elapsed_squared
        self.overruns += other.overruns
        self.unanswered += other.unanswered
        self.exhausted += other.exhausted
        self.reasons.update(other.reasons)


@dataclass(slots=True)
class BoundSums:
    """The bounds of one model, on the draws that the policies met.

    Attributes:
        count: Times each question was played, shape (pool).
        majority: Times the majority of its whole pool was right, shape (pool).
        stopping: Times the best stopping was right, shape (pool).
        stopping_tokens: Tokens that the best stopping took, shape (pool).
    """

    count: Floats
    majority: Floats
    stopping: Floats
    stopping_tokens: Floats

    @classmethod
    def zero(cls, pool: int) -> BoundSums:
        """Return empty sums for a pool."""
        return cls(
            count=np.zeros(pool),
            majority=np.zeros(pool),
            stopping=np.zeros(pool),
            stopping_tokens=np.zeros(pool),
        )

    def merge(self, other: BoundSums) -> None:
        """Add the sums of other streams."""
        self.count += other.count
        self.majority += other.majority
        self.stopping += other.stopping
        self.stopping_tokens += other.stopping_tokens
