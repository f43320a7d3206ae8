r"""Sets, tuples, intervals, unions and matrices: written from the strings of their members.

A tuple and an open interval of two look the same and are written the same: `(1, 2)`. A bare list
`3, 1` is the set `{1, 3}`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from engine.answers.errors import UnsureError

if TYPE_CHECKING:
    from collections.abc import Callable

NESTED = 4
_MATRIX = re.compile(r"\\begin\{([pb])matrix\}(.*)\\end\{\1matrix\}", re.DOTALL)
_INFINITY = re.compile(r"([-+]?)\s*\\infty")
_EMPTY = re.compile(r"\\(?:emptyset|varnothing)|\\\{\s*\\\}")
_DECIMAL_COMMA = re.compile(r"-?\s*[0-9]+,[0-9]+")
_BRACKETS = re.compile(r"\\[{}]|[{}()\[\],]|\\cup(?![a-zA-Z])")


def render(text: str, scalar: Callable[[str], str], depth: int = 0) -> str:
    """Write an expression, given how to write a scalar.

    Raises:
        UnsureError: if it is malformed or nested too deep.
    """
    text = text.strip()
    if depth > NESTED or _DECIMAL_COMMA.fullmatch(text):  # 1,2 is 1.2 to some
        raise UnsureError

    def members(inside: str) -> list[str]:
        return [render(part, scalar, depth + 1) for part in _split(inside, ",")]

    infinity = _INFINITY.fullmatch(text)
    if infinity:
        return infinity[1].strip("+") + "oo"
    if _EMPTY.fullmatch(text):
        return "{}"
    matrix = _MATRIX.fullmatch(text)
    if matrix:
        return _matrix(matrix[2], scalar)
    united = _split(text, r"\cup")
    if len(united) > 1:
        return " U ".join(sorted(render(part, scalar, depth + 1) for part in united))
    if len(_split(text, ",")) > 1:
        return _set(members(text))
    if text.startswith(r"\{") and text.endswith(r"\}"):
        return _set(members(text[2:-2]))
    if text[:1] in {"(", "["} and text[-1:] in {")", "]"} and len(_split(text[1:-1], ",")) > 1:
        return f"{text[0]}{', '.join(members(text[1:-1]))}{text[-1]}"
    return scalar(text)


def _split(text: str, separator: str) -> list[str]:
    """Split where no bracket is open; a half-open interval closes with either bracket."""
    parts = []
    depth = begin = 0
    for match in _BRACKETS.finditer(text):
        token = match[0]
        if token in {r"\{", "{", "(", "["}:
            depth += 1
        elif token in {r"\}", "}", ")", "]"}:
            depth -= 1
        elif token == separator and depth == 0:
            parts.append(text[begin : match.start()])
            begin = match.end()
    return [*parts, text[begin:]]


def _set(members: list[str]) -> str:
    return "{" + ", ".join(sorted(set(members), key=_by_value)) + "}"


def _by_value(member: str) -> tuple[Fraction, str]:
    try:
        return Fraction(member), ""
    except ValueError:
        return Fraction(0), member


def _matrix(body: str, scalar: Callable[[str], str]) -> str:
    lines = [line for line in body.split("\\\\") if line.strip()]
    rows = [[scalar(cell.strip()) for cell in line.split("&")] for line in lines]
    if len({len(row) for row in rows}) != 1:
        raise UnsureError
    return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"
