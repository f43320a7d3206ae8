"""A set of problems from a seed: levels in turn, families in turn within each level."""

from __future__ import annotations

import msgspec
import numpy as np

from engine.problems.families import FAMILIES

LEVELS = range(1, 6)
"""From what a small model nearly always solves to what it rarely does."""

_ANSWERS = range(100_000)
_ATTEMPTS = 1000


class ProblemsError(ValueError):
    """More problems were asked for than a family has."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem; `engine.questions` reads a line of it and passes level and family over.

    Attributes:
        question_id: `t-<level>-<number within the level>`.
        question: The statement; it ends with the whole number that is asked for.
        gold: The answer, 0 to 99999.
        level: 1 to 5.
        family: A name in `FAMILIES`.
    """

    question_id: str
    question: str
    gold: str
    level: int
    family: str


def generate(seed: int, count: int) -> list[Problem]:
    """Draw problems, no two alike; levels and families come equally often, but for a remainder.

    Args:
        seed: At least 0. What is drawn for a place depends on it alone, and on whether an
            earlier problem was the same.
        count: Number of problems; 2,400 are there for any seed, much more are not.

    Raises:
        ProblemsError: if a family has no other problem of a level left.
    """
    names = list(FAMILIES)
    orders = {
        level: np.random.default_rng([seed, level]).permutation(len(names)) for level in LEVELS
    }
    seen: set[str] = set()
    problems = []
    for place in range(count):
        number, offset = divmod(place, len(LEVELS))
        level = LEVELS[offset]
        family = names[orders[level][number % len(names)]]
        question, answer = _fresh(seed, level, number, family, seen)
        seen.add(question)
        problems.append(
            Problem(
                question_id=f"t-{level}-{number:03}",
                question=question,
                gold=str(answer),
                level=level,
                family=family,
            )
        )
    return problems


def _fresh(seed: int, level: int, number: int, family: str, seen: set[str]) -> tuple[str, int]:
    for attempt in range(_ATTEMPTS):
        drawn = FAMILIES[family](np.random.default_rng([seed, level, number, attempt]), level)
        if drawn is not None and drawn[1] in _ANSWERS and drawn[0] not in seen:
            return drawn
    raise ProblemsError(f"family {family} has no new problem of level {level} left")
