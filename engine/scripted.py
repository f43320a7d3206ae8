"""An engine that plays scripts: for tests, dry runs and faults on demand.

Its model is a function from the prompt's text to a `Script`. A token is a character; one step
of all running requests takes what a latency profile says at their number. It runs on any event
loop, so also on one whose time is virtual.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np

from engine.errors import EngineDeadError, RequestFailedError
from engine.port import Chunk, EngineInfo, PromptScore, is_begun

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from engine.port import Message, Request
    from scheduler import LatencyProfile


class Fault(StrEnum):
    """What may go wrong with a request."""

    HANG = "hang"
    """Halfway, nothing comes any more."""
    GARBAGE = "garbage"
    """Halfway, a chunk comes that holds none of what it should."""
    TWICE = "twice"
    """The end is reported twice."""
    NAN = "nan"
    """Every log-probability is NaN."""
    NO_END = "no-end"
    """The stream ends without a reason."""
    FLOOD = "flood"
    """It never ends by itself, not even at its limit of tokens."""
    LOST = "lost"
    """Halfway, the request is lost; the engine goes on."""
    DEAD = "dead"
    """Halfway, the engine dies."""
    SLOW_STOP = "slow-stop"
    """A stop takes as long as `ScriptedEngine.slow_stop_s`."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What a request generates.

    Attributes:
        text: All of it, a token a character.
        logprobs: Log-probabilities (nats) of the likeliest tokens, the same at each token, best
            first.
        fault: What goes wrong; None if nothing does.
    """

    text: str
    logprobs: tuple[float, ...] = (-0.1, -2.5, -4.0)
    fault: Fault | None = None


def lines(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
    """Join the turns with line ends, none after an answer that is begun; it knows of no tools."""
    del tools
    text = "".join(f"{message.content}\n" for message in messages)
    return text.removesuffix("\n") if is_begun(messages) else text


class ScriptedEngine:
    """Plays what `model` says.

    Args:
        model: The prompt's whole text to what follows.
        profile: What a step costs.
        chunk_tokens: Tokens that come in one chunk, at most.
        start_s: Seconds until it is up.
        slow_stop_s: Seconds of a stop that is slow.
        max_model_len: Tokens of a prompt and its generation together.
        template: Writes a chat, and what it may call, as the prompt's text.
    """

    def __init__(
        self,
        model: Callable[[str], Script],
        profile: LatencyProfile,
        *,
        chunk_tokens: int = 1,
        start_s: float = 0.0,
        slow_stop_s: float = 60.0,
        max_model_len: int = 1 << 20,
        template: Callable[[Sequence[Message], Sequence[Mapping[str, Any]]], str] = lines,
    ) -> None:
        self._model = model
        self._profile = profile
        self._chunk_tokens = chunk_tokens
        self._start_s = start_s
        self._slow_stop_s = slow_stop_s
        self._max_model_len = max_model_len
        self._template = template
        self._up = False
        self.running = 0
        """Requests that are being generated."""
        self.generated = 0
        """Tokens generated since it was made."""
        self.start_number = 0
        """How often it was started."""

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        return EngineInfo(
            engine="scripted",
            model="script",
            max_model_len=self._max_model_len,
            max_sequences=self._profile.max_sequences,
            kv_cache_tokens=self._profile.kv_cache_tokens,
        )

    def require_parts(self) -> None:
        """Need nothing."""

    async def start(self) -> None:
        """Bring it up."""
        await asyncio.sleep(self._start_s)
        self._up = True
        self.start_number += 1

    async def close(self) -> None:
        """End it; what it still generates ends as dead."""
        self._up = False
        await asyncio.sleep(0)

    async def check(self) -> None:
        """Return if it lives."""
        if not self._up:
            raise EngineDeadError("the scripted engine is dead")

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give the characters' numbers."""
        return tuple(map(ord, text))

    async def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, ...]:
        """Give the characters' numbers of what the template writes."""
        return await self.encode(await self.chat_text(messages, thinking=thinking, tools=tools))

    async def decode(self, ids: Sequence[int]) -> str:
        """Give the characters of their numbers."""
        return "".join(map(chr, ids))

    async def chat_text(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Give what the template writes."""
        del thinking
        return self._template(messages, tools)

    async def score(self, prompt: tuple[int, ...]) -> PromptScore | None:
        """Find every token as likely as its number is small."""
        await self.check()
        return PromptScore(logprobs=tuple(-0.01 * (token % 100) for token in prompt[1:]))

    async def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate what the script says."""
        await self.check()
        script = self._model("".join(map(chr, request.prompt)))
        self.running += 1
        started = self.start_number
        try:
            async with aclosing(self._play(request, script, started)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            if script.fault is Fault.SLOW_STOP:
                await asyncio.sleep(self._slow_stop_s)
            raise
        finally:
            self.running -= 1

    async def _play(self, request: Request, script: Script, started: int) -> AsyncGenerator[Chunk]:
        text, reason = _cut(script.text, request)
        done, fault = 0, script.fault
        row = script.logprobs[: request.logprobs]
        while done < len(text) or fault is Fault.FLOOD:
            size = min(self._chunk_tokens, max(1, len(text) - done))
            await asyncio.sleep(size * self._profile.step_s(max(1, self.running)))
            if not self._up or self.start_number != started:
                raise EngineDeadError("the scripted engine died")
            if fault is not None and 2 * done >= len(text):
                await self._go_wrong(fault)
                if fault is Fault.GARBAGE:
                    yield _GARBAGE
            piece = text[done : done + size] or "x" * size
            done += size
            self.generated += size
            yield Chunk(
                token_ids=tuple(map(ord, piece)),
                text=piece,
                logprobs=_rows(row, size, nan=fault is Fault.NAN),
                finish_reason=(reason if done >= len(text) and fault not in _ENDLESS else None),
            )
        if fault is Fault.TWICE:
            yield Chunk(finish_reason=reason)

    async def _go_wrong(self, fault: Fault) -> None:
        if fault is Fault.HANG:
            await asyncio.get_running_loop().create_future()
        elif fault is Fault.LOST:
            raise RequestFailedError("out of memory")
        elif fault is Fault.DEAD:
            self._up = False
            raise EngineDeadError("the scripted engine died")


_ENDLESS = {Fault.FLOOD, Fault.NO_END}

_GARBAGE = Chunk(token_ids=cast("Any", "words"), text=cast("Any", None))


def _cut(text: str, request: Request) -> tuple[str, Any]:
    """Cut a text where the request ends it, and say why it ended."""
    for stop in request.stop:
        at = text.find(stop)
        if at >= 0:
            text = text[: at + len(stop)]
    if request.ignore_eos:
        text = text.ljust(request.max_tokens)
    if len(text) > request.max_tokens:
        return text[: request.max_tokens], "length"
    return text, "length" if request.ignore_eos else "stop"


def _rows(row: tuple[float, ...], count: int, *, nan: bool) -> Any:  # noqa: ANN401 - an array or None
    if not row:
        return None
    rows = np.tile(np.asarray(row, dtype=np.float32), (count, 1))
    return np.full_like(rows, np.nan) if nan else rows
