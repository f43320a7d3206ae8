"""A rig: an engine and how it is used, which everything live shares."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.python_tool.tool import PythonTool
from scheduler import DEFAULT_ARM, CallerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.arms import Arm, EngineName
    from engine.port import Engine
    from policies.mixtures import MixedArm

SILENCE_S = 60.0
"""An engine that sends nothing to any of its samples for so long counts as dead."""


class Parser(Protocol):
    """Turns text into a canonical answer."""

    async def parse(self, text: str) -> str | None:
        """Give the answer, or None where it is not sure."""

    async def warm(self) -> None:
        """Load what the first text would wait for."""

    def close(self) -> None:
        """End what was started for it."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured of running samples.

    Attributes:
        logprobs: How many of the likeliest tokens tell the entropy; 0 measures none.
        report_every_tokens: Report progress to the core each time a sample has grown by so
            many; None for never.
        checkpoint_every_tokens: Measure at least as often for the journal; None for never.
        probe_every_tokens: Probe each sample each time it has grown by so many, for the
            journal; None for never.
    """

    logprobs: int = 5
    report_every_tokens: int | None = None
    checkpoint_every_tokens: int | None = 256
    probe_every_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """An engine and how it is used.

    Attributes:
        engine: Started or not; whoever runs the rig owns it.
        arms: How to sample, by name; the first one is what policies call the default.
        parser: Turns texts into answers.
        measure: What is measured of running samples.
        silence_s: As `SILENCE_S`.
        tool: For arms that use it; None lets their programs unanswered.
        second: A second engine for arms that name it; their samples fail without.
    """

    engine: Engine
    arms: Mapping[str, Arm]
    parser: Parser
    measure: Measure
    silence_s: float = SILENCE_S
    tool: PythonTool | None = None
    second: Engine | None = None

    @property
    def engines(self) -> Mapping[EngineName, Engine]:
        """The engines there are, by the name that arms call them."""
        engines: dict[EngineName, Engine] = {"main": self.engine}
        if self.second is not None:
            engines["second"] = self.second
        return engines

    async def start(self) -> None:
        """Bring the engines up, one after the other: each looks how much memory is free.

        Raises:
            EngineError: if one does not come up.
        """
        for engine in self.engines.values():
            await engine.start()

    async def close(self) -> None:
        """End the engines, each whatever the other does."""
        async with AsyncExitStack() as stack:
            for engine in self.engines.values():
                stack.push_async_callback(engine.close)

    @property
    def first_arm(self) -> str:
        """Name of the first arm."""
        return next(iter(self.arms))

    def require(self, arms: Iterable[MixedArm]) -> None:
        """Refuse a policy that samples by arms that are not there, or are of another kind.

        Raises:
            CallerError: naming the arm.
        """
        for wanted in arms:
            arm = self.arms.get(wanted.name)
            if arm is None:
                raise CallerError(
                    f"policy: the arms are {', '.join(self.arms)}, not {wanted.name!r}"
                )
            if (arm.judges, arm.builds_on) != (wanted.judges, wanted.builds_on):
                raise CallerError(f"policy: {wanted.mismatch}")
            if arm.engine not in self.engines:
                raise CallerError(
                    f"policy: arm {wanted.name!r} runs on the {arm.engine} engine, and there is "
                    "none"
                )

    def resolve(self, arm: str) -> str | None:
        """Give the name of the arm that is meant; None if there is none of this name."""
        if arm == DEFAULT_ARM:
            return self.first_arm
        return arm if arm in self.arms else None


def tool_of(arms: Iterable[Arm]) -> PythonTool | None:
    """Make the tool that some of the arms use; it is not started. None if none does."""
    return PythonTool() if any(arm.tools for arm in arms) else None
