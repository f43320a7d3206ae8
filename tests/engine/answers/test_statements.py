"""Texts at their worst: long, cut off, full of brackets; and integers in many spellings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.answers import AnswerKind, Hard, canonical, stated

if TYPE_CHECKING:
    from engine.answers import AnswerParser

PLAIN = r"0 1 7 12 345 . , = + - * / ^ _ ! | ( ) [ ] { } \{ \} $ % & ~ \\ \, \; x k e i"
COMMANDS = (
    r"\frac \sqrt \binom \left \right \text{ \mathrm{ \boxed{ \cup \infty \pi \bmod \pmod \equiv"
    r" \approx \cdot \times \sin \log \lfloor \rfloor \circ \begin{pmatrix} \end{pmatrix}"
)
WORDS = "answer Answer: 答案 是 mod or apples </think>"
PIECES = [*PLAIN.split(), *COMMANDS.split(), *WORDS.split(), " ", "\n"]
SOUP = st.lists(st.sampled_from(PIECES), max_size=120).map("".join)
LONGEST_S = 1.0
"""Of this thread's own time where no worker is asked: a loaded machine is no failure."""


def read_all(text: str) -> list[str | Hard | None]:
    """Read a text as every kind, and as an expression too."""
    expression = stated(text)
    return [
        canonical(given, kind)
        for given in (text, expression)
        if given is not None
        for kind in AnswerKind
    ]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=3000) | SOUP | SOUP.map(lambda soup: rf"\boxed{{{soup}}}"))
def test_no_text_raises_or_takes_long(text: str) -> None:
    """Whatever a model writes, the fast path returns within a second."""
    began = time.thread_time()
    read_all(text)
    assert time.thread_time() - began < LONGEST_S


@settings(max_examples=60, deadline=None)
@given(SOUP.filter(lambda soup: "boxed" not in soup))
def test_the_worker_takes_any_soup(parsers: dict[AnswerKind, AnswerParser], soup: str) -> None:
    """Nor does anything raise on the slow path, and the deadline holds there."""
    began = time.perf_counter()
    parsers[AnswerKind.ANY].parse_now(rf"\boxed{{\sqrt{{2}}{soup}}}")
    assert time.perf_counter() - began < LONGEST_S + 0.5


@settings(max_examples=60, deadline=None)
@given(SOUP, st.integers(min_value=1, max_value=100_000), st.text(max_size=20))
def test_no_long_text_raises_or_takes_long(soup: str, length: int, end: str) -> None:
    """Nor does it on 100 kB of the same thing over and over."""
    text = (soup * length)[:100_000] + end
    began = time.thread_time()
    read_all(text)
    assert time.thread_time() - began < LONGEST_S


REPEATED = [
    *["\\", r"\\ ", "{", "}", r"\boxed{", r"\boxed{1}", r"\boxed ", " ", "\n", "a", "1", "1,"],
    *["(", ".", ". ", "-", "*", "$", "%", "! answer", "answer: ", "Answer:\n", "答案", "答案是"],
    *["</think>", r"\text{a}", "1 000 ", "2^", "^", "!", "=", "|", r"\frac", "1/", "9^9"],
    *[r"\sqrt{", "\U0001d7d9"],
]  # fmt: skip


@pytest.mark.parametrize("piece", REPEATED)
@pytest.mark.parametrize("length", [990, 100_000])
def test_repetition_takes_no_time(piece: str, length: int) -> None:
    """No pattern runs away on a piece that is repeated, in a text, a box or a statement."""
    text = (piece * length)[:length]
    began = time.thread_time()
    for shaped in (text, rf"\boxed{{{text}}}", f"Answer: {text}", text + "1", text + r"\boxed{"):
        read_all(shaped)
    assert time.thread_time() - began < LONGEST_S


SPELLINGS = [
    "{n}", " {n} ", "${n}$", "{n}.", "({n})", "+{n}", "{n}.0", "{n:,}", r"\text{{{n}}}", "x = {n}",
    r"\left({n}\right)", "{n} \\text{{ cm}}", r"\frac{{{n}}}{{1}}", "{n}^1", "0{n}", r"{n}\%",
    r"\dfrac{{{twice}}}{{2}}", "{twice}/2", r"{n} \cdot 1", "{n}+0", r"{n} \bmod 100000", "{n}e0",
    r"\sqrt{{{square}}}", "答案是 {n}", "{n}个", "{n} apples", r"\${n}", "**{n}**", "{before}+1",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@settings(deadline=None)
@given(number=st.integers(min_value=0, max_value=99_999))
def test_integers_survive_their_spellings(spelling: str, number: int) -> None:
    """An integer comes out the same, however it is written."""
    written = spelling.format(n=number, twice=2 * number, square=number**2, before=number - 1)
    assert canonical(written, AnswerKind.INTEGER) == str(number)
    assert canonical(written, AnswerKind.ANY) == str(number)
    assert canonical(written, AnswerKind.INTEGER_MOD_1000) == str(number % 1000)


@settings(deadline=None)
@given(st.fractions(max_denominator=1000))
def test_canonical_form_is_a_fixed_point(value: object) -> None:
    """Reading a canonical string again changes nothing."""
    assert canonical(str(value), AnswerKind.ANY) == str(value)


@pytest.mark.parametrize("kind", AnswerKind)
def test_kinds_have_names_for_the_command_line(kind: AnswerKind) -> None:
    """A kind is found by its name."""
    assert AnswerKind(str(kind)) is kind
