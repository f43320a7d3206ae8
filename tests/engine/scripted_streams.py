"""Streams on the scripted engine, for tests: its model, a rig, policies and a log."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loguru import logger

from engine.arms import Arm
from engine.port import Message
from engine.questions import Question
from engine.rig import Measure, Rig
from engine.runner import Runner
from engine.scripted import Script, ScriptedEngine
from policies import parse_policy
from scheduler import LatencyProfile, TimeBudget
from scheduler.latency import Decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from engine.journal import Journal
    from engine.scripted import Fault
    from scheduler import Policy

STEP_S = 0.01
PROFILE = LatencyProfile(name="flat", decode=Decode(width=(1,), step_s=(STEP_S,)), stop_s=0.02)
ARM = Arm(messages=(Message(role="user", content="{question}"),))
BOX = "\\boxed{"


def text_of(tokens: int, answer: str = "7") -> str:
    """Return a text of so many tokens that ends in an answer."""
    end = f"{BOX}{answer}}}"
    return end.rjust(tokens, ".")


class Model:
    """What the scripted engine plays.

    A probe is answered by what stands after the last `=` of the question. Otherwise the scripts
    of a question are played one after another, the last one again and again.

    Args:
        scripts: By question; another question gets one of 200 tokens.
    """

    def __init__(self, scripts: dict[str, Sequence[Script]] | None = None) -> None:
        self._scripts = scripts or {}
        self._played: Counter[str] = Counter()

    def __call__(self, prompt: str) -> Script:
        """Say what follows a prompt."""
        question = prompt.partition("\n")[0]
        answer = question.rpartition("=")[2]
        if prompt.endswith(BOX):
            return Script(text=f"{answer}}}\n")
        scripts = self._scripts.get(question) or [Script(text=text_of(200, answer))]
        number = self._played[question]
        self._played[question] += 1
        return scripts[min(number, len(scripts) - 1)]


class BoxParser:
    """Reads the last whole box."""

    async def parse(self, text: str) -> str | None:
        """Give what is in it."""
        found = re.findall(r"\\boxed\{([^{}]*)\}", text)
        return found[-1] if found else None

    async def warm(self) -> None:
        """Be ready at once."""

    def close(self) -> None:
        """Hold nothing."""


def faulty(fault: Fault, tokens: int = 200, answer: str = "7") -> Script:
    """Return a script that goes wrong."""
    return Script(text=text_of(tokens, answer), fault=fault)


def rig_of(engine: ScriptedEngine, *, silence_s: float = 20.0, **measure: int | None) -> Rig:
    """Return a rig with one arm."""
    return Rig(
        engine=engine,
        arms={"plain": ARM},
        parser=BoxParser(),
        measure=Measure(**measure),
        silence_s=silence_s,
    )


def runner_of(
    engine: ScriptedEngine,
    policy: str | Callable[[], Policy] = "self-consistency:k=4",
    *,
    budget: TimeBudget,
    journal: Journal | None = None,
    **rig: float,
) -> Runner:
    """Return a runner on the time of the running loop."""
    make = parse_policy(policy).build if isinstance(policy, str) else policy
    clock = asyncio.get_running_loop().time
    return Runner(rig_of(engine, **rig), make, budget, PROFILE, journal=journal, clock=clock)  # type: ignore[arg-type]


def questions(count: int) -> list[Question]:
    """Return questions whose answers are their numbers."""
    return [
        Question(question_id=f"q{n}", question=f"what is {n}=7", gold="7") for n in range(count)
    ]


@contextmanager
def logged() -> Iterator[list[str]]:
    """Give the lines that are logged meanwhile, level first."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line).rstrip("\n")), format="{level} {message}")
    try:
        yield lines
    finally:
        logger.remove(sink)
