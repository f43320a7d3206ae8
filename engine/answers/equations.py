r"""The side of an equation that answers: `x = 5`, `m + n = 12 + 13 = 25`, `\pi \approx 3.14`."""

from __future__ import annotations

import re

from engine.answers.errors import UnsureError
from engine.answers.exact import Exact
from engine.answers.grammar import read
from engine.answers.kinds import AnswerKind

_APPROXIMATELY = re.compile(r"\\(?:approx|simeq)(?![a-zA-Z])")
_CONGRUENT = re.compile(r"\\equiv(?![a-zA-Z])")
_MEMBER = re.compile(r"[a-zA-Z]\s*\\in(?![a-zA-Z])")
_NAME = re.compile(
    r"(?:[a-zA-Z]|[A-Z]{2,3}|\\(?!frac|sqrt)[a-z]+|\\text\{[^{}]*\}|\|[A-Z]{1,3}\|)\s*"
    r"(?:_\{?[a-zA-Z0-9]+\}?)?'?\s*(?:\(\s*[a-zA-Z0-9, ]{1,12}\))?"
)
_NO_EQUATION = re.compile(
    r"[<>!~:]\s*=|=\s*[<>=]|[<>]|\\(?:neq?|leq?|leqslant|geq?|geqslant|not|to|implies|iff"
    r"|(?:Left|Right|left|right)+arrow)(?![a-zA-Z])"
)


def value_side(text: str, kind: AnswerKind) -> str:
    """Give the part of a tidy text that is the value.

    The left side of an integer answer may be anything; that of another must be a name, since
    `x^2 + y^2 = 1` is not 1. Sides that differ in value are refused.

    Raises:
        UnsureError: if it is no equation of one value, or only an approximate one.
    """
    exactly, *approximately = _APPROXIMATELY.split(text)
    if approximately and (not exactly.strip() or _NAME.fullmatch(exactly.strip())):
        raise UnsureError
    text = _MEMBER.sub("", exactly, count=1) if _MEMBER.match(exactly) else exactly
    sides = _CONGRUENT.split(text)
    if len(sides) > 1:
        if kind is AnswerKind.ANY or r"\pmod" not in sides[-1]:
            raise UnsureError
        return sides[-1]
    if _NO_EQUATION.search(text):
        raise UnsureError
    *before, value = (side.strip() for side in text.split("="))
    if not before:
        return value
    if "," in text:  # x = 1, y = 2
        raise UnsureError
    values = [_value(side) for side in (*before, value)]
    if values[-1] is not None and any(v not in {None, values[-1]} for v in values):
        raise UnsureError
    agreed = values[-1] is not None and values[-2] is not None
    if kind is AnswerKind.ANY and not (agreed or _NAME.fullmatch(before[0])):
        raise UnsureError
    return value


def _value(side: str) -> object:
    try:
        return read(side, Exact())
    except UnsureError:
        return None
