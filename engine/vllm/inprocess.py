"""vLLM in this process: the shortest way from a token to its reader.

vLLM's engine core runs in a child process, its front end in this process's event loop.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engine.doctor.preflight import require_parts
from engine.errors import EngineDeadError, MissingPartError
from engine.port import Chunk, PromptScore
from engine.vllm.settings import MISSING_VLLM

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from engine.port import EngineInfo, Message, Request
    from engine.vllm.front_end import FrontEnd
    from engine.vllm.settings import VllmSettings


class InProcessEngine:
    """An engine as `engine.port.Engine` describes it.

    The text of a request without stop texts comes whole in its last chunk; with stop texts vLLM
    has to watch the text, and it comes along.

    Args:
        settings: How vLLM is set up.
    """

    def __init__(self, settings: VllmSettings) -> None:
        self._settings = settings
        self._front_end: FrontEnd | None = None
        self._info: EngineInfo | None = None

    @property
    def info(self) -> EngineInfo:
        """What runs; complete once started."""
        if self._info is None:
            raise EngineDeadError("the engine was never started")
        return self._info

    def require_parts(self) -> None:
        """Look for vLLM, the model and room on the GPU.

        Raises:
            MissingPartError: naming what is missing and what brings it.
        """
        require_parts(self._settings)

    async def start(self) -> None:
        """Bring vLLM up, in a thread: the event loop goes on meanwhile.

        Raises:
            MissingPartError: without vLLM.
            CallerError: if a name in the settings' `extra` is none of vLLM's.
            EngineDeadError: if vLLM does not come up; its log says why.
        """
        await self.close()
        given_up = threading.Event()
        try:
            front_end = await asyncio.to_thread(_build, self._settings, given_up)
        except asyncio.CancelledError:
            given_up.set()
            raise
        await front_end.listen()
        self._front_end, self._info = front_end, front_end.info

    async def close(self) -> None:
        """End vLLM and its processes; requests under way raise `EngineDeadError`."""
        front_end, self._front_end = self._front_end, None
        if front_end is not None:
            await front_end.end_requests()
            await asyncio.to_thread(front_end.shut_down)

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give the tokens of a text, no special ones added."""
        return self._started().encode(text)

    async def decode(self, ids: Sequence[int]) -> str:
        """Give the text of tokens that this engine generated, without special ones."""
        return self._started().decode(ids)

    async def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, ...]:
        """Give the tokens of a chat by the model's own template, ready for the answer.

        Raises:
            RequestFailedError: if the template refuses the chat, or there is none.
        """
        text = await self.chat_text(messages, thinking=thinking, tools=tools)
        return self._started().encode(text)

    async def chat_text(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Give a chat as the model's own template writes it.

        Raises:
            RequestFailedError: if the template refuses the chat, or there is none.
        """
        return self._started().chat(messages, thinking=thinking, tools=tools)

    async def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate; closing the generator frees the engine.

        Raises:
            EngineDeadError: if the engine is dead, or closed meanwhile.
            RequestFailedError: if vLLM refuses or drops the request.
        """
        front_end = self._started()
        ids: list[int] = []
        with front_end.lender.lend(request.logprobs) as loan:
            async with aclosing(front_end.generate(request, loan.told)) as outputs:
                async for output in outputs:
                    (gained,) = output.outputs
                    text = gained.text
                    if not request.stop:
                        ids += gained.token_ids
                        text = front_end.decode(ids) if output.finished else ""
                    yield Chunk(
                        token_ids=gained.token_ids,
                        text=text,
                        logprobs=loan.rows(len(gained.token_ids)),
                        finish_reason=gained.finish_reason,
                    )

    async def score(self, prompt: tuple[int, ...]) -> PromptScore:
        """Let the model read a prompt.

        Raises:
            EngineDeadError: if the engine is dead, or closed meanwhile.
            RequestFailedError: if vLLM refuses the prompt.
        """
        async with aclosing(self._started().score(prompt, f"score-{uuid4()}")) as outputs:
            # One number a position, but none for the first.
            return PromptScore(logprobs=tuple((await anext(outputs)).prompt_logprobs.logprobs))

    async def check(self) -> None:
        """Return if the engine lives.

        Raises:
            EngineDeadError: if not.
        """
        await self._started().check()

    def _started(self) -> FrontEnd:
        if self._front_end is None:
            raise EngineDeadError("the engine is not started, or closed")
        return self._front_end


def _build(settings: VllmSettings, given_up: threading.Event) -> FrontEnd:
    try:
        # Importing vLLM takes half a minute and is a matter of this engine alone.
        from engine.vllm.front_end import FrontEnd  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingPartError(MISSING_VLLM) from error
    front_end = FrontEnd(settings)
    # A thread can't be cancelled: if nobody waits any more, it cleans up after itself.
    if given_up.is_set():
        front_end.shut_down()
    return front_end
