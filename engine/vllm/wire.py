"""What is said to vLLM's server and what it says; the same in vLLM 0.26 and 0.32.

Requests go to `/v1/completions` with prompts in token ids. Every sampling parameter is sent: for
those that are missing the server takes defaults from the model's folder, among them penalties.
Log-probabilities come by token; `return_tokens_as_token_ids` makes the keys unique, while texts of
different tokens may be equal. The server cuts them off at −9999 and sends null for NaN.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from engine.errors import RequestFailedError
from engine.port import Chunk, PromptScore, is_begun

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence

    from numpy.typing import NDArray

    from engine.port import Message, Request


class _Logprobs(msgspec.Struct):
    tokens: list[str]
    top_logprobs: list[dict[str, float | None]]


class _Scored(msgspec.Struct):
    logprob: float | None = None


class _Choice(msgspec.Struct):
    text: str = ""
    token_ids: list[int] | None = None
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None
    prompt_logprobs: list[dict[str, _Scored] | None] | None = None


class _Error(msgspec.Struct):
    message: str = ""


class _Completion(msgspec.Struct):
    choices: list[_Choice] = []
    error: _Error | None = None


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Text(msgspec.Struct):
    prompt: str


class Model(msgspec.Struct):
    """A model as the server lists it."""

    id: str
    max_model_len: int


class _Models(msgspec.Struct):
    data: list[Model]


class _Version(msgspec.Struct):
    version: str


_CALL_ID = "call-0"  # the API wants one

_CACHE_CONFIG = re.compile(rb"^vllm:cache_config_info{(.*)}", re.MULTILINE)
_BLOCKS = re.compile(rb'\bnum_gpu_blocks="(\d+)"')
_BLOCK_SIZE = re.compile(rb'\bblock_size="(\d+)"')

_completion = msgspec.json.Decoder(_Completion)


def generation(
    model: str, request: Request, max_tokens: int, told: dict[str, str | int] | None
) -> bytes:
    """Write the body that starts a generation as a stream.

    Args:
        model: As the server names it.
        request: The generation.
        max_tokens: What the model's length leaves of the request's own.
        told: What the server's worker is told; None to have log-probabilities on the wire.
    """
    sampling = request.sampling
    return msgspec.json.encode(
        {
            "model": model,
            "prompt": request.prompt,
            "stream": True,
            "max_tokens": max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "logprobs": (request.logprobs or None) if told is None else None,
            "vllm_xargs": told,
            "return_tokens_as_token_ids": True,
            "return_token_ids": True,
            "stop": request.stop,
            "include_stop_str_in_output": True,
            "ignore_eos": request.ignore_eos,
        }
    )


def scoring(model: str, prompt: tuple[int, ...]) -> bytes:
    """Write the body that lets the model read a prompt."""
    return msgspec.json.encode(
        {"model": model, "prompt": prompt, "max_tokens": 1, "prompt_logprobs": 0}
    )


def tokenizing(model: str, text: str) -> bytes:
    """Write the body that asks for the tokens of a text."""
    return msgspec.json.encode({"model": model, "prompt": text, "add_special_tokens": False})


def detokenizing(model: str, ids: Sequence[int]) -> bytes:
    """Write the body that asks for the text of tokens."""
    return msgspec.json.encode({"model": model, "tokens": ids})


def tokenizing_chat(
    model: str,
    messages: Sequence[Message],
    *,
    thinking: bool | None,
    tools: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """Write the body that asks for the tokens of a chat."""
    return msgspec.json.encode(
        {
            "model": model,
            "messages": [_turn(message) for message in messages],
            "tools": tools or None,
            "add_generation_prompt": not is_begun(messages),
            "continue_final_message": is_begun(messages),
            "chat_template_kwargs": {} if thinking is None else {"enable_thinking": thinking},
        }
    )


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.call is not None:
        arguments = msgspec.json.encode(message.call.arguments).decode()
        function = {"name": message.call.name, "arguments": arguments}
        turn["tool_calls"] = [{"id": _CALL_ID, "type": "function", "function": function}]
    if message.role == "tool":
        turn["tool_call_id"] = _CALL_ID
    return turn


async def events(received: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """Cut a stream of server-sent events into what each of them says."""
    rest = b""
    async for piece in received:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                yield line[6:].rstrip()


def chunk(event: bytes, logprobs: int) -> Chunk:
    """Read what a generation has gained.

    Raises:
        RequestFailedError: if the event tells of an error.
    """
    said = _completion.decode(event)
    if said.error is not None:
        raise RequestFailedError(f"vLLM's server: {said.error.message}")
    (choice,) = said.choices
    if choice.finish_reason not in (None, "stop", "length"):
        raise RequestFailedError(f"vLLM's server ended the request: {choice.finish_reason}")
    return Chunk(
        token_ids=choice.token_ids or (),
        text=choice.text,
        logprobs=_likeliest(choice.logprobs, logprobs) if logprobs else None,
        finish_reason=choice.finish_reason,  # type: ignore[arg-type] # one of them
    )


def _likeliest(logprobs: _Logprobs | None, count: int) -> NDArray[np.float32]:
    """Return the `count` highest at each token: the drawn one is there too, even if not of them."""
    if logprobs is None:
        return np.empty((0, count), dtype=np.float32)
    rows = np.empty((len(logprobs.tokens), count), dtype=np.float32)
    for row, drawn, top in zip(rows, logprobs.tokens, logprobs.top_logprobs, strict=True):
        if len(top) > count:
            del top[drawn]
        row[:] = sorted(
            (np.nan if value is None else value for value in top.values()), reverse=True
        )
    return rows


def score(answer: bytes, prompt: tuple[int, ...]) -> PromptScore:
    """Read what the model thinks of a prompt."""
    (choice,) = _completion.decode(answer).choices
    values = []
    for token, scored in zip(prompt[1:], (choice.prompt_logprobs or [])[1:], strict=True):
        value = (scored or {})[str(token)].logprob
        values.append(float("nan") if value is None else value)
    return PromptScore(logprobs=tuple(values))


def tokens(answer: bytes) -> tuple[int, ...]:
    """Read the tokens of a text or a chat."""
    return tuple(msgspec.json.decode(answer, type=_Tokens).tokens)


def model(answer: bytes) -> Model:
    """Read which model the server serves."""
    return msgspec.json.decode(answer, type=_Models).data[0]


def text(answer: bytes) -> str:
    """Read the text of tokens."""
    return msgspec.json.decode(answer, type=_Text).prompt


def version(answer: bytes) -> str:
    """Read vLLM's version."""
    return msgspec.json.decode(answer, type=_Version).version


def error(answer: bytes) -> str:
    """Read why the server refused."""
    try:
        said = _completion.decode(answer).error
    except msgspec.MsgspecError:
        said = None
    return answer[:500].decode(errors="replace") if said is None else said.message


def kv_cache_tokens(metrics: bytes) -> int | None:
    """Read from the server's metrics how many tokens of context it holds; None if not said."""
    total = 0
    for labels in _CACHE_CONFIG.findall(metrics):
        blocks, size = _BLOCKS.search(labels), _BLOCK_SIZE.search(labels)
        if blocks is None or size is None:
            return None
        total += int(blocks[1]) * int(size[1])
    return total or None
