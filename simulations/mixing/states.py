"""Random states of a vote: some samples of each arm have voted, more will.

The number of samples is log-uniform, so that early states are as common as late ones, and how they
divide between the arms is drawn from a Dirichlet law that likes extremes, so that sets of one arm
occur as well as mixed ones. All is drawn from logged samples without replacement.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from policies.mixtures import LOOK_AHEAD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from simulations.pool import LoggedQuestion
    from simulations.sums import Floats

    Ints = NDArray[np.int64]

MOST_SAMPLES = 64
"""A state holds no more samples than these, all arms together."""

_CONCENTRATION = 0.6

_SILENT = 0.25
"""Share of the states in which none has voted yet."""

NULL = -1
"""Stands for a sample without an answer."""

MISSING = -2
"""Stands for a sample that was not logged."""

_RIGHT = 0
"""Stands for the right answer."""


@dataclass(frozen=True, slots=True)
class States:
    """Random states, a row each.

    Attributes:
        question: Place of its question, shape (states).
        voted: Samples of each arm that have voted, shape (states, arms).
        drawn: Samples of each arm that will have voted, shape (states, arms).
        early: Votes of the former by arm and answer, the right answer first, shape
            (states, arms, answers).
        late: Votes of the latter, likewise.
        more: Votes of the next samples of each arm after the latter, by arm and answer, likewise;
            as many as are weighed together.
        room: Whether so many were logged, shape (states, arms).
        following: Answer of the next sample of each arm after the former; -1 for null, -2 where
            none was logged, shape (states, arms).
    """

    question: Ints
    voted: Ints
    drawn: Ints
    early: Floats
    late: Floats
    more: Floats
    room: NDArray[np.bool_]
    following: Ints


class _Arms(NamedTuple):
    """A question's answers in numbers.

    Attributes:
        lone: Of each arm that stands alone, shape (samples).
        judged: Of each judging arm by the pair that it judged.
        answers: How many different ones there are.
    """

    lone: dict[int, Ints]
    judged: dict[int, dict[tuple[int, int], Ints]]
    answers: int


def draw_states(
    questions: Sequence[LoggedQuestion],
    arms: Mapping[str, bool],
    weights: Floats | None,
    draws: int,
    luck: np.random.Generator,
) -> States:
    """Draw states of questions.

    Args:
        questions: Logged by all arms that stand alone.
        arms: By name, whether they judge.
        weights: Of the arms' votes, by which the two answers are found that a judging arm judges;
            None leaves judging arms out.
        draws: States of each question.
        luck: For all draws.
    """
    numbered = [_numbered(question, arms) for question in questions]
    width = max(one.answers for one in numbered)
    shape = (len(questions) * draws, len(arms))
    states = States(
        np.repeat(np.arange(len(questions)), draws),
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
        np.zeros((*shape, width)),
        np.zeros((*shape, width)),
        np.zeros((*shape, width)),
        np.zeros(shape, dtype=np.bool_),
        np.full(shape, MISSING),
    )
    for row, place in enumerate(states.question):
        _draw(states, row, numbered[place], weights, luck)
    return states


def _draw(
    states: States, row: int, arms: _Arms, weights: Floats | None, luck: np.random.Generator
) -> None:
    count = states.voted.shape[1]
    most = min(MOST_SAMPLES, sum(len(answers) for answers in arms.lone.values()))
    total = int(np.exp(luck.uniform(0.0, log(most + 2)))) - 1  # none at all too
    share = luck.dirichlet(np.full(count, _CONCENTRATION))
    drawn = luck.multinomial(total, share)
    # Share of the samples that have voted; wide starts wait for many before the first vote.
    spoken = 0.0 if luck.uniform() < _SILENT else luck.uniform()
    for arm, answers in arms.lone.items():
        order = luck.permutation(answers)
        late = min(int(drawn[arm]), len(order))
        early = int(luck.binomial(late, spoken))
        states.voted[row, arm], states.drawn[row, arm] = early, late
        _count(states.early[row, arm], order[:early])
        _count(states.late[row, arm], order[:late])
        _look_ahead(states, row, arm, order[late:])
        if early < len(order):
            states.following[row, arm] = order[early]
    if weights is None or not arms.judged:
        return
    pair = _leaders(weights @ states.early[row], luck)
    for arm, pairs in arms.judged.items():
        order = luck.permutation(pairs.get(pair, np.empty(0, dtype=np.int64)))
        late = min(int(drawn[arm]), len(order))
        states.drawn[row, arm] = late
        _count(states.late[row, arm], order[:late])
        _look_ahead(states, row, arm, order[late:])
        if len(order):
            states.following[row, arm] = order[0]


def _look_ahead(states: States, row: int, arm: int, order: Ints) -> None:
    states.room[row, arm] = len(order) >= LOOK_AHEAD
    _count(states.more[row, arm], order[:LOOK_AHEAD])


def _leaders(votes: Floats, luck: np.random.Generator) -> tuple[int, int]:
    """Return the two answers with most votes, the first one first; luck decides between equals."""
    order = luck.permutation(len(votes))  # the right answer is the first, which must not help it
    ranked = order[np.argsort(-votes[order], kind="stable")]
    first, second = ranked[:2] if len(votes) > 1 else (0, 0)
    return (int(first), int(second)) if votes[second] > 0.0 else (NULL, NULL)


def _count(votes: Floats, answers: Ints) -> None:
    np.add.at(votes, answers[answers != NULL], 1.0)


def _numbered(question: LoggedQuestion, arms: Mapping[str, bool]) -> _Arms:
    numbers = {question.gold: _RIGHT}

    def number(answer: str | None) -> int:
        return NULL if answer is None else numbers.setdefault(answer, len(numbers))

    lone: dict[int, Ints] = {}
    judged: dict[int, dict[tuple[int, int], Ints]] = {}
    for place, (arm, judges) in enumerate(arms.items()):
        samples = question.samples.get(arm, ())
        if not judges:
            lone[place] = np.array([number(sample.answer) for sample in samples])
            continue
        pairs = defaultdict(list)
        for sample in samples:
            if sample.candidates:
                first, second = sample.candidates
                pairs[number(first), number(second)].append(number(sample.answer))
        judged[place] = {pair: np.array(answers) for pair, answers in pairs.items()}
    return _Arms(lone, judged, len(numbers))
