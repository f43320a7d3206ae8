"""One running sample: what it has generated and what is known of it."""

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


class RunningSample:
    """Gathers the chunks of one generation.

    Args:
        position: Place of its question in the stream.
        sample: Its number within the question.
        arm: How it is sampled.
        max_tokens: Cut it at so many tokens.
    """

    __slots__ = (
        "_likeliest",
        "_marks",
        "arm",
        "ended",
        "ids",
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
    )

    def __init__(self, position: int, sample: int, arm: Arm, max_tokens: int | None) -> None:
        self.position = position
        self.sample = sample
        self.arm = arm
        self.max_tokens = max_tokens
        self.prompt: tuple[int, ...] = ()
        self.ids: list[int] = []
        self.text: list[str] = []
        self.signals = SignalWindow()
        self.start = 0  # of the engine that it runs on
        self.started = False
        self.ended = False  # by itself: a stop comes too late
        self.task: asyncio.Task[None] | None = None
        self.probes: set[asyncio.Task[None]] = set()
        self._marks: dict[str, int] = {}
        self._likeliest: int | None = None  # how many log-probabilities come with a token

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return len(self.ids)

    def stop(self) -> None:
        """Cancel its tasks, but not the one that asks for it."""
        for task in (self.task, *self.probes):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

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
