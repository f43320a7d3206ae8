"""What answers a contest takes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

MODULUS = 1000
"""AIMO 1 and 2 asked for the answer modulo this."""
LARGEST = 99_999
"""AIMO 3 asks for an integer from 0 to this."""


class AnswerKind(StrEnum):
    """What answers a contest takes."""

    INTEGER_MOD_1000 = "integer-mod-1000"
    """An integer, taken modulo 1000 as mathematics does it: -3 is 997 (AIMO 1 and 2)."""
    INTEGER = "integer"
    """An integer from 0 to 99999; anything else is no answer (AIMO 3)."""
    ANY = "any"
    """Any number or expression."""


def settle(value: Fraction, kind: AnswerKind) -> str | None:
    """Write an exact value as an answer: `12`, `-1/2`; None if the kind does not take it."""
    if kind is AnswerKind.ANY:
        return str(value)
    if value.denominator != 1:
        return None
    if kind is AnswerKind.INTEGER_MOD_1000:
        return str(value.numerator % MODULUS)
    return str(value.numerator) if 0 <= value.numerator <= LARGEST else None
