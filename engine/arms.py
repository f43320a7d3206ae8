"""Arms: how to sample, as data that a TOML file holds.

The prompt follows the model's own chat template. A probe appends the arm's `probe` text to what
a sample has generated so far, so that the model's next words are its answer; where the sample is
still inside its thinking, the thinking is closed first.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.port import Message, Sampling
from engine.tool_calls import Tools

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUNDLED = Path(__file__).with_name("arms.toml")
"""The portfolio that comes with the program."""

QUESTION, FIRST, SECOND = "{question}", "{first}", "{second}"
"""Places in messages that a prompt fills."""

_PLACES = re.compile("|".join(map(re.escape, (QUESTION, FIRST, SECOND))))

_JUDGED = 2
"""Candidates that a verifying arm judges."""


class ArmsError(Exception):
    """A portfolio of arms can't be read; the message is one line naming the file."""


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""How to sample.

    Attributes:
        messages: The chat; `{question}` stands for the question's text. In those of a verifying
            arm `{first}` and `{second}` stand for the two answers that a sample judges.
        sampling: How tokens are drawn.
        max_tokens: A generation ends there at the latest; None for what the model's context holds.
        thinking: Whether the model shall think first, where its template has that switch; None
            leaves it to the template.
        probe: What is appended to ask for the answer so far; it ends inside an open `\boxed{`.
        tools: What its samples may do with the Python tool; None without.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    thinking: bool | None = None
    probe: str = "\n\nThe final answer is \\boxed{"
    tools: Tools | None = None

    def __post_init__(self) -> None:
        if not self._holds(QUESTION):
            raise ValueError(f"no message holds {QUESTION}")
        for one, other in ((FIRST, SECOND), (SECOND, FIRST)):
            if self._holds(one) and not self._holds(other):
                raise ValueError(f"messages hold {one} without {other}")
        if not self.probe.endswith("\\boxed{"):
            raise ValueError(f"probe must end with \\boxed{{, got {self.probe!r}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")

    @property
    def judges(self) -> bool:
        """Whether its samples judge two candidate answers."""
        return self._holds(FIRST)

    def refusal(self, candidates: Sequence[str]) -> str | None:
        """Say why a sample of this arm can't be made of such candidates; None if it can."""
        if self.judges and len(candidates) != _JUDGED:
            return f"judges two candidates, got {list(candidates)}"
        if candidates and not self.judges:
            return f"judges no candidates, got {list(candidates)}"
        return None

    def chat(self, question: str, candidates: Sequence[str] = ()) -> tuple[Message, ...]:
        """Put a question, and the candidates of a verifying arm, into the messages."""
        values = dict(zip((QUESTION, FIRST, SECOND), (question, *candidates), strict=False))
        return tuple(
            # In one go: a question may hold what looks like a place.
            Message(
                role=message.role,
                content=_PLACES.sub(lambda place: values[place[0]], message.content),
            )
            for message in self.messages
        )

    def _holds(self, place: str) -> bool:
        return any(place in message.content for message in self.messages)


def read_arms(path: Path = BUNDLED) -> Mapping[str, Arm]:
    """Read a portfolio: a TOML table an arm.

    Raises:
        ArmsError: naming the file, the arm and the field that is wrong.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ArmsError(f"{path}: {error}") from error
    arms = {}
    for name, table in tables.items():
        try:
            arms[name] = msgspec.convert(table, Arm)
        except msgspec.ValidationError as error:
            raise ArmsError(f"{path}: arm {name!r}: {error}") from error
    if not arms:
        raise ArmsError(f"{path}: holds no arm")
    return arms
