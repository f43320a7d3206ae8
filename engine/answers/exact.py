"""Exact arithmetic with limits, so that no expression takes long."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

from engine.answers.errors import UnsureError
from engine.answers.grammar import FUNCTIONS

BITS = 4096
"""Numerators and denominators are no longer than this."""
DIGITS = 1200
"""Nor are literals longer than this."""
FACTORIAL = 500
CHOOSE = 3000


class HugePower:
    """A power of integers that is too large to write; it can only be taken modulo something.

    Attributes:
        base: Its base.
        exponent: Not negative.
    """

    __slots__ = ("base", "exponent")

    def __init__(self, base: int, exponent: int) -> None:
        self.base = base
        self.exponent = exponent

    def modulo(self, modulus: int) -> Fraction:
        """Give the remainder."""
        return Fraction(pow(self.base, self.exponent, modulus))


Value = Fraction | HugePower | None
"""None stands for a value that takes algebra."""


class Exact:
    """Reckons with fractions; anything else is None and makes what it is part of None.

    Attributes:
        symbols: Letters met, constants aside.
    """

    def __init__(self) -> None:
        self.symbols: set[str] = set()

    def number(self, literal: str) -> Value:
        """Give the value of a decimal literal."""
        if len(literal) > DIGITS:
            raise UnsureError
        return Fraction(literal)

    def symbol(self, name: str) -> Value:
        """Note that there is one."""
        if name != r"\pi":
            self.symbols.add(name)
        return None

    def add(self, left: Value, right: Value) -> Value:
        """Add."""
        pair = _fractions(left, right)
        return _bounded(pair[0] + pair[1]) if pair else None

    def multiply(self, left: Value, right: Value) -> Value:
        """Multiply."""
        pair = _fractions(left, right)
        return _bounded(pair[0] * pair[1]) if pair else None

    def divide(self, left: Value, right: Value) -> Value:
        """Divide; by zero is no value."""
        if right == 0:
            raise UnsureError
        pair = _fractions(left, right)
        return _bounded(pair[0] / pair[1]) if pair else None

    def power(self, base: Value, exponent: Value) -> Value:
        """Raise to a power."""
        pair = _fractions(base, exponent)
        if not pair:
            return None
        low, high = pair
        if high.denominator != 1:
            if low < 0:  # real to some, complex to others
                raise UnsureError
            return self.root(self.power(low, Fraction(high.numerator)), Fraction(high.denominator))
        times = high.numerator
        if low == 0 and times <= 0:  # 0^0 is 1 to some
            raise UnsureError
        bits = _bits(low) * abs(times) if abs(low) != 1 else 1
        if bits <= BITS:
            return _bounded(low ** (times if abs(low) != 1 else times % 2))
        if low.denominator == 1 and times > 0:
            return HugePower(low.numerator, times)
        raise UnsureError

    def root(self, value: Value, index: Value) -> Value:
        """Give the root where it is rational."""
        pair = _fractions(value, index)
        if not pair:
            return None
        radicand, degree = pair
        if not 2 <= degree <= BITS or (radicand < 0 and degree.numerator % 2 == 0):  # noqa: PLR2004
            return None
        top = _integer_root(abs(radicand.numerator), degree.numerator)
        below = _integer_root(radicand.denominator, degree.numerator)
        if top is None or below is None:
            return None
        return Fraction(top if radicand >= 0 else -top, below)

    def factorial(self, value: Value) -> Value:
        """Give the factorial."""
        if value is None:
            return None
        return Fraction(factorial(_natural(value, FACTORIAL)))

    def binomial(self, n: Value, k: Value) -> Value:
        """Choose `k` of `n`."""
        if n is None or k is None:
            return None
        return Fraction(comb(_natural(n, CHOOSE), _natural(k, CHOOSE)))

    def modulo(self, value: Value, modulus: Value) -> Value:
        """Give the remainder."""
        if value is None or modulus is None:
            raise UnsureError
        divisor = _natural(modulus, 10**18)
        if divisor == 0:
            raise UnsureError
        if isinstance(value, HugePower):
            return value.modulo(divisor)
        if value.denominator != 1:  # 1/3 mod 7 may be 5
            raise UnsureError
        return Fraction(value.numerator % divisor)

    def log(self, value: Value, base: Value) -> Value:
        """Give the logarithm where it is a natural number."""
        pair = _fractions(value, base)
        if not pair or pair[0] < 1 or pair[1] < 2:  # noqa: PLR2004
            return None
        power, exponent = Fraction(1), 0
        while power < pair[0]:
            power, exponent = power * pair[1], exponent + 1
        return Fraction(exponent) if power == pair[0] else None

    def apply(self, function: str, value: Value) -> Value:
        """Give absolute values, floors and ceilings; leave the others to algebra."""
        pair = _fractions(value, value)
        if not pair or function in FUNCTIONS:
            return None
        if function == r"\labs":
            return abs(pair[0])
        whole = pair[0].__floor__() if function == r"\lfloor" else pair[0].__ceil__()
        return Fraction(whole)


def _fractions(left: Value, right: Value) -> tuple[Fraction, Fraction] | None:
    """Give both as fractions, or None if one takes algebra."""
    if isinstance(left, HugePower) or isinstance(right, HugePower):
        raise UnsureError
    return None if left is None or right is None else (left, right)


def _natural(value: Fraction | HugePower, largest: int) -> int:
    if isinstance(value, HugePower) or value.denominator != 1 or not 0 <= value <= largest:
        raise UnsureError
    return value.numerator


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(value: Fraction) -> Fraction:
    if _bits(value) > BITS:
        raise UnsureError
    return value


def _integer_root(value: int, degree: int) -> int | None:
    """Give the exact root of an integer that is not negative, if there is one."""
    low, high = 0, 1 << -(-value.bit_length() // degree)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low if low**degree == value else None
