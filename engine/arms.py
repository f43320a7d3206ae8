"""Arms: how to sample, as data that a TOML file holds.

The prompt follows the model's own chat template. A probe appends the arm's `probe` text to what
a sample has generated so far, so that the model's next words are its answer; where the sample is
still inside its thinking, the thinking is closed first.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import msgspec

from engine.port import Message, Sampling
from engine.tool_calls import Tools
from scheduler import DEFAULT_ARM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduler import StartSample

BUNDLED = Path(__file__).with_name("arms.toml")
"""The portfolio that comes with the program."""

QUESTION, FIRST, SECOND, REASONING = "{question}", "{first}", "{second}", "{reasoning}"
"""Places in messages that a prompt fills."""

_PLACES = re.compile("|".join(map(re.escape, (QUESTION, FIRST, SECOND, REASONING))))

_JUDGED = 2
"""Candidates that a verifying arm judges."""


EngineName: TypeAlias = Literal["main", "second"]
"""Which of a rig's engines."""


class Extras(NamedTuple):
    """What a prompt is made of beside the question.

    Attributes:
        candidates: The two answers that are judged; empty where none are.
        reasoning: Of the sample that is built on; None where none is.
    """

    candidates: tuple[str, ...] = ()
    reasoning: str | None = None


NO_EXTRAS = Extras()
"""For prompts of the question alone."""


class ArmsError(Exception):
    """A portfolio of arms can't be read; the message is one line naming the file."""


class Arm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""How to sample.

    Attributes:
        messages: The chat; `{question}` stands for the question's text. In those of a verifying
            arm `{first}` and `{second}` stand for the two answers that a sample judges, in
            those of a two-stage arm `{reasoning}` for what its parent has thought. A last
            message of the assistant is continued instead of answered.
        sampling: How tokens are drawn.
        max_tokens: A generation ends there at the latest; None for what the model's context holds.
        thinking: Whether the model shall think first, where its template has that switch; None
            leaves it to the template.
        probe: What is appended to ask for the answer so far; it ends inside an open `\boxed{`.
        tools: What its samples may do with the Python tool; None without.
        engine: That its samples run on.
        builds_on: Arm of its samples' parents, for a two-stage arm; None for any other.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    thinking: bool | None = None
    probe: str = "\n\nThe final answer is \\boxed{"
    tools: Tools | None = None
    engine: EngineName = "main"
    builds_on: str | None = None

    def __post_init__(self) -> None:
        if not self._holds(QUESTION):
            raise ValueError(f"no message holds {QUESTION}")
        for one, other in ((FIRST, SECOND), (SECOND, FIRST)):
            if self._holds(one) and not self._holds(other):
                raise ValueError(f"messages hold {one} without {other}")
        if self._holds(REASONING) and self.builds_on is None:
            raise ValueError(f"messages hold {REASONING} without builds_on")
        if self.builds_on is not None and not self._holds(REASONING):
            raise ValueError(f"builds_on without {REASONING} in a message")
        if not self.probe.endswith("\\boxed{"):
            raise ValueError(f"probe must end with \\boxed{{, got {self.probe!r}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")

    @property
    def judges(self) -> bool:
        """Whether its samples judge two candidate answers."""
        return self._holds(FIRST)

    @property
    def stands_alone(self) -> bool:
        """Whether its prompts are made of the question alone."""
        return not self.judges and self.builds_on is None

    def refusal(self, action: StartSample) -> str | None:
        """Say what a sample of this arm lacks or has too much of; None if it is well asked for."""
        candidates = list(action.candidates)
        if self.judges and len(candidates) != _JUDGED:
            return f"judges two candidates, got {candidates}"
        if candidates and not self.judges:
            return f"judges no candidates, got {candidates}"
        if self.builds_on is not None and action.parent is None:
            return f"builds on a sample of {self.builds_on!r}, got none"
        if self.builds_on is None and action.parent is not None:
            return f"builds on no sample, got {action.parent}"
        return None

    def chat(self, question: str, extras: Extras = NO_EXTRAS) -> tuple[Message, ...]:
        """Put a question, and what else there is, into the messages."""
        values = {QUESTION: question, REASONING: extras.reasoning or ""}
        values |= zip((FIRST, SECOND), extras.candidates, strict=False)
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
    for name, arm in arms.items():
        if name == DEFAULT_ARM:
            raise ArmsError(f"{path}: arm {name!r}: the name stands for the first arm")
        if arm.builds_on not in {None, *arms}:
            raise ArmsError(
                f"{path}: arm {name!r}: builds_on must be one of {', '.join(arms)}, "
                f"got {arm.builds_on!r}"
            )
    if not arms:
        raise ArmsError(f"{path}: holds no arm")
    return arms
