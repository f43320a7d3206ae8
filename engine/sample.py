"""One running sample: what it has generated, what a tool has told it, and what is known of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from numpy import float32

from engine.entropy import SignalWindow
from engine.errors import RequestFailedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.arms import Arm
    from engine.port import Chunk
    from engine.python_tool.tool import ToolSession
    from engine.tool_forms import Form
    from scheduler import StartSample


class RunningSample:
    """Gathers the chunks of one generation.

    Args:
        position: Place of its question in the stream.
        asked: What was asked for.
        arm: How it is sampled.
        max_tokens: Cut it at so many tokens.
    """

    __slots__ = (
        "_likeliest",
        "_marks",
        "_told",
        "arm",
        "asked",
        "calls",
        "ended",
        "form",
        "ids",
        "is_whole",
        "max_tokens",
        "position",
        "probes",
        "prompt",
        "sample",
        "signals",
        "start",
        "started",
        "task",
        "text",
        "tool",
        "turn",
        "waits",
    )

    def __init__(self, position: int, asked: StartSample, arm: Arm, max_tokens: int | None) -> None:
        self.position = position
        self.sample = asked.sample
        self.asked = asked
        self.arm = arm
        self.max_tokens = max_tokens
        self.prompt: tuple[int, ...] = ()
        self.ids: list[int] = []  # that follow the prompt: generated, and told by a tool
        self.text: list[str] = []
        self.turn = 0  # where in `text` begins what follows the tool's last answer
        self.form: Form | None = None  # in which it calls the tool
        self.calls = 0  # of the tool
        self.is_whole = False  # `text`, which an engine may hold back to a generation's end
        self.waits = False  # for the tool, or for what it builds on
        self.tool: ToolSession | None = None
        self.signals = SignalWindow()
        self.start = 0  # of the engine that it runs on
        self.started = False
        self.ended = False  # by itself: a stop comes too late
        self.task: asyncio.Task[None] | None = None
        self.probes: set[asyncio.Task[None]] = set()
        self._told: list[tuple[int, int]] = []  # after so many generated tokens, so many ids
        self._marks: dict[str, int] = {}
        self._likeliest: int | None = None  # how many log-probabilities come with a token

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return len(self.ids) - sum(count for _, count in self._told)

    def context(self, tokens: int) -> tuple[int, ...]:
        """Give the ids after the prompt at the moment when so many tokens had been generated."""
        told = sum(count for after, count in self._told if after <= tokens)
        return tuple(self.ids[: tokens + told])

    def tell(self, text: str, ids: tuple[int, ...]) -> None:
        """Put a tool's answer behind what was generated."""
        self._told.append((self.tokens, len(ids)))
        self.ids += ids
        self.text.append(text)
        self.turn = len(self.text)

    def forget_end(self, ids: tuple[int, ...]) -> None:
        """Take the model's mark of its end off the context; it counts as generated.

        Args:
            ids: Of the text since the tool's last answer.
        """
        if tuple(self.ids[-len(ids) - 1 : -1]) == ids:
            self._told.append((self.tokens, -1))
            self.ids.pop()

    def stop(self) -> None:
        """Cancel its tasks, but not the one that asks for it."""
        for task in (self.task, *self.probes):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def close_tool(self) -> None:
        """End its programs."""
        if self.tool is not None:
            self.tool.close()

    def take(self, chunk: Chunk) -> None:
        """Add what came.

        Raises:
            RequestFailedError: if the chunk is not what a chunk may be.
        """
        try:
            ids = [int(token) for token in chunk.token_ids]
            if not isinstance(chunk.text, str):
                raise TypeError(f"its text is {chunk.text!r}")  # noqa: TRY301 - one road for garbage
            if chunk.logprobs is not None:
                self._measure(chunk.logprobs, len(ids))
        except (TypeError, ValueError, AttributeError) as error:
            raise RequestFailedError(f"the engine sent garbage: {error}") from error
        self.ids += ids
        self.is_whole = chunk.finish_reason is not None
        if chunk.text:
            self.text.append(chunk.text)

    def _measure(self, logprobs: NDArray[float32], tokens: int) -> None:
        """Take log-probabilities; what is no table of them would break the signals later."""
        rows, likeliest = logprobs.shape
        if not rows and not tokens:
            return
        if rows != tokens or self._likeliest not in {None, likeliest}:
            raise ValueError(f"log-probabilities of shape {logprobs.shape} for {tokens} tokens")
        self._likeliest = likeliest
        self.signals.add(logprobs.astype(float32, copy=False))

    def passed(self, purpose: str, every: int | None) -> bool:
        """Whether the next multiple of `every` tokens has been reached since the last time.

        Each purpose is counted apart; an `every` that is None is never reached.
        """
        if every is None or self.tokens < self._marks.get(purpose, every):
            return False
        self._marks[purpose] = (self.tokens // every + 1) * every
        return True
