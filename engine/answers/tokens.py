"""Cuts an expression into tokens."""

from __future__ import annotations

import re

from engine.answers.errors import UnsureError

_TOKEN = re.compile(
    r"\s+|[0-9]+(?:\.[0-9]+)?|\.[0-9]+|\\[a-zA-Z]+|\\[{}]|[a-zA-Z]|[-+*/^_()\[\]{}!|]"
)
_SCIENTIFIC = re.compile(r"([0-9]+(?:\.[0-9]+)?)[eE]([-+]?[0-9]{1,3})")
_LETTERS = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z]{2,}")
_COMMAND = re.compile(r"\\[a-zA-Z]+")
# Two letters are a product unless they are a word.
_TWO_LETTERS = "or is if in to no at of by as an be we so on it do up"
_WORDS = frozenset(_TWO_LETTERS.split())


def tokenize(text: str) -> list[str]:
    r"""Cut an expression: numbers, letters, commands such as `\frac`, and operators.

    Raises:
        UnsureError: at anything that is no mathematics, words above all.
    """
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific:
        return [scientific[1], "*", "10", "^", "{", *re.findall(r"-|[0-9]+", scientific[2]), "}"]
    for letters in _LETTERS.findall(_COMMAND.sub("1", text)):
        if len(letters) > 2 or letters in _WORDS or letters.isupper():  # noqa: PLR2004
            raise UnsureError
    tokens = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise UnsureError
        at = match.end()
        if not match[0].isspace():
            tokens.append(match[0])
    return tokens
