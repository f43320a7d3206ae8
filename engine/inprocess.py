"""vLLM in this process: the shortest way from a token to its reader.

vLLM's engine core runs in a child process, its front end in this process's event loop. Works
with vLLM 0.26 to 0.32. Whatever imports vLLM runs after or inside `start`, so that this module
can be read where vLLM is not.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engine.errors import EngineDeadError, EngineError, MissingPartError, RequestFailedError
from engine.flat_logprobs import likeliest
from engine.port import Chunk, EngineInfo, PromptScore
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from engine.port import Message, Request
    from engine.vllm_settings import VllmSettings

MISSING = "vllm is not installed: pip install 'adaptive-compute-scheduler[live]'"
ENDS = (None, "stop", "length")


class InProcessEngine:
    """An engine as `engine.port.Engine` describes it.

    The text of a request without stop texts comes whole in its last chunk: putting it together
    token by token costs the event loop more than all else. With stop texts vLLM has to watch the
    text, and it comes along.

    Args:
        settings: How vLLM is set up.
    """

    def __init__(self, settings: VllmSettings) -> None:
        self._settings = settings
        self._llm: Any = None
        self._info: EngineInfo | None = None
        self._running: set[str] = set()

    @property
    def info(self) -> EngineInfo:
        """What runs; complete once started."""
        if self._info is None:
            raise EngineDeadError("the engine was never started")
        return self._info

    async def start(self) -> None:
        """Bring vLLM up, in a thread: the event loop goes on meanwhile.

        Raises:
            MissingPartError: without vLLM.
            CallerError: if a name in the settings' `extra` is none of vLLM's.
            EngineDeadError: if vLLM does not come up; its log says why.
        """
        await self.close()
        llm = await asyncio.to_thread(_build, self._settings)
        # Built outside of the loop, vLLM listens to its core only from its first call on.
        await llm.get_supported_tasks()
        self._info = _describe(llm, self._settings)
        self._llm = llm

    async def close(self) -> None:
        """End vLLM and its processes; requests under way raise `EngineDeadError`."""
        llm, self._llm = self._llm, None
        if llm is None:
            return
        # vLLM itself would leave their readers waiting for ever.
        await llm.abort(list(self._running))
        await asyncio.to_thread(llm.shutdown)

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give the tokens of a text, no special ones added."""
        tokenizer = self._started().get_tokenizer()
        return tuple(tokenizer.encode(text, add_special_tokens=False))

    async def encode_chat(
        self, messages: Sequence[Message], *, thinking: bool | None = None
    ) -> tuple[int, ...]:
        """Give the tokens of a chat by the model's own template, ready for the answer.

        Raises:
            RequestFailedError: if the template refuses the chat, or there is none.
        """
        tokenizer = self._started().get_tokenizer()
        turns = [{"role": message.role, "content": message.content} for message in messages]
        switches = {} if thinking is None else {"enable_thinking": thinking}
        with _errors_of_vllm():
            text = tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, **switches
            )
        return await self.encode(text)

    async def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate; closing the generator frees the engine.

        Raises:
            EngineDeadError: if the engine is dead, or closed meanwhile.
            RequestFailedError: if vLLM refuses or drops the request.
        """
        outputs = self._outputs(request.prompt, _sampling_params(request), request.request_id)
        ids: list[int] = []
        async with aclosing(outputs):
            async for output in outputs:
                (gained,) = output.outputs
                text = gained.text
                if not request.stop:
                    ids += gained.token_ids
                    text = self._decode(ids) if output.finished else ""
                yield Chunk(
                    token_ids=gained.token_ids,
                    text=text,
                    logprobs=likeliest(gained.logprobs, request.logprobs)
                    if request.logprobs
                    else None,
                    finish_reason=gained.finish_reason,
                )

    async def score(self, prompt: tuple[int, ...]) -> PromptScore:
        """Let the model read a prompt.

        Raises:
            EngineDeadError: if the engine is dead, or closed meanwhile.
            RequestFailedError: if vLLM refuses the prompt.
        """
        outputs = self._outputs(prompt, _scoring_params(), f"score-{uuid4()}")
        async with aclosing(outputs):
            # The first position is empty, each other one holds the prompt's own token.
            return PromptScore(logprobs=tuple((await anext(outputs)).prompt_logprobs.logprobs))

    async def check(self) -> None:
        """Return if the engine lives.

        Raises:
            EngineDeadError: if not.
        """
        llm = self._started()
        with _errors_of_vllm():
            await llm.check_health()

    async def _outputs(
        self, prompt: tuple[int, ...], params: Any, request_id: str
    ) -> AsyncGenerator[Any]:
        """Yield vLLM's own outputs; what ends before its time raises."""
        from vllm.inputs import tokens_input

        llm = self._started()
        room = self.info.max_model_len - len(prompt)
        params.max_tokens = max(min(params.max_tokens, room), 1)
        self._running.add(request_id)
        try:
            with _errors_of_vllm():
                outputs = llm.generate(tokens_input(list(prompt)), params, request_id)
                async with aclosing(outputs):
                    async for output in outputs:
                        if output.outputs[0].finish_reason not in ENDS:
                            self._started()
                            raise RequestFailedError("vLLM dropped the request; its log says why")
                        yield output
        finally:
            self._running.discard(request_id)

    def _started(self) -> Any:
        if self._llm is None:
            raise EngineDeadError("the engine is not started, or closed")
        return self._llm

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._started().get_tokenizer().decode(ids, skip_special_tokens=True))


def _build(settings: VllmSettings) -> Any:
    try:
        from vllm import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM
    except ModuleNotFoundError as error:
        raise MissingPartError(MISSING) from error
    known = {field.name for field in fields(AsyncEngineArgs)}
    for name in settings.extra:
        if name not in known:
            raise CallerError(f"extra: {name!r} is no argument of this vLLM's AsyncEngineArgs")
    # Nobody reads vLLM's own statistics here, and they cost the event loop time at each step.
    arguments = {"disable_log_stats": True, **settings.engine_args()}
    try:
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**arguments))
    except Exception as error:
        raise EngineDeadError(f"vLLM did not come up: {error}") from error


def _describe(llm: Any, settings: VllmSettings) -> EngineInfo:
    import vllm
    from vllm.platforms import current_platform

    config = llm.vllm_config
    replicas = config.parallel_config.data_parallel_size
    gpus = config.parallel_config.tensor_parallel_size * replicas
    cache = config.cache_config
    arguments = settings.engine_args()
    return EngineInfo(
        engine=f"vllm {vllm.__version__}",
        model=settings.model,
        gpu=None if current_platform.is_cpu() else f"{current_platform.get_device_name()} × {gpus}",
        max_model_len=config.model_config.max_model_len,
        max_sequences=config.scheduler_config.max_num_seqs * replicas,
        kv_cache_tokens=cache.num_gpu_blocks * cache.block_size,
        settings={name: str(value) for name, value in arguments.items() if name != "model"},
    )


def _sampling_params(request: Request) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    with _errors_of_vllm():
        return SamplingParams(
            temperature=request.sampling.temperature,
            top_p=request.sampling.top_p,
            top_k=request.sampling.top_k,
            min_p=request.sampling.min_p,
            max_tokens=request.max_tokens,
            logprobs=request.logprobs or None,
            flat_logprobs=True,
            stop=list(request.stop),
            include_stop_str_in_output=True,
            ignore_eos=request.ignore_eos,
            detokenize=bool(request.stop),
            output_kind=RequestOutputKind.DELTA,
        )


def _scoring_params() -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=1,
        prompt_logprobs=0,
        flat_logprobs=True,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


@contextmanager
def _errors_of_vllm() -> Iterator[None]:
    """Raise this room's errors instead of vLLM's.

    What is neither ours nor a dead engine is the fault of one request. vLLM 0.26 raises Python's
    own errors for bad requests, 0.32 has a family of its own; both wrap what they did not expect.
    """
    from vllm.v1.engine.exceptions import EngineDeadError as VllmEngineDeadError

    try:
        yield
    except EngineError:
        raise
    except VllmEngineDeadError as error:
        raise EngineDeadError(f"vLLM's engine is dead: {error}") from error
    except Exception as error:
        raise RequestFailedError(f"vLLM: {error or error.__cause__!r}") from error
