r"""The grammar of expressions: one reader, for exact arithmetic here and for sympy in the worker.

It refuses what people read in two ways: `1/2x`, `12 34`, `2^3!`, `a + b \bmod c`, `\log 8`.
`3\frac{1}{2}` is the mixed number; `2^10` is meant as `2^{10}`; `\frac12` is one half.
"""

from __future__ import annotations

import re
from typing import Generic, Protocol, TypeVar

from engine.answers.errors import UnsureError
from engine.answers.tokens import tokenize

V = TypeVar("V")

DEPTH = 60
TOKENS = 600
_FUNCTIONS = r"\sin \cos \tan \cot \sec \csc \arcsin \arccos \arctan \ln \exp"
_GREEK = (
    r"\alpha \beta \gamma \delta \epsilon \varepsilon \theta \lambda \mu \rho \sigma \tau \phi"
    r" \varphi \omega"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
SYMBOLS = frozenset([r"\pi", *_GREEK.split()])
_INTEGER = re.compile("[0-9]+")
_CLOSED_BY = {
    "(": ")",
    "{": "}",
    "|": "|",
    r"\labs": r"\rabs",
    r"\lfloor": r"\rfloor",
    r"\lceil": r"\rceil",
}


class Algebra(Protocol[V]):
    """What values are and how they are reckoned with."""

    def number(self, literal: str) -> V:
        """Give the value of a decimal literal."""

    def symbol(self, name: str) -> V:
        r"""Give the value of a letter or of `\pi`."""

    def add(self, left: V, right: V) -> V:
        """Add."""

    def multiply(self, left: V, right: V) -> V:
        """Multiply."""

    def divide(self, left: V, right: V) -> V:
        """Divide."""

    def power(self, base: V, exponent: V) -> V:
        """Raise to a power."""

    def root(self, value: V, index: V) -> V:
        """Give the principal root, and the real one of a negative number where there is one."""

    def factorial(self, value: V) -> V:
        """Give the factorial."""

    def binomial(self, n: V, k: V) -> V:
        """Choose `k` of `n`."""

    def modulo(self, value: V, modulus: V) -> V:
        """Give the remainder, from 0 to the modulus."""

    def log(self, value: V, base: V) -> V:
        """Give the logarithm to a base."""

    def apply(self, function: str, value: V) -> V:
        r"""Apply a function of `FUNCTIONS`, or `\lfloor`, `\lceil` and `\labs`."""


def read(text: str, algebra: Algebra[V]) -> V:
    """Read a tidy expression.

    Raises:
        UnsureError: if it is not one, or more than one, or too deep or too long.
    """
    tokens = tokenize(text)
    if not 0 < len(tokens) <= TOKENS:
        raise UnsureError
    reader = _Reader(tokens, algebra)
    value = reader.expression()
    reader.expect("")
    return value


class _Reader(Generic[V]):
    """Recursive descent, bounded in depth; every method reads on from the current token."""

    def __init__(self, tokens: list[str], algebra: Algebra[V]) -> None:
        self._tokens = [*tokens, ""]
        self._algebra = algebra
        self._at = 0
        self._depth = 0

    @property
    def _now(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._now
        self._at += 1
        return token

    def _skip(self, token: str) -> bool:
        if self._now != token:
            return False
        self._at += 1
        return True

    def expect(self, token: str) -> None:
        """Take this token; "" is the end."""
        if self._take() != token:
            raise UnsureError

    def expression(self) -> V:
        r"""Read a sum, which may be taken `\pmod{m}`; a single term may be taken `\bmod m`."""
        self._depth += 1
        if self._depth > DEPTH:
            raise UnsureError
        value = self._term()
        terms = 1
        while self._now in {"+", "-"}:
            minus = self._take() == "-"
            term = self._term()
            value = self._algebra.add(value, self._negative(term) if minus else term)
            terms += 1
        if self._skip(r"\pmod"):
            value = self._algebra.modulo(value, self._argument())
        elif self._now == r"\bmod":
            if terms > 1:
                raise UnsureError
            self._take()
            value = self._algebra.modulo(value, self._power())
        self._depth -= 1
        return value

    def _negative(self, value: V) -> V:
        return self._algebra.multiply(self._algebra.number("-1"), value)

    def _term(self) -> V:
        value = self._factor()
        divided = False
        while True:
            if self._skip("*"):
                value = self._algebra.multiply(value, self._factor())
            elif self._skip("/"):
                value = self._algebra.divide(value, self._factor())
                divided = True
            elif self._starts_factor():
                if divided:  # 1/2x
                    raise UnsureError
                value = self._algebra.multiply(value, self._power())
            else:
                return value

    def _starts_factor(self) -> bool:
        token = self._now
        if token[:1].isdigit() or token[:1] == ".":  # 12 34
            raise UnsureError
        if token[:1] == "\\":
            return token not in {r"\bmod", r"\pmod", r"\rabs", r"\rfloor", r"\rceil"}
        return token.isalpha() or token in {"(", "{"}

    def _factor(self) -> V:
        minus = False
        if self._now in {"+", "-"}:
            minus = self._take() == "-"
        value = self._power()
        return self._negative(value) if minus else value

    def _power(self) -> V:
        value = self._mixed()
        if value is None:
            value = self._atom()
            if self._skip("!"):
                value = self._algebra.factorial(value)
            if self._skip("^"):
                value = self._algebra.power(value, self._exponent())
        if self._now in {"!", "^"}:  # 5!!, 2^3!, 2^3^4, 3\frac{1}{2}^2
            raise UnsureError
        return value

    def _exponent(self) -> V:
        if self._now not in {"+", "-"}:
            return self._argument(digits=None)
        minus = self._take() == "-"
        if not _INTEGER.fullmatch(self._now):
            raise UnsureError
        value = self._algebra.number(self._take())
        return self._negative(value) if minus else value

    def _mixed(self) -> V | None:
        r"""Read `3\frac{1}{2}`, if that is what comes."""
        ahead = self._tokens[self._at : self._at + 8]
        if len(ahead) > 2 and _INTEGER.fullmatch(ahead[0]) and ahead[1] == r"\frac":  # noqa: PLR2004
            short = re.fullmatch("([0-9])([0-9])", ahead[2])
            if short:
                top, below, length = short[1], short[2], 3
            elif "".join(ahead[2:3] + ahead[4:6] + ahead[7:8]) == "{}{}":
                top, below, length = ahead[3], ahead[6], 8
            else:
                return None
            if not (_INTEGER.fullmatch(top) and _INTEGER.fullmatch(below)):
                return None
            if not int(top[:9]) < int(below[:9]) or len(top + below) > 9:  # noqa: PLR2004
                raise UnsureError  # 2\frac{4}{3} may be a product
            self._at += length
            number = self._algebra.number
            part = self._algebra.divide(number(top), number(below))
            return self._algebra.add(number(ahead[0]), part)
        return None

    def _argument(self, digits: int | None = 1) -> V:
        """Read a braced group or a single head; of a number, so many digits at most."""
        if self._skip("{"):
            value = self.expression()
            self.expect("}")
            return value
        head = self._take()
        if head[:1].isdigit() and (digits is None or len(head) <= digits):
            return self._algebra.number(head)
        if head.isalpha() or head in SYMBOLS:
            return self._algebra.symbol(head)
        raise UnsureError

    def _atom(self) -> V:
        head = self._take()
        if head[:1].isdigit() or head[:1] == ".":
            return self._algebra.number(head)
        if head in _CLOSED_BY:
            value = self.expression()
            self.expect(_CLOSED_BY[head])
            if head in {"(", "{"}:
                return value
            return self._algebra.apply(r"\labs" if head == "|" else head, value)
        if head.isalpha() or head in SYMBOLS:
            if head in {"f", "g", "h"} and self._now == "(":  # a function or a factor
                raise UnsureError
            return self._algebra.symbol(head + self._subscript())
        return self._command(head)

    def _command(self, head: str) -> V:
        if head == r"\frac":
            short = re.fullmatch("([0-9])([0-9])", self._now)
            if short:  # \frac12
                self._tokens[self._at : self._at + 1] = short.groups()
            top = self._argument()
            return self._algebra.divide(top, self._argument())
        if head == r"\binom":
            n = self._argument()
            return self._algebra.binomial(n, self._argument())
        if head == r"\sqrt":
            return self._root()
        if head == r"\log":
            if not self._skip("_"):  # to base 10 or e, who knows
                raise UnsureError
            base = self._argument()
            return self._algebra.log(self._alone(), base)
        if head in FUNCTIONS:
            return self._algebra.apply(head, self._alone())
        raise UnsureError

    def _root(self) -> V:
        index = self._algebra.number("2")
        if self._skip("["):
            token = self._take()
            if not _INTEGER.fullmatch(token):
                raise UnsureError
            index = self._algebra.number(token)
            self.expect("]")
        if self._skip("("):  # sqrt(2)
            value = self.expression()
            self.expect(")")
        else:
            value = self._argument()
        return self._algebra.root(value, index)

    def _alone(self) -> V:
        r"""Read a function's argument; `\sin^2 x` and `\sin 2x` are refused."""
        value = self._atom()
        if self._starts_factor() or self._now in {"^", "!", "_"}:
            raise UnsureError
        return value

    def _subscript(self) -> str:
        if not self._skip("_"):
            return ""
        braced = self._skip("{")
        name = self._take()
        if not name.isalnum():
            raise UnsureError
        if braced:
            self.expect("}")
        return f"_{{{name}}}"
