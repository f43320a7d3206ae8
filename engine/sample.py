"""One running sample: what it has generated and what is known of it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from engine.entropy import SignalWindow
from engine.errors import RequestFailedError

if TYPE_CHECKING:
    import asyncio

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
        self.started = False
        self.ended = False  # by itself: a stop comes too late
        self.task: asyncio.Task[None] | None = None
        self.probes: set[asyncio.Task[None]] = set()
        self._marks: dict[int, float] = {}

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return len(self.ids)

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
                self.signals.add(chunk.logprobs)
        except (TypeError, ValueError, AttributeError) as error:
            raise RequestFailedError(f"the engine sent garbage: {error}") from error
        self.ids += ids
        if chunk.text:
            self.text.append(chunk.text)

    def passed(self, every: int | None) -> bool:
        """Whether the next multiple of `every` tokens has been reached since the last time.

        Each `every` is counted apart; one that is None is never reached.
        """
        if every is None:
            return False
        if self.tokens < self._marks.get(every, every):
            return False
        self._marks[every] = (self.tokens // every + 1) * every if every else inf
        return True
