"""A question's logged samples as its starts draw them, arm by arm.

The k-th start of an arm gets the arm's k-th sample, so what one arm draws does not depend on how
often another one was started. A start that judges candidates gets a sample that judged the same
ones in the same order; a start that builds on a sample gets one that was built on that sample.
Nothing is recycled and nothing is invented: where no such sample is left, there is none.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from scheduler import DEFAULT_ARM

if TYPE_CHECKING:
    from scheduler import StartSample
    from simulations.pool import LoggedQuestion, LoggedSample


class Prompt(NamedTuple):
    """What a sample begins with: equal prompts share the engine's prefix cache.

    Attributes:
        arm: How it is sampled.
        candidates: The answers that it judges.
        parent_arm: The arm of the logged sample that it builds on; None for none.
        parent: That sample's number within its arm.
    """

    arm: str
    candidates: tuple[str, ...] = ()
    parent_arm: str | None = None
    parent: int | None = None


class Deck:
    """Deals the samples of one question, once.

    Args:
        question: With each arm's samples in the order of the draws.
    """

    __slots__ = ("_dealt", "_drawn", "_question")

    def __init__(self, question: LoggedQuestion) -> None:
        self._question = question
        self._drawn: Counter[Prompt] = Counter()
        self._dealt: list[tuple[str, LoggedSample | None]] = []

    def deal(self, start: StartSample) -> tuple[Prompt, LoggedSample | None]:
        """Give the prompt of the next start and the logged sample that it plays.

        Returns:
            The sample is None where the log holds no more of what the start asks for.
        """
        arm = self._question.default_arm if start.arm == DEFAULT_ARM else start.arm
        prompt = self._prompt(start, arm)
        place = self._drawn[prompt]
        self._drawn[prompt] = place + 1
        logged = self._question.samples.get(arm, ())
        if logged and (prompt != Prompt(arm) or not self._question.stands_alone(arm)):
            logged = tuple(sample for sample in logged if _prompt_of(sample, arm) == prompt)
        sample = logged[place] if place < len(logged) else None
        self._dealt.append((arm, sample))
        return prompt, sample

    def _prompt(self, start: StartSample, arm: str) -> Prompt:
        if start.parent is None:
            return Prompt(arm, start.candidates)
        parent_arm, parent = self._dealt[start.parent]
        return Prompt(arm, start.candidates, parent_arm, None if parent is None else parent.sample)


def _prompt_of(sample: LoggedSample, arm: str) -> Prompt:
    return Prompt(arm, sample.candidates, sample.parent_arm, sample.parent)
