"""A rig: an engine and how it is used, which everything live shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.arms import Arm
    from engine.port import Engine

SILENCE_S = 60.0
"""An engine that sends nothing to any of its samples for so long counts as dead."""


class Parser(Protocol):
    """Turns text into a canonical answer."""

    async def parse(self, text: str) -> str | None:
        """Give the answer, or None where it is not sure."""


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
        engine: Not started yet; whoever runs the rig owns it.
        arms: How to sample, by name; the first one is the default for what needs a prompt.
        parser: Turns texts into answers.
        measure: What is measured of running samples.
        silence_s: As `SILENCE_S`.
    """

    engine: Engine
    arms: Mapping[str, Arm]
    parser: Parser
    measure: Measure
    silence_s: float = SILENCE_S
