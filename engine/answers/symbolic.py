r"""The slow path, run in the worker: sympy writes what takes algebra.

Two readers must agree on every scalar, this package's grammar and math-verify's; where their
values differ, or math-verify reads nothing, there is no answer. A lone letter other than `e` and
`i` is a variable.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import sympy
from math_verify import LatexExtractionConfig, parse

from engine.answers.errors import UnsureError
from engine.answers.grammar import read
from engine.answers.kinds import AnswerKind, settle
from engine.answers.shapes import render

# It warns at every start that it runs without its own time limit: the pool sets one.
logging.getLogger("math_verify").setLevel(logging.ERROR)

_CONSTANTS = {"e": sympy.E, "i": sympy.I, r"\pi": sympy.pi}
_FUNCTIONS: dict[str, Any] = {
    r"\sin": sympy.sin,
    r"\cos": sympy.cos,
    r"\tan": sympy.tan,
    r"\cot": sympy.cot,
    r"\sec": sympy.sec,
    r"\csc": sympy.csc,
    r"\arcsin": sympy.asin,
    r"\arccos": sympy.acos,
    r"\arctan": sympy.atan,
    r"\ln": sympy.log,
    r"\exp": sympy.exp,
    r"\labs": sympy.Abs,
    r"\lfloor": sympy.floor,
    r"\lceil": sympy.ceiling,
}
# Where two readings are compared: as good as generic, and positive so that roots are real.
_POINTS = (0.7390851332151607, 1.9021605823, 0.2614972128, 3.3598856662, 1.2020569031)
_CLOSE = 1e-9


class Symbolic:
    """Reckons with sympy's expressions."""

    def number(self, literal: str) -> Any:  # noqa: ANN401 - sympy is not typed
        """Give the value of a decimal literal."""
        return sympy.Rational(literal)
