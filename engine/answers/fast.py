"""The fast path: canonical strings of what exact arithmetic decides, in microseconds."""

from __future__ import annotations

import re
from fractions import Fraction

import msgspec

from engine.answers.equations import value_side
from engine.answers.errors import NotPlainError, UnsureError
from engine.answers.exact import Exact, HugePower
from engine.answers.grammar import read
from engine.answers.kinds import MODULUS, AnswerKind, settle
from engine.answers.shapes import render
from engine.answers.tidying import tidy

LONGEST = 1000
"""Characters; no answer is longer."""

_PLAIN = re.compile("[0-9]{1,18}")


class Hard(msgspec.Struct, frozen=True):
    """An expression that takes algebra.

    Attributes:
        latex: The expression, tidy and well-formed.
    """

    latex: str


def canonical(expression: str, kind: AnswerKind) -> str | Hard | None:
    """Write an expression in canonical form.

    Fractions are reduced (`-1/2`), decimals become fractions, units, per cent signs and currency
    are dropped (50% is 50).

    Returns:
        The answer; None where there is none or it is not sure; what the slow path must decide.
    """
    if len(expression) > LONGEST:
        return None
    if _PLAIN.fullmatch(expression):
        return settle(Fraction(int(expression)), kind)
    try:
        text = value_side(tidy(expression), kind)
        if kind is AnswerKind.ANY:
            return render(text, _scalar)
        return _integer(text, kind)
    except UnsureError:
        return None
    except NotPlainError:
        return Hard(text)


def _integer(text: str, kind: AnswerKind) -> str | None:
    algebra = Exact()
    value = read(text, algebra)
    if isinstance(value, Fraction):
        return settle(value, kind)
    if isinstance(value, HugePower):
        known = kind is AnswerKind.INTEGER_MOD_1000
        return settle(value.modulo(MODULUS), kind) if known else None
    if algebra.symbols:
        return None
    raise NotPlainError


def _scalar(text: str) -> str:
    if len(text) == 1 and text.isascii() and text.isalpha():  # the letter of a choice
        return text
    value = read(text, Exact())
    if value is None:
        raise NotPlainError
    if isinstance(value, HugePower):
        raise UnsureError
    return str(value)
