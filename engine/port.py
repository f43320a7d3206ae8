"""The engine port: what the rest of this room asks of anything that generates tokens.

Three engines stand behind it: vLLM in this process (`inprocess`), vLLM behind its server
(`server`) and scripts for tests (`scripted`). A request is a prompt in token ids; what comes back
is a stream of chunks of token ids. Whoever stops listening stops the generation: closing the
stream, or cancelling the task that reads it, frees the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec
from numpy import float32
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping


class Sampling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How tokens are drawn.

    Attributes:
        temperature: 0 takes the likeliest token.
        top_p: Share of probability kept.
        top_k: Number of tokens kept; 0 for all.
        min_p: Tokens below this share of the likeliest one's probability are dropped.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 0
    min_p: float = 0.0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One generation.

    Attributes:
        request_id: Unique among those of one engine.
        prompt: Token ids.
        max_tokens: It ends there at the latest.
        sampling: How tokens are drawn.
        logprobs: How many of the likeliest tokens' log-probabilities come with each token; 0
            for none.
        stop: Texts that end it; the text it ended at is kept.
        ignore_eos: Whether it goes on past the model's own end, to `max_tokens`.
    """

    request_id: str
    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling = Sampling()
    logprobs: int = 0
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """What a request has gained.

    Attributes:
        token_ids: New tokens; several where the reader lagged.
        text: New text. An engine may hold all of it back to the last chunk.
        logprobs: Log-probabilities (nats) of the likeliest tokens at each new token, before
            temperature; shape (new tokens, k), best first. None where not asked for.
        finish_reason: Why it ended, in the last chunk: the model's end or a stop text
            (`stop`), or `max_tokens` (`length`). None before.
    """

    token_ids: Sequence[int] = ()
    text: str = ""
    logprobs: NDArray[float32] | None = None
    finish_reason: Literal["stop", "length"] | None = None


class PromptScore(msgspec.Struct, frozen=True, kw_only=True):
    """What the model thinks of a prompt.

    Attributes:
        logprobs: Log-probability (nats) of each prompt token but the first.
    """

    logprobs: tuple[float, ...]


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What runs.

    Attributes:
        engine: Name and version.
        model: As it was named to the engine.
        gpu: Name and number of accelerators; None where unknown.
        max_model_len: Tokens of a prompt and its generation together, at most.
        max_sequences: Sequences that run at once; None where unknown.
        kv_cache_tokens: Tokens of context that it holds; None where unknown.
        settings: What else was set, by name.
    """

    engine: str
    model: str
    gpu: str | None = None
    max_model_len: int
    max_sequences: int | None = None
    kv_cache_tokens: int | None = None
    settings: dict[str, str] = {}


class FunctionCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call of a tool, as a template is given it.

    Attributes:
        name: Of the function.
        arguments: By name.
    """

    name: str
    arguments: dict[str, str]


class Message(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One turn of a chat.

    Attributes:
        role: Whose turn it is; `tool` for what a call has given.
        content: What is said.
        call: What an assistant calls behind it; None for nothing.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    call: FunctionCall | None = None


def is_begun(messages: Sequence[Message]) -> bool:
    """Whether a chat ends within the answer, which is then continued."""
    return bool(messages) and messages[-1].role == "assistant"


class Engine(Protocol):
    """Anything that generates tokens.

    An engine is started before it is used and may be started again after `close`. Every method
    raises `EngineDeadError` where nothing but a new start helps, and may raise
    `RequestFailedError` where only this call is lost.
    """

    @property
    def info(self) -> EngineInfo:
        """What runs; complete once started."""

    def require_parts(self) -> None:
        """Look for what can be seen to be missing before a start; takes about a second.

        Raises:
            MissingPartError: naming what is missing and what brings it.
        """

    async def start(self) -> None:
        """Bring it up; returns when it takes requests.

        Raises:
            MissingPartError: naming what is missing.
            EngineDeadError: if it does not come up.
        """

    async def close(self) -> None:
        """End it and all its requests; what was killed or never started is closed too."""

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give the tokens of a text, no special ones added."""

    async def decode(self, ids: Sequence[int]) -> str:
        """Give the text of tokens that this engine generated."""

    async def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, ...]:
        """Give the tokens of a chat by the model's own template, ready for the answer.

        Args:
            messages: The turns. A last one of the assistant's is not closed: it is the beginning
                of the answer.
            thinking: Whether the model shall think first, where its template has the switch;
                None leaves it to the template.
            tools: What the model may call, as OpenAI's API describes functions; a template
                without them leaves them out.
        """

    async def chat_text(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Give the text that `encode_chat` gives the tokens of, special ones included."""

    def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate; closing the generator frees the engine."""

    async def score(self, prompt: tuple[int, ...]) -> PromptScore | None:
        """Let the model read a prompt; None where the engine can't."""

    async def check(self) -> None:
        """Return if the engine lives; raises `EngineDeadError` if not."""
