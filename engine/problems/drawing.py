"""What every family of problems shares: drawing whole numbers and writing formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction

    import numpy as np

    Drawn: TypeAlias = tuple[str, int] | None
    """A statement and its answer; None where the draw made no proper problem."""

    Family: TypeAlias = Callable[[np.random.Generator, int], Drawn]
    """A kind of problem: draws one of a level, 1 to 5."""


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """Draw a whole number from `low` to `high`, both included."""
    return int(rng.integers(low, high + 1))


def wholes(rng: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    """Draw numbers that may be equal."""
    return [whole(rng, low, high) for _ in range(count)]


def distinct(rng: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    """Draw numbers that differ, ascending."""
    drawn: set[int] = set()
    while len(drawn) < count:
        drawn.add(whole(rng, low, high))
    return sorted(drawn)


def several(rng: np.random.Generator, choices: Sequence[int], count: int) -> list[int]:
    """Take some of the choices, each at most once, in the order they have there."""
    return [choices[place] for place in distinct(rng, 0, len(choices) - 1, count)]


def one_of(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """Take one of the texts."""
    return choices[whole(rng, 0, len(choices) - 1)]


def listed(words: Sequence[object], last: str = "and") -> str:
    """Write `a`, `a and b`, or `a, b and c`."""
    *first, final = map(str, words)
    return f"{', '.join(first)} {last} {final}" if first else final


def points(places: Sequence[tuple[int, int]]) -> str:
    """Write points of the plane."""
    return listed([f"$({x}, {y})$" for x, y in places])


def polynomial(coefficients: Sequence[int], variable: str = "x") -> str:
    """Write a polynomial, coefficients from the highest power down, without dollars."""
    degree = len(coefficients) - 1
    return linear(
        coefficients,
        [_power(variable, degree - place) for place in range(degree + 1)],
    )


def linear(coefficients: Sequence[int], names: Sequence[str]) -> str:
    """Write a sum of named terms, such as `2x - y + 3`; an empty name is the number alone."""
    text = ""
    for coefficient, name in zip(coefficients, names, strict=True):
        if not coefficient:
            continue
        size = "" if name and abs(coefficient) == 1 else str(abs(coefficient))
        sign = "-" if coefficient < 0 else "+"
        text += f" {sign} {size}{name}" if text else f"{sign.strip('+')}{size}{name}"
    return text or "0"


def _power(variable: str, exponent: int) -> str:
    if not exponent:
        return ""
    return variable if exponent == 1 else f"{variable}^{{{exponent}}}"


def numerator_plus_denominator(value: Fraction) -> int:
    """Turn a fraction in lowest terms into one whole number."""
    return value.numerator + value.denominator


LOWEST_TERMS = "Written in lowest terms as $m/n$ with positive integers $m$ and $n$, find $m+n$."
"""Ends a problem whose result is a positive fraction."""


def lowest_terms_modulo(modulus: int) -> str:
    """End a problem whose result is a fraction with large parts."""
    asked = f"find the remainder when $m+n$ is divided by {modulus}"
    return LOWEST_TERMS.replace("find $m+n$", asked)
