"""Families of geometry with rational figures."""

from __future__ import annotations

from fractions import Fraction
from functools import cmp_to_key
from itertools import pairwise
from math import gcd
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from engine.problems.drawing import (
    LOWEST_TERMS,
    distinct,
    linear,
    listed,
    lowest_terms_modulo,
    numerator_plus_denominator,
    points,
    whole,
    wholes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.problems.drawing import Drawn

    Point: TypeAlias = tuple[int, int]
    Exact: TypeAlias = tuple[Fraction, Fraction]

_TRIPLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17), (7, 24, 25), (20, 21, 29), (12, 35, 37))
_ISOSCELES = 2  # the level whose triangles are
_AREA_UNTIL = 3  # the level up to which polygons are asked for their area


def polygons(rng: np.random.Generator, level: int) -> Drawn:
    """Areas of lattice polygons and the lattice points inside them."""
    match level:
        case 1:
            base, x, height = 2 * whole(rng, 1, 9), whole(rng, 0, 9), whole(rng, 2, 12)
            corners = [(0, 0), (base, 0), (x, height)]
            text = f"Find the area of the triangle with vertices {points(corners)}."
            return text, _twice_area(corners) // 2
        case 2:
            corners = _star(rng, 3, 12)
        case 3:
            corners = _star(rng, 5, 20)
        case 4:
            corners = _star(rng, 5, 30)
        case _:
            corners = _star(rng, 9, 99)
    if not corners:
        return None
    twice = _twice_area(corners)
    text = f"with vertices {points(corners)}, in this order"
    if level <= _AREA_UNTIL:
        return f"Find twice the area of the polygon {text}.", twice
    edge = sum(gcd(a - c, b - d) for (a, b), (c, d) in pairwise([*corners, corners[0]]))
    text = f"How many points with integer coordinates lie strictly inside the polygon {text}?"
    return text, (twice - edge + 2) // 2


def _star(rng: np.random.Generator, count: int, size: int) -> list[Point]:
    """Draw a polygon that turns once around a point inside it, so no two sides cross."""
    rays = [(x, y) for x, y in (wholes(rng, -size, size, 2) for _ in range(count))]

    def turn(one: Point, other: Point) -> int:
        first, second = (y < 0 or (y == 0 and x < 0) for x, y in (one, other))
        return first - second or _cross(other, one)

    rays.sort(key=cmp_to_key(turn))
    if any(_cross(one, other) <= 0 for one, other in pairwise([*rays, rays[0]])):
        return []
    x, y = wholes(rng, -size // 2, size // 2, 2)
    return [(x + dx, y + dy) for dx, dy in rays]


def _cross(one: Point, other: Point) -> int:
    return one[0] * other[1] - one[1] * other[0]


def _twice_area(corners: Sequence[Point]) -> int:
    return abs(sum(_cross(one, other) for one, other in pairwise([*corners, corners[0]])))


def triangles(rng: np.random.Generator, level: int) -> Drawn:
    """Triangles made of two right ones with whole sides: areas, radii, distances."""
    first, second = wholes(rng, 0, len(_TRIPLES) - 1, 2)
    scale = whole(rng, 1, 9)
    if level == 1:
        a, b, c = (scale * side for side in _TRIPLES[first])
        return f"A right triangle has legs {a} and {b}. Find its hypotenuse.", c
    left, height, b = _TRIPLES[first]
    right, c = left, b
    if level > _ISOSCELES:
        # Both halves get one height: each is scaled by the other's.
        right, other, c = _TRIPLES[second]
        left, b, right, c = left * other, b * other, right * height, c * height
        height *= other
    common = gcd(left, right, height, b, c)
    left, right, height, b, c = (scale * side // common for side in (left, right, height, b, c))
    a = left + right
    sides = listed([a, b, c])
    match level:
        case 2 | 3:
            text = f"A triangle has sides {sides}. Find its area."
            return text, a * height // 2
        case 4:
            text = f"A triangle has sides {sides}. Consider the radius of its circumscribed circle."
            return f"{text} {LOWEST_TERMS}", numerator_plus_denominator(Fraction(b * c, 2 * height))
        case _:
            corners = ((0, 0), (a, 0), (left, height))
            incentre = [
                Fraction(c * p + b * q + a * r, a + b + c) for p, q, r in zip(*corners, strict=True)
            ]
            middle = _circumcentre(corners)
            squared = sum(((u - v) ** 2 for u, v in zip(incentre, middle, strict=True)), Fraction())
            if not squared:
                return None
            text = f"A triangle has sides {sides}. Consider the square of the distance between the"
            text = f"{text} centres of its inscribed and its circumscribed circle."
            return f"{text} {LOWEST_TERMS}", numerator_plus_denominator(squared)


def _circumcentre(corners: Sequence[Point]) -> Exact:
    """Intersect the bisectors of two sides, by Cramer's rule."""
    (x, y), *others = corners
    (p, q), (r, s) = ((u - x, v - y) for u, v in others)
    area = 2 * (p * s - q * r)
    one, other = p * p + q * q, r * r + s * s
    return x + Fraction(s * one - q * other, area), y + Fraction(p * other - r * one, area)


def lattice_points(rng: np.random.Generator, level: int) -> Drawn:
    """Points with integer coordinates in rectangles, discs, rings and ellipsoids."""
    low = 0
    match level:
        case 1:
            a, b = wholes(rng, 1, 9, 2)
            text = f"$(x, y)$ satisfy $|x| \\le {a}$ and $|y| \\le {b}$"
            return f"How many points with integer coordinates {text}?", sum(
                abs(x) <= a and abs(y) <= b for x in range(-9, 10) for y in range(-9, 10)
            )
        case 2:
            factors, high = [1, 1], whole(rng, 4, 40)
        case 3:
            factors = [1, 1]
            low, high = whole(rng, 5, 50), whole(rng, 60, 200)
        case 4:
            factors, high = distinct(rng, 1, 7, 2), whole(rng, 200, 900)
        case _:
            factors = distinct(rng, 1, 7, 3)
            low, high = whole(rng, 50, 150), whole(rng, 200, 600)
    reach = int(high**0.5) + 1
    axes = np.ogrid[tuple(slice(-reach, reach + 1) for _ in factors)]
    value = sum(factor * axis**2 for factor, axis in zip(factors, axes, strict=True))
    names = "xyz"[: len(factors)]
    form = linear(factors, [f"{name}^2" for name in names])
    bounds = f"{low} \\le {form} \\le {high}" if low else f"{form} \\le {high}"
    text = f"How many points with integer coordinates $({', '.join(names)})$ satisfy ${bounds}$?"
    return text, int(np.count_nonzero((value >= low) & (value <= high)))


def coordinates(rng: np.random.Generator, level: int) -> Drawn:
    """Distances, lines and circles through points with whole coordinates."""
    match level:
        case 1:
            (a, b), (c, d) = wholes(rng, -9, 9, 2), wholes(rng, -9, 9, 2)
            text = f"Find the square of the distance between {points([(a, b), (c, d)])}."
            return text, (a - c) ** 2 + (b - d) ** 2
        case 2:
            (a, b), (c, d) = wholes(rng, -15, 15, 2), wholes(rng, -15, 15, 2)
            p, q = wholes(rng, -15, 15, 2)
            text = f"Let $M$ be the point halfway between {points([(a, b), (c, d)])}. Find four"
            text = f"{text} times the square of the distance between $M$ and $({p}, {q})$."
            return text, (a + c - 2 * p) ** 2 + (b + d - 2 * q) ** 2
        case 3:
            (p, q), (a, b), c = wholes(rng, -20, 20, 2), wholes(rng, 1, 12, 2), whole(rng, 1, 40)
            if a * p + b * q == c:
                return None
            line = f"${linear([a, b], ['x', 'y'])} = {c}$"
            text = f"Consider the square of the distance between the point $({p}, {q})$ and the"
            return f"{text} line {line}. {LOWEST_TERMS}", numerator_plus_denominator(
                Fraction((a * p + b * q - c) ** 2, a * a + b * b)
            )
        case 4:
            return _between_lines([wholes(rng, -7, 7, 3) for _ in range(3)])
        case _:
            return _circle(_star(rng, 3, 25), wholes(rng, -25, 25, 2), whole(rng, 1001, 9999))


def _between_lines(lines: Sequence[Sequence[int]]) -> Drawn:
    crossings = []
    for (a, b, c), (d, e, f) in pairwise([*lines, lines[0]]):
        if not a * e - b * d:
            return None
        scale = Fraction(1, a * e - b * d)
        crossings.append((scale * (c * e - b * f), scale * (a * f - c * d)))
    (x, y), (p, q), (r, s) = crossings
    area = abs((p - x) * (s - y) - (q - y) * (r - x)) / 2
    if not area:
        return None
    texts = [f"${linear([a, b], ['x', 'y'])} = {c}$" for a, b, c in lines]
    text = f"Consider the area of the triangle whose sides lie on the lines {listed(texts)}."
    return f"{text} {LOWEST_TERMS}", numerator_plus_denominator(area)


def _circle(corners: Sequence[Point], place: Sequence[int], modulus: int) -> Drawn:
    if not corners:
        return None
    (x, y), (p, q) = _circumcentre(corners), place
    squared = (x - p) ** 2 + (y - q) ** 2
    if not squared:
        return None
    text = f"Consider the square of the distance between the point $({p}, {q})$ and the centre of"
    text = f"{text} the circle through {points(corners)}."
    answer = numerator_plus_denominator(squared) % modulus
    return f"{text} {lowest_terms_modulo(modulus)}", answer
