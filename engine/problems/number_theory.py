"""Families of number theory."""

from __future__ import annotations

from itertools import product
from math import factorial, gcd, prod
from typing import TYPE_CHECKING

import numpy as np

from engine.problems.drawing import distinct, listed, several, whole, wholes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engine.problems.drawing import Drawn

_PRIMES = (2, 3, 5, 7, 11, 13)
_ORDINALS = {2: "second", 3: "third", 5: "fifth", 7: "seventh"}


def modular_powers(rng: np.random.Generator, level: int) -> Drawn:
    """Remainders of powers, sums of powers and towers."""
    match level:
        case 1:
            base, exponent, modulus = whole(rng, 2, 9), whole(rng, 3, 5), whole(rng, 5, 11)
            text, answer = f"{base}^{{{exponent}}}", base**exponent % modulus
        case 2:
            base, exponent, modulus = whole(rng, 2, 12), whole(rng, 20, 60), whole(rng, 7, 30)
            text, answer = f"{base}^{{{exponent}}}", pow(base, exponent, modulus)
        case 3:
            base, exponent = whole(rng, 3, 60), whole(rng, 200, 3000)
            modulus = whole(rng, 101, 1000)
            text, answer = f"{base}^{{{exponent}}}", pow(base, exponent, modulus)
        case 4:
            a, b = wholes(rng, 3, 99, 2)
            m, n = wholes(rng, 1000, 9999, 2)
            modulus = whole(rng, 1001, 9999)
            text = f"{a}^{{{m}}} + {b}^{{{n}}}"
            answer = (pow(a, m, modulus) + pow(b, n, modulus)) % modulus
        case _:
            a, b = wholes(rng, 6, 99, 2)
            c, d = wholes(rng, 11, 30, 2)
            m, n = wholes(rng, 20, 99, 2)
            modulus = whole(rng, 10_001, 99_999)
            text = f"{a}^{{{c}^{{{m}}}}} + {b}^{{{d}^{{{n}}}}}"
            answer = (pow(a, c**m, modulus) + pow(b, d**n, modulus)) % modulus
    return f"Find the remainder when ${text}$ is divided by {modulus}.", answer


def remainders(rng: np.random.Generator, level: int) -> Drawn:
    """Numbers with given remainders."""
    match level:
        case 1:
            moduli = several(rng, (3, 4, 5, 7), 2)
        case 2:
            moduli = several(rng, (7, 11, 13, 17, 19, 23), 2)
        case 3:
            moduli = several(rng, (5, 7, 11, 13, 17), 3)
        case 4:
            moduli = several(rng, (5, 7, 11, 13, 17, 19), 4)
        case _:
            return _one_remainder_alone(rng, several(rng, (11, 13, 17, 19, 23, 29, 31, 37), 2))
    values = [whole(rng, 0, modulus - 1) for modulus in moduli]
    clauses = [
        f"remainder {value} when divided by {modulus}"
        for value, modulus in zip(values, moduli, strict=True)
    ]
    candidates = np.arange(1, prod(moduli) + 1)
    fits = np.all([candidates % m == v for v, m in zip(values, moduli, strict=True)], axis=0)
    text = f"Find the smallest positive integer that leaves {listed(clauses)}."
    return text, int(candidates[fits][0])


def _one_remainder_alone(rng: np.random.Generator, moduli: Sequence[int]) -> Drawn:
    a, b = moduli
    r, s = whole(rng, 1, a - 1), whole(rng, 1, b - 1)
    bound = whole(rng, 100_000, 400_000)
    numbers = np.arange(1, bound + 1)
    alone = (numbers % a == r) ^ (numbers % b == s)
    text = (
        f"Consider two properties of a positive integer: leaving remainder {r} when divided by "
        f"{a}, and leaving remainder {s} when divided by {b}. How many positive integers that "
        f"are at most {bound} have exactly one of the two properties?"
    )
    return text, int(alone.sum())


def divisors(rng: np.random.Generator, level: int) -> Drawn:
    """Counts of divisors, with conditions, of powers, factorials and several numbers."""
    match level:
        case 1:
            number = whole(rng, 10, 90)
            count = sum(number % d == 0 for d in range(1, number + 1))
            return f"How many positive divisors does {number} have?", count
        case 2:
            number = prod(p**e for p, e in zip(_PRIMES, wholes(rng, 0, 3, 4), strict=False))
            count = sum(number % d == 0 for d in range(1, number + 1))
            return f"How many positive divisors does {number} have?", count
        case 3:
            primes, exponents = several(rng, _PRIMES, 3), wholes(rng, 2, 7, 3)
            low = [whole(rng, 0, 2) for _ in primes]
            divisor = prod(p**e for p, e in zip(primes, low, strict=True))
            count = sum(
                all(e >= least for e, least in zip(found, low, strict=True))
                for found in product(*(range(e + 1) for e in exponents))
            )
            text = f"How many positive divisors of ${_factored(primes, exponents)}$"
            return f"{text} are divisible by {divisor}?", count
        case 4:
            return _powers_in_factorial(whole(rng, 12, 40), *several(rng, (2, 3, 5, 7), 2))
        case _:
            return _divisors_of_one_of_three(rng)


def _powers_in_factorial(n: int, k: int, m: int) -> Drawn:
    exponents = _prime_exponents(factorial(n)).values()
    squares, cubes, both = (prod(e // power + 1 for e in exponents) for power in (k, m, k * m))
    text = (
        f"How many positive divisors of ${n}!$ are a {_ORDINALS[k]} power or a {_ORDINALS[m]} "
        "power (or both) of a positive integer?"
    )
    return text, squares + cubes - both


def _divisors_of_one_of_three(rng: np.random.Generator) -> Drawn:
    primes = several(rng, _PRIMES, 4)
    exponents = [wholes(rng, 1, 7, 4) for _ in range(3)]
    found = {each for one in exponents for each in product(*(range(e + 1) for e in one))}
    numbers = listed([f"${_factored(primes, one)}$" for one in exponents])
    return f"How many positive integers divide at least one of the numbers {numbers}?", len(found)


def _factored(primes: Sequence[int], exponents: Sequence[int]) -> str:
    return r" \cdot ".join(f"{p}^{{{e}}}" for p, e in zip(primes, exponents, strict=True))


def coprimes(rng: np.random.Generator, level: int) -> Drawn:
    """Counts of numbers, and of pairs, without a common divisor."""
    match level:
        case 1:
            low, high, number = 1, whole(rng, 10, 25), whole(rng, 2, 15)
        case 2:
            low, high, number = 1, whole(rng, 50, 200), prod(several(rng, _PRIMES[:4], 2))
        case 3:
            low, high, number = 1, whole(rng, 500, 3000), prod(several(rng, _PRIMES, 3))
        case 4:
            low, high = distinct(rng, 1000, 60_000, 2)
            number = prod(several(rng, _PRIMES, 4))
        case _:
            low, high = distinct(rng, 20, 280, 2)
            span = np.arange(low, high + 1)
            pairs = np.gcd(span[:, None], span) == 1
            text = f"with ${low} \\le a < b \\le {high}$ whose greatest common divisor is 1"
            return (
                f"How many pairs of integers $(a, b)$ {text} are there?",
                int(np.triu(pairs, 1).sum()),
            )
    count = sum(gcd(n, number) == 1 for n in range(low, high + 1))
    text = f"How many integers $n$ with ${low} \\le n \\le {high}$ are relatively"
    return f"{text} prime to {number}?", count


def digit_sums(rng: np.random.Generator, level: int) -> Drawn:
    """Sums of decimal digits: of one number, and numbers counted by theirs."""
    match level:
        case 1:
            a, b = whole(rng, 11, 99), whole(rng, 2, 12)
            return f"Find the sum of the decimal digits of ${a} \\cdot {b}$.", _digits(a * b)
        case 2:
            base, exponent = whole(rng, 2, 9), whole(rng, 6, 12)
            text = f"Find the sum of the decimal digits of ${base}^{{{exponent}}}$."
            return text, _digits(base**exponent)
        case 3:
            bound, total = whole(rng, 300, 999), whole(rng, 5, 18)
        case 4:
            bound, total = whole(rng, 20_000, 99_999), whole(rng, 15, 30)
        case _:
            bound, divisor = whole(rng, 200_000, 999_999), whole(rng, 7, 17)
            other = whole(rng, 7, 23)
            numbers = np.arange(1, bound + 1)
            fits = (numbers % other == 0) & (_all_digits(numbers) % divisor == 0)
            text = f"How many positive multiples of {other} that are at most {bound} have a"
            return f"{text} sum of decimal digits divisible by {divisor}?", int(fits.sum())
    count = int((_all_digits(np.arange(1, bound + 1)) == total).sum())
    text = f"How many positive integers that are at most {bound} have decimal digits"
    return f"{text} that sum to {total}?", count


def _digits(number: int) -> int:
    return sum(map(int, str(number)))


def _all_digits(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    places = 10 ** np.arange(6)
    return np.asarray((numbers[:, None] // places % 10).sum(axis=1))


def equation_solutions(rng: np.random.Generator, level: int) -> Drawn:
    """Counts of solutions of linear equations in whole numbers that aren't negative."""
    match level:
        case 1:
            coefficients, total = [1, whole(rng, 1, 4)], whole(rng, 6, 30)
        case 2:
            coefficients, total = distinct(rng, 2, 7, 2), whole(rng, 30, 120)
        case 3:
            coefficients, total = [1, *distinct(rng, 2, 6, 2)], whole(rng, 30, 70)
        case 4:
            coefficients, total = distinct(rng, 2, 11, 3), whole(rng, 100, 260)
        case _:
            coefficients, total = distinct(rng, 2, 13, 4), whole(rng, 120, 240)
    names = "xyzw"[: len(coefficients)]
    ordered = len(coefficients) > len("xyz")
    axes = np.ogrid[tuple(slice(0, total // c + 1) for c in coefficients[:-1])]
    rest = total - sum(c * axis for c, axis in zip(coefficients, axes, strict=False))
    fits = (rest >= 0) & (rest % coefficients[-1] == 0)
    if ordered:
        fits &= axes[0] > axes[1]
    if not np.any(fits):
        return None
    sides = " + ".join(
        f"{'' if c == 1 else c}{name}" for c, name in zip(coefficients, names, strict=True)
    )
    condition = " and $x > y$" if ordered else ""
    text = f"How many solutions in nonnegative integers $({', '.join(names)})$ are there of"
    return f"{text} ${sides} = {total}${condition}?", int(np.count_nonzero(fits))


def factorial_powers(rng: np.random.Generator, level: int) -> Drawn:
    """Highest powers that divide factorials, binomials and products of factorials."""
    match level:
        case 1:
            n, base = whole(rng, 5, 20), several(rng, (2, 3, 5, 7), 1)[0]
            text, factors = f"{n}!", dict.fromkeys(range(2, n + 1), 1)
        case 2:
            n, base = whole(rng, 100, 999), several(rng, _PRIMES, 1)[0]
            text, factors = f"{n}!", dict.fromkeys(range(2, n + 1), 1)
        case 3:
            n, base = whole(rng, 200, 2000), several(rng, (8, 12, 18, 24, 45, 72, 98, 108), 1)[0]
            text, factors = f"{n}!", dict.fromkeys(range(2, n + 1), 1)
        case 4:
            n, base = whole(rng, 1000, 9000), several(rng, (2, 3, 5, 7, 6, 10, 12, 18), 1)[0]
            k = whole(rng, n // 5, n // 2)
            text = f"\\binom{{{n}}}{{{k}}}"
            factors = {i: (i > n - k) - (i <= k) for i in range(2, n + 1)}
        case _:
            n, base = whole(rng, 100, 350), several(rng, (12, 18, 24, 45, 72, 98, 108), 1)[0]
            text = f"1! \\cdot 2! \\cdot 3! \\cdots {n}!"
            factors = {i: n + 1 - i for i in range(2, n + 1)}
    answer = min(
        sum(times * _exponent(i, prime) for i, times in factors.items()) // power
        for prime, power in _prime_exponents(base).items()
    )
    return f"Find the largest integer $k$ such that ${base}^k$ divides ${text}$.", answer


def _exponent(number: int, prime: int) -> int:
    times = 0
    while number % prime == 0:
        number //= prime
        times += 1
    return times


def _prime_exponents(number: int) -> dict[int, int]:
    """Factor a number whose primes are small."""
    found, prime = {}, 2
    while number > 1:
        if times := _exponent(number, prime):
            found[prime] = times
            number //= prime**times
        prime += 1
    return found
