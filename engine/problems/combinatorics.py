"""Families of combinatorics and probability."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from engine.problems.drawing import (
    LOWEST_TERMS,
    distinct,
    listed,
    numerator_plus_denominator,
    one_of,
    points,
    several,
    whole,
    wholes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.problems.drawing import Drawn

_PEOPLE = ("guests", "students", "players", "sailors", "travellers", "dancers")
_THINGS = ("hats", "coats", "umbrellas", "bags", "tickets", "keys", "phones", "scarves")
_ROWS = ("tiles", "fence posts", "houses", "flags", "lamps", "chairs")
_BEADS = ("beads", "stones", "shells", "pearls")
_COLOURS = ("red", "blue", "green")


def multiples(rng: np.random.Generator, level: int) -> Drawn:
    """Numbers with some of several divisors: inclusion and exclusion."""
    match level:
        case 1:
            bound, numbers, wanted = whole(rng, 15, 50), several(rng, (2, 3, 5, 7), 2), None
        case 2:
            bound, numbers, wanted = whole(rng, 100, 1000), distinct(rng, 3, 12, 2), None
        case 3:
            bound, numbers, wanted = whole(rng, 1000, 5000), distinct(rng, 3, 15, 3), None
        case 4:
            bound, numbers, wanted = whole(rng, 5000, 50_000), distinct(rng, 4, 20, 3), 1
        case _:
            bound, numbers, wanted = whole(rng, 20_000, 99_999), distinct(rng, 4, 30, 4), 2
    hits = np.sum([np.arange(1, bound + 1) % number == 0 for number in numbers], axis=0)
    count = int((hits >= 1).sum() if wanted is None else (hits == wanted).sum())
    share = "at least one" if wanted is None else ("exactly one", "exactly two")[wanted - 1]
    text = f"How many integers from 1 to {bound}, inclusive, are divisible by {share} of"
    return f"{text} {listed(numbers)}?", count


def lattice_paths(rng: np.random.Generator, level: int) -> Drawn:
    """Paths on a grid, around forbidden points."""
    match level:
        case 1:
            (x, y), blocked, diagonal = wholes(rng, 2, 3, 2), 1, False
        case 2:
            (x, y), blocked, diagonal = wholes(rng, 4, 5, 2), 1, False
        case 3:
            (x, y), blocked, diagonal = wholes(rng, 5, 7, 2), 2, False
        case 4:
            (x, y), blocked, diagonal = wholes(rng, 7, 9, 2), 3, False
        case _:
            (x, y), blocked, diagonal = wholes(rng, 6, 7, 2), 4, True
    inner = list(product(range(x + 1), range(y + 1)))[1:-1]
    forbidden = [inner[place] for place in distinct(rng, 0, len(inner) - 1, blocked)]
    ways = np.zeros((x + 2, y + 2), dtype=int)
    for i, j in product(range(x + 1), range(y + 1)):
        # Row and column 0 are a margin of zeros.
        before = ways[i, j + 1] + ways[i + 1, j] + (ways[i, j] if diagonal else 0)
        ways[i + 1, j + 1] = 0 if (i, j) in forbidden else max(before, i == j == 0)
    steps = "$(1,0)$, $(0,1)$ or $(1,1)$" if diagonal else "$(1,0)$ or $(0,1)$"
    text = f"A path goes from $(0, 0)$ to $({x}, {y})$; each of its steps adds {steps}."
    text = f"{text} How many such paths avoid {points(forbidden)}?"
    return text, int(ways[-1, -1])


def fixed_points(rng: np.random.Generator, level: int) -> Drawn:
    """Permutations by what stays in place, and with forbidden places."""
    match level:
        case 1:
            count = whole(rng, 3, 4)
            own = whole(rng, 0, count - 2)
        case 2:
            count = whole(rng, 5, 6)
            own = whole(rng, 0, 3)
        case 3:
            count = whole(rng, 7, 9)
            own = whole(rng, 0, 4)
        case 4:
            return _forbidden_places(rng, whole(rng, 6, 7), per_place=1)
        case _:
            return _forbidden_places(rng, whole(rng, 7, 8), per_place=2)
    ways = _permutations(count, own)
    people, things = one_of(rng, _PEOPLE), one_of(rng, _THINGS)
    wanted = f"exactly {own}" if own else "none"
    text = f"{count} {people} leave their {things} in a room, one each, and later each of them"
    return f"{text} takes one. In how many ways can {wanted} of them get their own back?", ways


def _permutations(size: int, fixed: int) -> int:
    """Count those with so many fixed points, by putting element after element into a cycle."""
    counts = Counter({0: 1})
    for placed in range(size):
        grown: Counter[int] = Counter()
        for points_fixed, ways in counts.items():
            grown[points_fixed + 1] += ways
            grown[points_fixed - 1] += ways * points_fixed
            grown[points_fixed] += ways * (placed - points_fixed)
        counts = grown
    return counts[fixed]


def _forbidden_places(rng: np.random.Generator, size: int, per_place: int) -> Drawn:
    barred = [distinct(rng, 1, size, per_place) for _ in range(size)]
    ways = {frozenset[int](): 1}
    for bars in barred:
        grown: Counter[frozenset[int]] = Counter()
        for used, count in ways.items():
            for value in set(range(1, size + 1)) - used - set(bars):
                grown[used | {value}] += count
        ways = dict(grown)
    rules = "; ".join(
        " and ".join(f"$a_{place} \\ne {bar}$" for bar in bars)
        for place, bars in enumerate(barred, 1)
    )
    names = ", ".join(f"a_{place}" for place in range(1, size + 1))
    text = f"How many permutations $({names})$ of the numbers 1 to {size} satisfy all of"
    return f"{text} the following? {rules}.", sum(ways.values())


def colourings(rng: np.random.Generator, level: int) -> Drawn:
    """Colourings of rows and rings, up to symmetry by Burnside's lemma."""
    match level:
        case 1:
            count, colours = whole(rng, 3, 5), whole(rng, 2, 6)
            text = f"{count} {one_of(rng, _ROWS)} in a row are each painted in one of {colours}"
            text = f"{text} colours so that neighbours differ in colour. In how many ways can"
            return f"{text} this be done?", colours * (colours - 1) ** (count - 1)
        case 2:
            count, colours = whole(rng, 4, 7), whole(rng, 3, 6)
            text = f"{count} {one_of(rng, _ROWS)} in a circle, all distinguishable, are each"
            text = f"{text} painted in one of {colours} colours so that neighbours differ in"
            ways = np.trace(np.linalg.matrix_power(1 - np.eye(colours, dtype=int), count))
            return f"{text} colour. In how many ways can this be done?", int(ways)
        case 3:
            amounts, mirrored = wholes(rng, 2, 6, 2), False
        case 4:
            amounts, mirrored = wholes(rng, 4, 9, 2), True
        case _:
            amounts, mirrored = wholes(rng, 3, 5, 3), True
    names = (f"{amount} {colour}" for amount, colour in zip(amounts, _COLOURS, strict=False))
    beads = f"exactly {listed([*names])} {one_of(rng, _BEADS)}, equal but for colour"
    moves = "rotation or by being turned over" if mirrored else "rotation"
    text = f"A closed ring is made of {beads}. Two rings count as the same if one becomes the"
    text = f"{text} other by {moves}. How many different rings are there?"
    return text, _orbits(amounts, mirrored=mirrored)


def _orbits(amounts: Sequence[int], *, mirrored: bool) -> int:
    """Average over the symmetries of a ring how many colourings each leaves alone."""
    size = sum(amounts)
    turns = [[(place + by) % size for place in range(size)] for by in range(size)]
    group = turns + ([turn[::-1] for turn in turns] if mirrored else [])
    fixed = sum(_fillings(list(_cycle_lengths(symmetry)), amounts) for symmetry in group)
    return fixed // len(group)


def _cycle_lengths(permutation: Sequence[int]) -> Iterator[int]:
    left = set(range(len(permutation)))
    while left:
        place, length = left.pop(), 1
        while (place := permutation[place]) in left:
            left.remove(place)
            length += 1
        yield length


def _fillings(lengths: Sequence[int], amounts: Sequence[int]) -> int:
    """Count the ways to give each cycle one colour so that every colour is used up."""
    ways = Counter({tuple(amounts): 1})
    for length in lengths:
        grown: Counter[tuple[int, ...]] = Counter()
        for left, count in ways.items():
            for colour, amount in enumerate(left):
                if amount >= length:
                    grown[*left[:colour], amount - length, *left[colour + 1 :]] += count
        ways = grown
    return sum(ways.values())


def partitions(rng: np.random.Generator, level: int) -> Drawn:
    """Sums of coins and of positive integers, order not counting."""
    match level:
        case 1:
            total, coins = whole(rng, 6, 25), [1, *several(rng, (2, 5, 10), 1)]
        case 2:
            total, coins = whole(rng, 25, 70), distinct(rng, 2, 12, 3)
        case 3:
            total, largest = whole(rng, 12, 26), whole(rng, 8, 20)
            text = f"into distinct positive integers that are at most {largest}"
            return _partitions(total, text), sum(
                sum(parts) == total
                for size in range(1, 7)
                for parts in combinations(range(1, largest + 1), size)
            )
        case 4:
            total, size, largest = whole(rng, 24, 50), whole(rng, 5, 7), whole(rng, 9, 14)
            ways = _counted(total, range(1, largest + 1), repeated=True)[size]
            text = f"into exactly {size} positive integers that are at most {largest}"
            return _partitions(total, text), ways
        case _:
            total, divisor = whole(rng, 50, 110), whole(rng, 3, 7)
            largest = whole(rng, 25, 40)
            parts = [part for part in range(1, largest + 1) if part % divisor]
            ways = sum(_counted(total, parts, repeated=False).values())
            text = f"into distinct positive integers that are at most {largest}, none of them a"
            return _partitions(total, f"{text} multiple of {divisor}"), ways
    ways = sum(_counted(total, coins, repeated=True).values())
    values = listed(coins)
    text = f"In how many ways can {total} cents be paid with coins of {values} cents, each used"
    return f"{text} any number of times or not at all, if their order does not count?", ways


def _partitions(total: int, condition: str) -> str:
    return (
        f"In how many ways can {total} be split {condition}, "
        "if the order of the parts does not count?"
    )


def _counted(total: int, parts: Sequence[int], *, repeated: bool) -> Counter[int]:
    """Count the sums of parts that make the total, by how many parts they have."""
    ways = [Counter({0: 1}), *(Counter[int]() for _ in range(total))]
    for part in parts:
        sums = range(part, total + 1)
        for target in sums if repeated else reversed(sums):
            for size, count in list(ways[target - part].items()):
                ways[target][size + 1] += count
    return ways[total]


def dice(rng: np.random.Generator, level: int) -> Drawn:
    """Probabilities of rolls."""
    match level:
        case 1:
            sides = several(rng, (4, 6, 8, 10), 1) * 2
            rolls = list(product(*(range(1, side + 1) for side in sides)))
            target = whole(rng, 3, sum(sides) - 1)
            event, hits = f"is {target}", sum(sum(roll) == target for roll in rolls)
        case 2:
            sides = distinct(rng, 4, 12, 2)
            rolls = list(product(*(range(1, side + 1) for side in sides)))
            target = whole(rng, 5, sum(sides) - 2)
            event, hits = f"is at least {target}", sum(sum(roll) >= target for roll in rolls)
        case 3:
            sides = distinct(rng, 4, 12, 3)
            rolls = list(product(*(range(1, side + 1) for side in sides)))
            target = whole(rng, 6, sum(sides) - 4)
            event, hits = f"is {target}", sum(sum(roll) == target for roll in rolls)
        case 4:
            sides = distinct(rng, 4, 10, 4)
            rolls = list(product(*(range(1, side + 1) for side in sides)))
            target = whole(rng, 12, sum(sides) - 6)
            event, hits = f"is at least {target}", sum(sum(roll) >= target for roll in rolls)
        case _:
            sides = distinct(rng, 4, 10, 5)
            rolls = list(product(*(range(1, side + 1) for side in sides)))
            divisor, largest = whole(rng, 3, 9), whole(rng, 4, max(sides))
            event = f"is divisible by {divisor} and the largest number rolled is {largest}"
            hits = sum(sum(roll) % divisor == 0 and max(roll) == largest for roll in rolls)
    if not hits:
        return None
    names = listed([f"1 to {side}" for side in sides])
    text = f"{len(sides)} fair dice are rolled; their sides are numbered {names}, respectively."
    text = f"{text} Consider the probability that the sum of the numbers rolled {event}."
    return f"{text} {LOWEST_TERMS}", numerator_plus_denominator(Fraction(hits, len(rolls)))


def subsets(rng: np.random.Generator, level: int) -> Drawn:
    """Subsets of the first numbers, by size, gaps and sum."""
    gap, modulus = 1, 1
    match level:
        case 1:
            count, size = whole(rng, 5, 8), whole(rng, 2, 3)
            member = whole(rng, 1, count)
            text = f"that contain the number {member}"
            chosen = combinations(range(1, count + 1), size)
            return _subsets(size, count, text), sum(member in one for one in chosen)
        case 2:
            count, size, gap = whole(rng, 8, 20), whole(rng, 3, 4), whole(rng, 2, 4)
        case 3:
            count, size, modulus = whole(rng, 9, 13), 3, whole(rng, 3, 7)
        case 4:
            count, size, modulus = whole(rng, 13, 17), whole(rng, 4, 6), whole(rng, 5, 11)
        case _:
            count, size = whole(rng, 18, 24), whole(rng, 5, 6)
            gap, modulus = whole(rng, 2, 3), whole(rng, 7, 13)
    rest = whole(rng, 0, modulus - 1)
    found = [
        sum(chosen) % modulus == rest and min(np.diff(chosen).tolist()) >= gap
        for chosen in combinations(range(1, count + 1), size)
    ]
    clauses = []
    if gap > 1:
        clauses.append(f"in which any two numbers differ by at least {gap}")
    if modulus > 1:
        clauses.append(f"whose sum leaves remainder {rest} when divided by {modulus}")
    return _subsets(size, count, " and ".join(clauses)), sum(found)


def _subsets(size: int, count: int, condition: str) -> str:
    members = f"{size} elements of the set of integers from 1 to {count}"
    return f"How many subsets with {members} are there {condition}?"
