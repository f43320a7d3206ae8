"""One sequence in the simulated engine: a sample, or the short continuation of a probe."""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum
from typing import TYPE_CHECKING

from scheduler import FinishReason

if TYPE_CHECKING:
    from simulations.pool import Checkpoint, LoggedSample

SLACK_TOKENS = 64
SLACK_SHARE = 0.05
"""A sample that was stopped when it was logged may live so much longer than its log: the clock is
a model, and whoever stops it when the log did must not come a few tokens too late."""


class Stage(Enum):
    """Where a sequence stands in the engine."""

    QUEUED = "queued"
    PREFILLING = "prefilling"
    DECODING = "decoding"
    IN_TOOL = "in tool"
    GONE = "gone"


class Sequence:
    """What the engine holds of one sample.

    Attributes:
        position: Place of its question in the stream.
        sample: Its number within the question.
        log: The logged sample that it plays.
        end_tokens: Tokens at which it ends.
        cut: Whether a limit ends it before its logged end.
        stage: Where it stands.
        stopping: Whether it was stopped and the engine has not noticed yet.
        asked_tokens: For the continuation of a probe, the tokens of the sample when it was
            asked; None for a sample.
        begun: Whether its start was reported.
        in_tool: Whether its tool's return is still to be reported.
        uncached_tokens: Tokens of its context that its next prefill must compute.
        told_tokens: Tokens that tools put into its context.
        milestone: Its own tokens at which it next does something.
        epoch: Rises whenever an entry of the queue for it becomes void.
        admitted: Order in which the engine took it in.
    """

    __slots__ = (
        "_base_tokens",
        "_progress_every",
        "_reported",
        "admitted",
        "asked_tokens",
        "begun",
        "cut",
        "end_tokens",
        "epoch",
        "in_tool",
        "log",
        "milestone",
        "position",
        "sample",
        "stage",
        "stopping",
        "told_tokens",
        "tools_done",
        "uncached_tokens",
    )

    def __init__(
        self,
        position: int,
        sample: int,
        log: LoggedSample,
        *,
        max_tokens: int | None = None,
        progress_every: int | None = None,
        uncached_tokens: int = 0,
        asked_tokens: int | None = None,
    ) -> None:
        self.position = position
        self.sample = sample
        self.log = log
        logged_tokens = log.tokens
        if log.finish_reason is FinishReason.STOPPED:
            logged_tokens += SLACK_TOKENS + int(SLACK_SHARE * log.tokens)
        self.cut = max_tokens is not None and max_tokens < logged_tokens
        self.end_tokens = max_tokens if self.cut and max_tokens is not None else logged_tokens
        self.stage = Stage.QUEUED
        self.stopping = False
        self.asked_tokens = asked_tokens
        self.begun = asked_tokens is not None  # nobody waits for the start of a probe
        self.in_tool = False
        self.uncached_tokens = uncached_tokens
        self.tools_done = 0
        self.told_tokens = 0
        self.epoch = 0
        self.admitted = 0
        self._progress_every = progress_every
        self._base_tokens = 0.0  # own tokens less the clock's, while decoding; own tokens, else
        self._reported = 0  # tokens at the last progress report
        self.milestone = self._next_milestone()

    def enter_batch(self, clock_tokens: float) -> float:
        """Begin to decode; return the clock's tokens at the milestone."""
        self.stage = Stage.DECODING
        self._base_tokens -= clock_tokens
        return self.milestone - self._base_tokens

    def leave_batch(self, clock_tokens: float) -> float:
        """Decode no more; return the context held until now, in tokens."""
        self._base_tokens += clock_tokens
        self.stage = Stage.QUEUED
        self.epoch += 1
        return self.context(clock_tokens)

    def context(self, clock_tokens: float) -> float:
        """Return the tokens of context that it needs."""
        return self.log.prompt_tokens + self.told_tokens + self.generated(clock_tokens)

    def generated(self, clock_tokens: float) -> float:
        """Return the tokens generated so far."""
        if self.stage is Stage.DECODING:
            return self._base_tokens + clock_tokens
        return self._base_tokens

    def pass_milestone(self) -> float:
        """Look for the next milestone; return the clock's tokens at it."""
        self.milestone = self._next_milestone()
        return self.milestone - self._base_tokens

    def report_is_due(self) -> bool:
        """Whether the milestone reached is a progress report, which is then taken as made."""
        if self._progress_every is None or self.milestone >= self.end_tokens:
            return False
        due = self.milestone >= self._next_report()
        if due:
            self._reported = self.milestone
        return due

    def tool_is_due(self) -> bool:
        """Whether the milestone reached is a tool call."""
        calls = self.log.tool_calls
        return self.tools_done < len(calls) and calls[self.tools_done].tokens <= self.milestone

    def _next_report(self) -> int:
        every = self._progress_every or 1
        return (self._reported // every + 1) * every

    def _next_milestone(self) -> int:
        following = self.end_tokens
        if self._progress_every is not None:
            following = min(following, self._next_report())
        if self.tools_done < len(self.log.tool_calls):
            following = min(following, self.log.tool_calls[self.tools_done].tokens)
        return following


def latest(checkpoints: tuple[Checkpoint, ...], tokens: float) -> Checkpoint | None:
    """Return the last checkpoint at or before an age in tokens."""
    found = bisect_right(checkpoints, tokens, key=lambda checkpoint: checkpoint.tokens)
    return checkpoints[found - 1] if found else None


def latest_probe(checkpoints: tuple[Checkpoint, ...], tokens: float) -> str | None:
    """Return the answer of the last probed checkpoint at or before an age in tokens."""
    found = bisect_right(checkpoints, tokens, key=lambda checkpoint: checkpoint.tokens)
    for checkpoint in reversed(checkpoints[:found]):
        if checkpoint.probed:
            return checkpoint.answer
    return None
