"""Families of algebra."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING

from engine.problems.drawing import (
    LOWEST_TERMS,
    linear,
    lowest_terms_modulo,
    numerator_plus_denominator,
    polynomial,
    whole,
    wholes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from engine.problems.drawing import Drawn


def root_sums(rng: np.random.Generator, level: int) -> Drawn:
    """Sums of powers of a polynomial's roots, by Newton's identities."""
    match level:
        case 1:
            tail, power = [-whole(rng, 3, 12), whole(rng, 1, 12)], 2
        case 2:
            tail, power = [-whole(rng, 3, 12), whole(rng, 1, 15)], 3
        case 3:
            tail, power = [-whole(rng, 2, 9), *wholes(rng, -9, 9, 2)], 3
        case 4:
            tail, power = [-whole(rng, 2, 6), *wholes(rng, -6, 6, 2)], 5
        case _:
            tail, power = [-whole(rng, 1, 4), *wholes(rng, -4, 4, 3)], whole(rng, 7, 9)
    if not tail[-1]:
        return None
    degree = len(tail)
    sums: list[int] = []
    for k in range(1, power + 1):
        known = sum(tail[i - 1] * sums[k - i - 1] for i in range(1, min(k, degree + 1)))
        sums.append(-known - (k * tail[k - 1] if k <= degree else 0))
    names = [f"r_{i}" for i in range(1, degree + 1)]
    powers = " + ".join(f"{name}^{power}" for name in names)
    text = (
        f"Let ${', '.join(names)}$ be the complex roots of ${polynomial([1, *tail])}$, each listed "
        f"as often as its multiplicity. Find ${powers}$."
    )
    return text, sums[-1]


def recurrences(rng: np.random.Generator, level: int) -> Drawn:
    """Terms of sequences that are defined by those before them."""
    start = wholes(rng, 1, 5, 3)
    modulus = None
    match level:
        case 1:
            factors, added, index, order = [whole(rng, 2, 3)], whole(rng, 1, 9), whole(rng, 3, 4), 1
        case 2:
            factors, added, index, order = [whole(rng, 2, 4)], whole(rng, 1, 9), whole(rng, 6, 8), 1
        case 3:
            factors, added, index, order = wholes(rng, 1, 3, 2), 0, whole(rng, 8, 10), 2
        case 4:
            factors, added, order = wholes(rng, 1, 5, 2), whole(rng, 1, 9), 2
            index, modulus = whole(rng, 25, 40), whole(rng, 101, 999)
        case _:
            factors, added, order = wholes(rng, 1, 9, 3), whole(rng, 1, 99), 3
            index, modulus = whole(rng, 300, 2000), whole(rng, 1001, 9999)
    terms = start[:order]
    while len(terms) < index:
        terms.append(added + sum(f * t for f, t in zip(factors, reversed(terms), strict=False)))
    names = [f"a_{{n+{order - 1 - i}}}" if order - 1 - i else "a_n" for i in range(order)]
    rule = linear([*factors, added], [*names, ""])
    given = ", ".join(f"a_{i} = {value}" for i, value in enumerate(start[:order], 1))
    text = f"A sequence has ${given}$ and $a_{{n+{order}}} = {rule}$ for all $n \\ge 1$."
    if modulus is None:
        return f"{text} Find $a_{{{index}}}$.", terms[-1]
    text = f"{text} Find the remainder when $a_{{{index}}}$ is divided by {modulus}."
    return text, terms[-1] % modulus


def polynomial_remainders(rng: np.random.Generator, level: int) -> Drawn:
    """Remainders of polynomials and of high powers of x, evaluated at a point."""
    modulus = None
    match level:
        case 1:
            dividend, root = [1, *wholes(rng, -5, 9, 2)], whole(rng, 1, 4)
            answer = _remainder(dividend, [1, -root])[-1]
            text = f"Find the remainder when ${polynomial(dividend)}$ is divided by $x - {root}$."
            return text, answer
        case 2:
            dividend, root = wholes(rng, 1, 9, 5), whole(rng, 2, 6)
            answer = _remainder(dividend, [1, -root])[-1]
            text = f"Find the remainder when ${polynomial(dividend)}$ is divided by $x - {root}$."
            return text, answer
        case 3:
            dividend = [whole(rng, 1, 5), *wholes(rng, -6, 9, 5)]
            divisor, point = [1, *wholes(rng, -5, 5, 2)], whole(rng, 5, 12)
        case 4:
            dividend, point = [1, *[0] * whole(rng, 10, 14)], whole(rng, 2, 9)
            divisor = [1, *(-c for c in wholes(rng, 1, 3, 2))]
        case _:
            dividend, point = [1, *[0] * whole(rng, 60, 250)], whole(rng, 11, 40)
            divisor = [1, *(-c for c in wholes(rng, 1, 5, 3))]
            modulus = whole(rng, 1001, 9999)
    value = 0
    for coefficient in _remainder(dividend, divisor):
        value = value * point + coefficient
    text = (
        f"Let $R(x)$ be the remainder when ${polynomial(dividend)}$ is divided by "
        f"${polynomial(divisor)}$ as polynomials, of lower degree than the divisor."
    )
    if modulus is None:
        return f"{text} Find $R({point})$.", value
    text = f"{text} Find the remainder when $R({point})$ is divided by {modulus}."
    return text, value % modulus


def _remainder(dividend: Sequence[int], divisor: Sequence[int]) -> list[int]:
    """Divide by a polynomial whose first coefficient is 1."""
    rest = list(dividend)
    while len(rest) >= len(divisor):
        first = rest[0]
        for place, coefficient in enumerate(divisor):
            rest[place] -= first * coefficient
        rest.pop(0)
    return rest


def linear_systems(rng: np.random.Generator, level: int) -> Drawn:
    """Systems of linear equations with one solution in whole numbers."""
    match level:
        case 1:
            size, largest, high = 2, 3, 9
        case 2:
            size, largest, high = 2, 9, 40
        case 3:
            size, largest, high = 3, 6, 30
        case 4:
            size, largest, high = 4, 9, 60
        case _:
            size, largest, high = 6, 15, 150
    least = 1 if level == 1 else -largest
    rows = [wholes(rng, least, largest, size) for _ in range(size)]
    if not _invertible(rows):
        return None
    solution, names = wholes(rng, 1, high, size), "xyzuvw"[:size]
    equations = "; ".join(
        f"${linear(row, names)} = {sum(c * v for c, v in zip(row, solution, strict=True))}$"
        for row in rows
    )
    weights = range(1, size + 1)
    answer = sum(w * value for w, value in zip(weights, solution, strict=True))
    return f"Real numbers satisfy {equations}. Find ${linear(weights, names)}$.", answer


def _invertible(rows: Sequence[Sequence[int]]) -> bool:
    """Eliminate column after column; whether a pivot is found in each."""
    left = [[Fraction(value) for value in row] for row in rows]
    while left:
        pivot = next((row for row in left if row[0]), None)
        if pivot is None:
            return False
        left.remove(pivot)
        left = [
            [value - row[0] / pivot[0] * top for value, top in zip(row, pivot, strict=True)][1:]
            for row in left
        ]
    return True


def telescoping_sums(rng: np.random.Generator, level: int) -> Drawn:
    """Sums of fractions in which neighbours cancel."""
    modulus = None
    first, step, shift, gap = 1, 1, 0, 1
    match level:
        case 1:
            last = whole(rng, 2, 99)
        case 2:
            first, last = whole(rng, 3, 30), whole(rng, 31, 99)
        case 3:
            step, shift, last = whole(rng, 2, 7), whole(rng, 1, 9), whole(rng, 10, 60)
        case 4:
            first, last, gap = whole(rng, 1, 4), whole(rng, 10, 40), 2
        case _:
            first, last, gap = whole(rng, 3, 9), whole(rng, 30, 80), whole(rng, 3, 5)
            step, shift, modulus = whole(rng, 2, 5), whole(rng, 1, 9), whole(rng, 1001, 9999)
    total = sum(
        (
            Fraction(1, (step * k + shift) * (step * (k + gap) + shift))
            for k in range(first, last + 1)
        ),
        Fraction(0),
    )
    one, other = linear([step, shift], ["k", ""]), linear([step, shift + step * gap], ["k", ""])
    one = one if one == "k" else f"({one})"
    text = f"Consider $\\sum_{{k={first}}}^{{{last}}} \\frac{{1}}{{{one}({other})}}$."
    answer = numerator_plus_denominator(total)
    if modulus is None:
        return f"{text} {LOWEST_TERMS}", answer
    return f"{text} {lowest_terms_modulo(modulus)}", answer % modulus


def floor_sums(rng: np.random.Generator, level: int) -> Drawn:
    """Sums of numbers rounded down."""
    match level:
        case 1:
            a, b, n = 1, whole(rng, 2, 5), whole(rng, 4, 12)
        case 2:
            a, b, n = whole(rng, 2, 9), whole(rng, 3, 9), whole(rng, 8, 16)
        case 3:
            a, b, n = whole(rng, 5, 40), whole(rng, 11, 60), whole(rng, 40, 120)
        case 4:
            a, n = whole(rng, 2, 9), whole(rng, 200, 900)
            text = f"\\lfloor \\sqrt{{{a}k}} \\rfloor"
            return _sum(text, n), sum(isqrt(a * k) for k in range(1, n + 1))
        case _:
            a, b, n = whole(rng, 2, 9), whole(rng, 11, 99), whole(rng, 60, 160)
            text = f"\\left\\lfloor \\frac{{{a}k^2}}{{{b}}} \\right\\rfloor"
            return _sum(text, n), sum(a * k * k // b for k in range(1, n + 1))
    text = f"\\left\\lfloor \\frac{{{'' if a == 1 else a}k}}{{{b}}} \\right\\rfloor"
    return _sum(text, n), sum(a * k // b for k in range(1, n + 1))


def _sum(term: str, last: int) -> str:
    return (
        f"Find $\\sum_{{k=1}}^{{{last}}} {term}$, where $\\lfloor t \\rfloor$ is the largest "
        "integer that is at most $t$."
    )
