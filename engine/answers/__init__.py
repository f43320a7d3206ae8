r"""Answers: from a model's text to one canonical string, or None when unsure.

`stated` finds what the text gives as its answer, `canonical` reads it in microseconds, and
`AnswerParser` hands what needs algebra to a worker process that is killed at a deadline. Equal
values come out as equal strings: `0.50`, `\frac12` and `\dfrac{4}{8}` are all `1/2`.
"""

from engine.answers.fast import Hard, canonical
from engine.answers.kinds import AnswerKind
from engine.answers.statements import stated
from engine.answers.worker import AnswerParser

__all__ = ["AnswerKind", "AnswerParser", "Hard", "canonical", "stated"]
