"""The two bounds that regret is measured against.

Pool majority: the vote of every logged sample of a question, ties to the answer of the shortest
sample, which would have finished first. It is what self-consistency tends to with the pool's size.

Best stopping in hindsight: samples come one at a time in the order of the draws, and we stop
at the first moment at which the leader of the vote is right; a question whose leader is never
right is given up at once. No rule that only chooses when to stop can do better on those draws.

Where several arms were logged, each bound is one arm's at a time: the majority of the arm whose
majority is right most often, and the arm that stops cheapest, question by question. A rule that
lets arms vote together, weighed by what they are worth, may do better than either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulations.pool import LoggedQuestion, LoggedSample


def best_majority(questions: Sequence[LoggedQuestion]) -> list[bool]:
    """Return for each question whether the pool majority of the best arm is right.

    Args:
        questions: Of one model; an arm that lacks one of them is wrong there.
    """
    arms = dict.fromkeys(arm for question in questions for arm in question.lone_arms)
    right = [
        [pool_majority(question.samples.get(arm, ())) == question.gold for question in questions]
        for arm in arms
    ]
    return max(right, key=sum)


def cheapest_stop(question: LoggedQuestion) -> int | None:
    """Return the fewest tokens until some arm's leader is right; None if none ever is.

    Args:
        question: With its samples in the order of the draws.
    """
    stops = [best_stopping(question.samples[arm], question.gold) for arm in question.lone_arms]
    return min((tokens for tokens in stops if tokens is not None), default=None)


def pool_majority(samples: Iterable[LoggedSample]) -> str | None:
    """Return the majority of all samples; None if none has an answer."""
    votes: dict[str, int] = {}
    for sample in sorted(samples, key=lambda sample: sample.tokens):
        if sample.answer is not None:
            votes[sample.answer] = votes.get(sample.answer, 0) + 1
    return max(votes, key=votes.__getitem__) if votes else None


def best_stopping(samples: Iterable[LoggedSample], gold: str) -> int | None:
    """Return the tokens until the leader is right; None if it never is.

    Args:
        samples: In the order of the draws.
        gold: The right answer.
    """
    votes: dict[str, int] = {}
    first: dict[str, int] = {}  # place of each answer's first vote, which breaks ties
    tokens, most, leader = 0, 0, None
    for place, sample in enumerate(samples):
        tokens += sample.tokens
        answer = sample.answer
        if answer is None:
            continue
        count = votes[answer] = votes.get(answer, 0) + 1
        first.setdefault(answer, place)
        if leader is None or count > most or (count == most and first[answer] < first[leader]):
            most, leader = count, answer
        if leader == gold:
            return tokens
    return None
