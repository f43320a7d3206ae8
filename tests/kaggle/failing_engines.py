"""Engines with every fault that the campaign knows."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np
from scripted_streams import BOX, text_of
from virtual_predict import block

from engine.errors import EngineDeadError, MissingPartError, RequestFailedError
from engine.port import Chunk, PromptScore
from engine.scripted import Fault, Script, ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from numpy.random import Generator

    from engine.port import EngineInfo, Message, Request
    from scheduler import LatencyProfile

SHARES = (0.05, 0.3, 1.0)
"""How often a fault strikes, of the times it can: one of these for an engine."""

CHUNK_S = 50.0
"""Seconds that a chunk takes, at most: after a silence of a minute an engine counts as dead."""

FLOOD_CHUNKS = 60
FLOOD_CHUNK_S = 0.007

_TAIL = re.compile(r"=(\d+)$")


class EngineFault(StrEnum):
    """What may be wrong with an engine; with all of its requests, or with some."""

    NEVER_STARTS = "never starts"
    """Each start takes its time and fails."""
    START_HANGS = "start hangs"
    """No start ever returns."""
    START_BLOCKS = "start blocks"
    """A start keeps the loop's thread to itself."""
    LACKS_PART = "lacks a part"
    """A start says that no start will ever do."""
    STARTS_LATE = "starts late"
    """A start takes a good part of the stream."""
    DIES_ON_START = "dies on start"
    """Some starts raise one thing or another."""
    DIES = "dies"
    """All requests die at once, some times in the stream."""
    STALLS = "stalls"
    """No request gets anything for a while."""
    BLOCKS = "blocks"
    """The loop's thread is kept, some times in the stream."""
    BLOCKS_FOR_GOOD = "blocks for good"
    """The loop's thread never comes back."""
    FLOODS = "floods"
    """Chunks come in hundreds, a token or nothing in each."""
    LIES = "lies"
    """Chunks hold what no chunk may hold."""
    GARBAGE_TEXT = "garbage text"
    """The text is no text, or the answer no answer."""
    HANGS_ON_STOP = "hangs on stop"
    """A request that is stopped does not let go."""
    CLOSE_HANGS = "close hangs"
    """It cannot be ended."""
    CLOSE_RAISES = "close raises"
    """Ending it fails."""
    RAISES = "raises"
    """Any call raises any exception."""
    EXITS = "exits"
    """Any call raises what no handler of exceptions catches."""
    ENCODE_HANGS = "encode hangs"
    """A prompt's tokens never come."""
    SCORE_FAILS = "score fails"
    """What the model thinks of a prompt is late, or nonsense."""
    SAMPLE_HANGS = "sample hangs"
    SAMPLE_GARBAGE = "sample: garbage"
    SAMPLE_TWICE = "sample ends twice"
    SAMPLE_NAN = "sample: NaN"
    SAMPLE_NO_END = "sample has no end"
    SAMPLE_FLOOD = "sample never ends"
    SAMPLE_LOST = "sample is lost"
    SAMPLE_DEAD = "sample kills"
    SAMPLE_SLOW_STOP = "sample stops late"


_OF_SAMPLES = {
    EngineFault.SAMPLE_HANGS: Fault.HANG,
    EngineFault.SAMPLE_GARBAGE: Fault.GARBAGE,
    EngineFault.SAMPLE_TWICE: Fault.TWICE,
    EngineFault.SAMPLE_NAN: Fault.NAN,
    EngineFault.SAMPLE_NO_END: Fault.NO_END,
    EngineFault.SAMPLE_FLOOD: Fault.FLOOD,
    EngineFault.SAMPLE_LOST: Fault.LOST,
    EngineFault.SAMPLE_DEAD: Fault.DEAD,
    EngineFault.SAMPLE_SLOW_STOP: Fault.SLOW_STOP,
}

_RAISED = (ValueError, KeyError, OSError, MemoryError, RecursionError, TimeoutError, EOFError)
_ENGINES = (EngineDeadError, RequestFailedError)
_EXITS = (SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError)

_BAD_ANSWERS = ("123456", "-7", "", "9" * 5000, "1e3", "٣٤٥", "1_0", "0x1f", "\ud800", "\x00", "½")
_BAD_TEXTS = ("\ud800\udfff" * 8, "\x00" * 40, "\\boxed{" * 40, "}" * 40, "\U0010ffff" * 9, "")

_LIES = (
    None,
    Chunk(token_ids=cast("Any", "words"), text=cast("Any", None)),
    Chunk(token_ids=(1,), text=cast("Any", b"x")),
    Chunk(token_ids=(-1, 2**70), text="xx"),
    Chunk(token_ids=(1,), text="x", logprobs=np.zeros((7, 2), dtype=np.float32)),
    Chunk(token_ids=(1,), text="x", logprobs=cast("Any", [[0.0]])),
    Chunk(token_ids=(1,), text="x", finish_reason=cast("Any", "bored")),
    Chunk(token_ids=(1,), text="x", finish_reason=cast("Any", 7)),
)


class Solver:
    """What engines generate: the number behind the `=` that ends a question's text, mostly.

    Args:
        rng: Where its luck comes from.
        tokens: Of a sample, in the middle.
        faults: Of the engine.
    """

    def __init__(self, rng: Generator, tokens: int, faults: frozenset[EngineFault]) -> None:
        self._rng = rng
        self._tokens = tokens
        self._garbage = EngineFault.GARBAGE_TEXT in faults
        self._faults = [fault for one, fault in _OF_SAMPLES.items() if one in faults]
        self._share = SHARES[rng.integers(len(SHARES))]

    def __call__(self, prompt: str) -> Script:
        """Say what follows a prompt."""
        rng = self._rng
        found = _TAIL.search(prompt.partition("\n")[0][-16:])
        answer = found.group(1) if found is not None and rng.random() < 0.8 else "4711"
        garbage = self._garbage and rng.random() < self._share
        if garbage and rng.random() < 0.5:
            return Script(text=_BAD_TEXTS[rng.integers(len(_BAD_TEXTS))])
        if garbage:
            answer = _BAD_ANSWERS[rng.integers(len(_BAD_ANSWERS))]
        if prompt.endswith(BOX):
            return Script(text=f"{answer}}}\n")
        length = 20 + int(self._tokens * rng.lognormal(0.0, 0.4))
        fault = None
        if self._faults and rng.random() < self._share:
            fault = self._faults[rng.integers(len(self._faults))]
        if fault is Fault.FLOOD:
            length *= 20  # past any limit; what comes beyond its text comes token by token
        return Script(text=text_of(length, answer), fault=fault)


class FailingEngine(ScriptedEngine):
    """A scripted engine on which all may go wrong.

    Args:
        faults: What does.
        rng: Where its luck comes from.
        profile: What a step costs.
        tokens: Of a sample, in the middle.
        stream_s: Seconds of the stream, to which faults are long or short.
        max_model_len: Tokens of a prompt and its generation together.
    """

    def __init__(
        self,
        faults: frozenset[EngineFault],
        rng: Generator,
        profile: LatencyProfile,
        *,
        tokens: int,
        stream_s: float,
        max_model_len: int,
    ) -> None:
        late = EngineFault.STARTS_LATE in faults
        super().__init__(
            Solver(rng, tokens, faults),
            profile,
            chunk_tokens=max(1, min(tokens // 2, int(CHUNK_S / profile.step_s(1)))),
            start_s=stream_s * uniform(rng, 0.1, 0.9) if late else stream_s * uniform(rng, 0, 0.02),
            slow_stop_s=stream_s * uniform(rng, 0.001, 0.1),
            max_model_len=max_model_len,
        )
        self._faults = faults
        self._rng = rng
        self._stream_s = stream_s
        self._share = SHARES[rng.integers(len(SHARES))]
        self._bad_starts = int(rng.integers(1, 6))
        when = {
            fault: sorted(uniform(rng, 0.0, stream_s) for _ in range(rng.integers(1, 6)))
            for fault in (EngineFault.DIES, EngineFault.STALLS, EngineFault.BLOCKS)
        }
        when[EngineFault.BLOCKS_FOR_GOOD] = [uniform(rng, 0.0, stream_s)]
        self._when = {fault: times for fault, times in when.items() if fault in faults}
        self._stalled_until_s = 0.0

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        self._fail()
        return super().info

    async def start(self) -> None:
        """Bring it up, or not."""
        if EngineFault.LACKS_PART in self._faults:
            raise MissingPartError("there is no model")
        if EngineFault.START_HANGS in self._faults:
            await asyncio.sleep(inf_s(self._stream_s))
        if EngineFault.START_BLOCKS in self._faults:
            block(self._stream_s * uniform(self._rng, 0.0, 0.5))
        if EngineFault.NEVER_STARTS in self._faults:
            await asyncio.sleep(self._stream_s * uniform(self._rng, 0.0, 0.1))
            raise EngineDeadError("out of memory")
        if EngineFault.DIES_ON_START in self._faults and self._bad_starts:
            self._bad_starts -= 1
            self._raise((*_RAISED, *_ENGINES))
        await super().start()

    async def close(self) -> None:
        """End it, or not."""
        self._up = False
        if EngineFault.CLOSE_RAISES in self._faults and self._strikes():
            self._raise((*_RAISED, *_ENGINES))
        if EngineFault.CLOSE_HANGS in self._faults and self._strikes():
            await self._hold(self._stream_s * uniform(self._rng, 0.0, 2.0))
        await super().close()

    async def check(self) -> None:
        """Return if it lives."""
        self._fail()
        await super().check()

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give the characters' numbers."""
        self._fail()
        return await super().encode(text)

    async def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, ...]:
        """Join the turns with line ends."""
        self._fail()
        if EngineFault.ENCODE_HANGS in self._faults and self._strikes():
            await asyncio.sleep(inf_s(self._stream_s))
        return await super().encode_chat(messages, thinking=thinking, tools=tools)

    async def score(self, prompt: tuple[int, ...]) -> PromptScore | None:
        """Find two tokens likely, or talk nonsense."""
        del prompt
        self._fail()
        if EngineFault.SCORE_FAILS in self._faults and self._strikes():
            if self._rng.random() < 0.5:
                await asyncio.sleep(inf_s(self._stream_s))
            return PromptScore(logprobs=(float("nan"), inf, 3.0))
        return PromptScore(logprobs=(-0.1, -0.2)) if self._up else None

    async def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate what the script says, if nothing is in the way."""
        self._fail()
        try:
            async with aclosing(super().generate(request)) as chunks:
                async for chunk in chunks:
                    await self._live()
                    if EngineFault.LIES in self._faults and self._strikes():
                        yield cast("Chunk", _LIES[self._rng.integers(len(_LIES))])
                    if EngineFault.FLOODS in self._faults and self._strikes():
                        for number in range(FLOOD_CHUNKS):
                            block(FLOOD_CHUNK_S)
                            yield Chunk(token_ids=(1,) * (number % 2), text="x" * (number % 2))
                    yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            if EngineFault.HANGS_ON_STOP in self._faults and self._strikes():
                await self._hold(self._stream_s * uniform(self._rng, 0.0, 2.0))
            raise

    def _strikes(self) -> bool:
        return self._rng.random() < self._share

    def _fail(self) -> None:
        """Raise, where any call may."""
        if EngineFault.RAISES in self._faults and self._rng.random() < 0.3 * self._share:
            self._raise((*_RAISED, *_ENGINES))
        if EngineFault.EXITS in self._faults and self._rng.random() < 0.3 * self._share:
            self._raise(_EXITS)

    def _raise(self, kinds: Sequence[type[BaseException]]) -> NoReturn:
        raise kinds[self._rng.integers(len(kinds))]("a fault")

    async def _live(self) -> None:
        """Meet the faults whose time has come."""
        now_s = asyncio.get_running_loop().time()
        for fault, times in self._when.items():
            if not times or times[0] > now_s:
                continue
            times.pop(0)
            if fault is EngineFault.DIES:
                self._up = False
                raise EngineDeadError("it died")
            if fault is EngineFault.STALLS:
                self._stalled_until_s = now_s + self._stream_s * uniform(self._rng, 0.0, 0.1)
            elif fault is EngineFault.BLOCKS:
                block(self._stream_s * uniform(self._rng, 0.0, 0.1))
            else:
                block(inf_s(self._stream_s))
        while (left_s := self._stalled_until_s - asyncio.get_running_loop().time()) > 0.0:  # noqa: ASYNC110 - for others may prolong it
            await asyncio.sleep(left_s)

    @staticmethod
    async def _hold(for_s: float) -> None:
        """Wait so long, whoever wants it to end."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + for_s
        while (left_s := end_s - loop.time()) > 0.0:
            try:
                await asyncio.sleep(left_s)
            except asyncio.CancelledError:
                continue


def uniform(rng: Generator, low: float, high: float) -> float:
    """Draw a number, one that a journal takes."""
    return float(rng.uniform(low, high))


def inf_s(stream_s: float) -> float:
    """Return seconds that outlast a stream."""
    return 10.0 * stream_s
