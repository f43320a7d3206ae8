"""Play small streams in the simulated world and keep every event and action.

Run as a script, it prints what each policy named on the command line decided, as bytes:

    python tests/conformance/decisions.py lead share:forced=true
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from unittest.mock import patch

from policies import parse_policy
from scheduler import LatencyProfile, SampleFinished, Scheduler, TimeBudget, encode
from scheduler.latency import Decode, Prefill, Probe
from simulations.play import Outcome, play
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample, ToolCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyEvent, QuestionOpened, Step

PLAIN = LatencyProfile(name="t", decode=Decode(width=(1,), step_s=(0.01,)))
"""A hundred tokens a second, whatever runs; nothing else costs time."""

FULL = LatencyProfile(
    name="full",
    decode=Decode(width=(1, 4, 16), step_s=(0.01, 0.012, 0.02), context_s_per_token=1e-7),
    prefill=Prefill(base_s=0.1, s_per_token=1e-4, request_s=0.01, stall_s=0.05),
    probe=Probe(base_s=0.05, tokens=8),
    stop_s=0.3,
    startup_s=2.0,
    max_sequences=6,
    kv_cache_tokens=6000,
)
"""Everything costs time, and there is less room than the policies ask for."""


@dataclass
class Played:
    """One stream, as the driver saw it.

    Attributes:
        outcomes: One a question.
        events: All that the core was told.
        steps: All that it wanted, in the same order.
        budget: The ledger.
    """

    budget: TimeBudget
    outcomes: list[Outcome] = field(default_factory=list)
    events: list[QuestionOpened | AnyEvent] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def finished(self) -> int:
        """Samples that had ended by themselves when the last answer was submitted."""
        return sum(isinstance(event, SampleFinished) for event in self.events)

    def decisions(self) -> bytes:
        """All actions in order, as journals hold them."""
        return b"\n".join(encode(action) for step in self.steps for action in step.actions)


def watch(
    spec: str,
    questions: Sequence[Sequence[LoggedSample]],
    *,
    profile: LatencyProfile = PLAIN,
    total_s: float = 1000.0,
    gateway_s: float = 0.0,
) -> Played:
    """Play a policy by name on questions, each a list of samples in start order."""
    played = Played(TimeBudget(total_s, questions=max(1, len(questions))))

    class Watched(Scheduler):
        """Keeps what passes."""

        def open(self, event: QuestionOpened) -> Step:
            """Keep the opening."""
            return self._keep(event, super().open(event))

        def handle(self, event: AnyEvent) -> Step:
            """Keep the event."""
            return self._keep(event, super().handle(event))

        def _keep(self, event: QuestionOpened | AnyEvent, step: Step) -> Step:
            played.events.append(event)
            played.steps.append(step)
            return step

    asked = [
        (LoggedQuestion(f"q{number}", "7", {"default": tuple(samples)}, None, {}), list(samples))
        for number, samples in enumerate(questions)
    ]
    with patch("simulations.play.Scheduler", Watched):
        played.outcomes = play(
            parse_policy(spec).build(),
            played.budget,
            profile,
            asked,
            startup_s=profile.startup_s,
            gateway_s=gateway_s,
        )
    return played


def sample(
    number: int, answer: str | None, tokens: int, tool_calls: tuple[ToolCall, ...] = ()
) -> LoggedSample:
    """Make a sample that is probed every 20 tokens and grows surer of its answer."""
    checkpoints = tuple(
        Checkpoint(
            tokens=at,
            mean_entropy=0.5,
            tail_entropy=0.1 + 0.5 * (number % 5) * at / max(tokens, 1),
            probed=True,
            answer=answer if 2 * at > tokens else None,
            confidence=5.0 + number % 3,
        )
        for at in range(20, tokens, 20)
    )
    return LoggedSample(
        sample=number,
        tokens=tokens,
        answer=answer,
        prompt_tokens=50,
        mean_entropy=0.5,
        tail_entropy=0.25,
        checkpoints=checkpoints,
        tool_calls=tool_calls,
    )


def mixed_stream() -> list[list[LoggedSample]]:
    """Make four questions of 64 samples: easy, split, with tools, and hardly ever parsed."""
    answers = (
        ("7",),
        ("7", "8", "7", "9", "8"),
        ("7", "8", None),
        (None, None, None, None, "7"),
    )
    return [
        [
            sample(
                number,
                kinds[number % len(kinds)],
                60 + (number * 37 + place * 11) % 400,
                (ToolCall(30, 0.5),) if place == 2 and number % 3 == 0 else (),
            )
            for number in range(64)
        ]
        for place, kinds in enumerate(answers)
    ]


def main() -> None:
    """Print the decisions of the policies named on the command line."""
    for spec in sys.argv[1:]:
        for profile in (PLAIN, FULL):
            played = watch(spec, mixed_stream(), profile=profile, total_s=40.0, gateway_s=0.1)
            sys.stdout.buffer.write(spec.encode() + b"\n" + played.decisions() + b"\n")


if __name__ == "__main__":
    main()
