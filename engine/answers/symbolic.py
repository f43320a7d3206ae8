r"""The slow path, run in the worker: sympy writes what takes algebra.

Two readers must agree on every scalar, this package's grammar and math-verify's; where their
values differ, or math-verify reads nothing, there is no answer. A lone letter other than `e` and
`i` is a variable.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import sympy  # type: ignore[import-untyped]
from math_verify import LatexExtractionConfig, parse  # type: ignore[import-untyped]

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

    def symbol(self, name: str) -> Any:  # noqa: ANN401
        """Give a real variable or a constant."""
        if name in {"E", "I"}:  # sympy prints its constants so
            raise UnsureError
        plain = name.replace("{", "").replace("}", "").lstrip("\\")
        return _CONSTANTS.get(name) or sympy.Symbol(plain, real=True)

    def add(self, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Add."""
        return left + right

    def multiply(self, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Multiply."""
        return left * right

    def divide(self, left: Any, right: Any) -> Any:  # noqa: ANN401
        """Divide."""
        return left / right

    def power(self, base: Any, exponent: Any) -> Any:  # noqa: ANN401
        """Raise to a power."""
        return base**exponent

    def root(self, value: Any, index: Any) -> Any:  # noqa: ANN401
        """Give the root."""
        if value.is_negative and index % 2 == 1:
            return -sympy.root(-value, index)
        return sympy.root(value, index)

    def factorial(self, value: Any) -> Any:  # noqa: ANN401
        """Give the factorial."""
        return sympy.factorial(value)

    def binomial(self, n: Any, k: Any) -> Any:  # noqa: ANN401
        """Choose `k` of `n`."""
        return sympy.binomial(n, k)

    def modulo(self, value: Any, modulus: Any) -> Any:  # noqa: ANN401
        """Refuse: what is no integer has no remainder here."""
        if not (value.is_Integer and modulus.is_Integer and modulus > 0):
            raise UnsureError
        return value % modulus

    def log(self, value: Any, base: Any) -> Any:  # noqa: ANN401
        """Give the logarithm to a base."""
        return sympy.log(value, base)

    def apply(self, function: str, value: Any) -> Any:  # noqa: ANN401
        """Apply a function."""
        return _FUNCTIONS[function](value)


def decide(latex: str, kind: AnswerKind) -> str | None:
    """Write what the fast path left over in canonical form; None when unsure."""
    try:
        if kind is AnswerKind.ANY:
            return render(latex, _scalar)
        integer = _simplified(latex)
    except Exception:  # noqa: BLE001 - sympy raises whatever it likes, and is unsure then
        return None
    return settle(integer, kind) if integer.is_Integer else None


def warm_up() -> None:
    """Load what the first calls would otherwise spend their deadline on."""
    for latex in (r"\frac{2\sqrt{8}+\pi}{2}", r"\frac{x_1^{2}-1}{x_1+1}", r"\left|\ln 2\right|"):
        decide(latex, AnswerKind.ANY)


def _scalar(text: str) -> str:
    return str(sympy.sstr(_simplified(text)))


def _simplified(text: str) -> Any:  # noqa: ANN401
    value = read(text, Symbolic())
    if value.has(sympy.nan, sympy.zoo, sympy.oo):
        raise UnsureError
    _check(value, text)
    value = sympy.sqrtdenest(value)
    if value.free_symbols:
        top, below = sympy.fraction(sympy.cancel(sympy.together(value)))
        return sympy.expand(top) / sympy.expand(below)
    value = sympy.expand(sympy.radsimp(value))
    if value.has(sympy.I):
        value = sympy.expand_complex(value)
    return value if value.is_Rational else _not_rational(value)


def _not_rational(value: Any) -> Any:  # noqa: ANN401
    """Pass a number on, unless it is an integer that sympy does not see or may be one."""
    approximate = sympy.N(value, 40)
    integer = sympy.Integer(sympy.re(approximate).round())
    if abs(approximate - integer) > sympy.Rational(1, 10**20):
        return value
    if (value - integer).equals(0):
        return integer
    raise UnsureError


def _check(value: Any, text: str) -> None:  # noqa: ANN401
    """Refuse a value that math-verify reads differently."""
    latex = text.replace(r"\labs", r"\left|").replace(r"\rabs", r"\right|")
    readings = parse(
        f"${latex}$", [LatexExtractionConfig()], fallback_mode="no_fallback", parsing_timeout=None
    )
    if len(readings) != 1 or not isinstance(readings[0], sympy.Expr):
        raise UnsureError
    ours, theirs = _at_points(value), _at_points(readings[0])
    if not abs(ours - theirs) <= _CLOSE * max(abs(ours), 1.0) or not math.isfinite(abs(ours)):
        raise UnsureError


def _at_points(expression: Any) -> complex:  # noqa: ANN401
    """Evaluate with a number for every letter, the same for the same letter."""
    names = {
        symbol: str(symbol).replace("{", "").replace("}", "") for symbol in expression.free_symbols
    }
    chosen = {
        symbol: sympy.I if name == "i" else sympy.Float(_point(name))
        for symbol, name in names.items()
    }
    return complex(expression.xreplace(chosen).doit().evalf())


def _point(name: str) -> float:
    code = sum(ord(letter) * (at + 1) for at, letter in enumerate(name))
    return _POINTS[code % len(_POINTS)] + code / 1009
