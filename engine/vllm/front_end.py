"""All calls of vLLM's Python interface; works with vLLM 0.26 to 0.32.

The only module that imports vLLM: `engine.vllm.inprocess` imports it once it is told to start.
"""

from __future__ import annotations

from contextlib import aclosing, contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vllm import AsyncEngineArgs, SamplingParams, __version__
from vllm.inputs import tokens_input
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError as VllmEngineDeadError

from engine.errors import EngineDeadError, EngineError, RequestFailedError
from engine.port import EngineInfo, is_begun
from engine.vllm.lending import Lender
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from engine.port import Message, Request
    from engine.vllm.settings import VllmSettings

ENDS = (None, "stop", "length")


class FrontEnd:
    """vLLM's front end; its engine core runs in child processes.

    Building it takes from seconds to minutes and needs no event loop. It is used from one loop.

    Args:
        settings: How vLLM is set up.

    Raises:
        CallerError: if a name in the settings' `extra` is none of vLLM's.
        EngineDeadError: if vLLM does not come up; its log says why.
    """

    def __init__(self, settings: VllmSettings) -> None:
        known = {field.name for field in fields(AsyncEngineArgs)}
        for name in settings.extra:
            if name not in known:
                raise CallerError(f"extra: {name!r} is no argument of this vLLM's AsyncEngineArgs")
        # Nobody reads vLLM's own statistics here, and each step they cost the event loop time.
        arguments = {"disable_log_stats": True, **settings.engine_args()}
        try:
            self._llm = AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
        except Exception as error:
            raise EngineDeadError(f"vLLM did not come up: {error}") from error
        self.lender = Lender(settings)
        self._running: set[str] = set()
        self._closed = False
        self.info = _describe(self._llm.vllm_config, settings)

    async def listen(self) -> None:
        """Read what the core sends from now on; otherwise that begins with the first request."""
        with self._errors():
            await self._llm.get_supported_tasks()

    async def end_requests(self) -> None:
        """Let all requests under way raise; vLLM's `shutdown` leaves their readers waiting."""
        self._closed = True
        await self._llm.abort(list(self._running))
        # Shut down from another thread, vLLM would log that its core died.
        if self._llm.output_handler is not None:
            self._llm.output_handler.cancel()

    def shut_down(self) -> None:
        """End vLLM's processes; blocks until they are gone."""
        self._llm.shutdown()
        self.lender.close()
        # Frames kept by exceptions within vLLM hold on to what built it.
        del self._llm

    async def check(self) -> None:
        """Return if the core lives; raises `EngineDeadError` if not."""
        with self._errors():
            await self._llm.check_health()

    def encode(self, text: str) -> tuple[int, ...]:
        """Give the tokens of a text, no special ones added."""
        return tuple(self._llm.get_tokenizer().encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of tokens without special ones."""
        return str(self._llm.get_tokenizer().decode(ids, skip_special_tokens=True))

    def chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None,
        tools: Sequence[Mapping[str, Any]],
    ) -> str:
        """Give a chat as the model's template writes it, ready for the answer or within it."""
        turns = [_turn(message) for message in messages]
        switches = {} if thinking is None else {"enable_thinking": thinking}
        begun = is_begun(messages)
        with self._errors():
            text = self._llm.get_tokenizer().apply_chat_template(
                turns,
                tools=list(tools) or None,
                tokenize=False,
                add_generation_prompt=not begun,
                continue_final_message=begun,
                **switches,
            )
        return str(text)

    def generate(self, request: Request, told: dict[str, str | int]) -> AsyncGenerator[Any]:
        """Yield vLLM's outputs, each with what is new; the worker gets `told` with it.

        Without stop texts they come without text: to put it together token by token costs the
        event loop more than all else.
        """
        with self._errors():
            params = SamplingParams(
                temperature=request.sampling.temperature,
                top_p=request.sampling.top_p,
                top_k=request.sampling.top_k,
                min_p=request.sampling.min_p,
                max_tokens=self._room(request.prompt, request.max_tokens),
                extra_args=told or None,
                stop=list(request.stop),
                include_stop_str_in_output=True,
                ignore_eos=request.ignore_eos,
                detokenize=bool(request.stop),
                output_kind=RequestOutputKind.DELTA,
            )
        return self._outputs(request.prompt, params, request.request_id)

    def score(self, prompt: tuple[int, ...], request_id: str) -> AsyncGenerator[Any]:
        """Yield one output, with the log-probability of each prompt token but the first."""
        params = SamplingParams(
            max_tokens=1,
            prompt_logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        return self._outputs(prompt, params, request_id)

    async def _outputs(
        self, prompt: tuple[int, ...], params: SamplingParams, request_id: str
    ) -> AsyncGenerator[Any]:
        self._running.add(request_id)
        try:
            with self._errors():
                outputs = self._llm.generate(tokens_input(list(prompt)), params, request_id)
                async with aclosing(outputs):
                    async for output in outputs:
                        if output.outputs[0].finish_reason not in ENDS:
                            raise RequestFailedError("vLLM dropped the request; its log says why")
                        yield output
        finally:
            self._running.discard(request_id)

    def _room(self, prompt: Sequence[int], tokens: int) -> int:
        """Trim to what the model's length leaves; at least 1, so that vLLM says what is wrong."""
        return max(min(tokens, self.info.max_model_len - len(prompt)), 1)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise this room's errors instead of vLLM's.

        What is no dead engine is the fault of one request: vLLM 0.26 raises Python's own errors
        for bad requests, 0.32 has a family of its own, and both wrap what they did not expect.
        """
        try:
            yield
        except VllmEngineDeadError as error:
            raise EngineDeadError(f"vLLM is dead: {error}") from error
        except Exception as error:
            if self._closed:
                raise EngineDeadError("the engine was closed") from error
            if isinstance(error, EngineError):
                raise
            reason = str(error) or repr(error.__cause__ or error)
            raise RequestFailedError(f"vLLM: {reason}") from error


def _turn(message: Message) -> dict[str, Any]:
    """Give a turn as templates read it: a call's arguments are no text but an object."""
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.call is not None:
        function = {"name": message.call.name, "arguments": message.call.arguments}
        turn["tool_calls"] = [{"type": "function", "function": function}]
    return turn


def _describe(config: Any, settings: VllmSettings) -> EngineInfo:  # noqa: ANN401 - vLLM's own type
    parallel, cache = config.parallel_config, config.cache_config
    gpus = parallel.tensor_parallel_size * parallel.data_parallel_size
    return EngineInfo(
        engine=f"vllm {__version__}",
        model=settings.model,
        gpu=None if current_platform.is_cpu() else f"{gpus} × {current_platform.get_device_name()}",
        max_model_len=config.model_config.max_model_len,
        max_sequences=config.scheduler_config.max_num_seqs * parallel.data_parallel_size,
        kv_cache_tokens=cache.num_gpu_blocks * cache.block_size,
        settings=settings.described(),
    )
