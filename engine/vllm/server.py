"""vLLM behind its OpenAI-compatible server: one that is ours, or servers that others run."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from msgspec.structs import replace

from engine.doctor.preflight import require_parts
from engine.errors import EngineDeadError, RequestFailedError
from engine.port import EngineInfo
from engine.vllm import wire
from engine.vllm.addresses import FIRST_TOKENS, Addresses
from engine.vllm.lending import Lender
from engine.vllm.process import ServerProcess
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

    from engine.port import Chunk, Message, PromptScore, Request
    from engine.vllm.addresses import Address

CONNECT_S = 5.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
DEATH_S = 5.0  # a dead server breaks connections before all it held is free, and its end noticed
# vLLM's server drops idle connections after 5 s: drop them first.
_LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2.0)
_TIMEOUT = httpx.Timeout(None, connect=CONNECT_S)
_UNREACHABLE = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)


class ServerEngine:
    """An engine as `engine.port.Engine` describes it.

    Nothing limits how long a server may take to answer: whether it hangs is for the caller to
    judge. A server that cannot be reached, but may come back, is tried again with growing pauses
    for as long as the caller waits; a stream that has broken is lost.

    Args:
        source: A server of our own, started and ended with this engine; or the addresses, such
            as `http://host:8000`, of servers of one model.
    """

    def __init__(self, source: ServerProcess | Sequence[str]) -> None:
        self._process = source if isinstance(source, ServerProcess) else None
        self._urls = [] if isinstance(source, ServerProcess) else list(source)
        self._addresses = Addresses([])
        self._client: httpx.AsyncClient | None = None
        self._lender: Lender | None = None
        self._info: EngineInfo | None = None

    @property
    def info(self) -> EngineInfo:
        """What runs; complete once started."""
        if self._info is None:
            raise EngineDeadError("the engine was never started")
        return self._info

    def require_parts(self) -> None:
        """Look for what our own server needs; those of others are waited for.

        Raises:
            MissingPartError: naming what is missing and what brings it.
        """
        if self._process is not None:
            require_parts(self._process.settings)

    async def start(self) -> None:
        """Start the server, or wait for those of others, and ask what they serve.

        Raises:
            MissingPartError: without vLLM, where the server is ours.
            EngineDeadError: if our server does not come up.
            CallerError: if the servers serve different models.
        """
        await self.close()
        urls = self._urls
        if self._process is not None:
            urls = [await self._process.start()]
            self._lender = Lender(self._process.settings)
        self._addresses = Addresses(urls)
        # Direct, whatever proxies the environment names.
        self._client = httpx.AsyncClient(limits=_LIMITS, timeout=_TIMEOUT, trust_env=False)
        self._info = await self._ask_what_runs()

    async def close(self) -> None:
        """End our server; requests under way raise `EngineDeadError`."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        if self._process is not None:
            await self._process.stop()
        lender, self._lender = self._lender, None
        if lender is not None:
            lender.close()

    async def encode(self, text: str) -> tuple[int, ...]:
        """Give the tokens of a text, no special ones added."""
        body = wire.tokenizing(self.info.model, text)
        return wire.tokens(await self._answer(self._addresses.choose(), "/tokenize", body))

    async def decode(self, ids: Sequence[int]) -> str:
        """Give the text of tokens that this engine generated."""
        body = wire.detokenizing(self.info.model, ids)
        return wire.text(await self._answer(self._addresses.choose(), "/detokenize", body))

    async def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[int, ...]:
        """Give the tokens of a chat by the model's own template, ready for the answer.

        Raises:
            EngineDeadError: if our server is dead.
            RequestFailedError: if the template refuses the chat, or there is none.
        """
        body = wire.tokenizing_chat(self.info.model, messages, thinking=thinking, tools=tools)
        return wire.tokens(await self._answer(self._addresses.choose(), "/tokenize", body))

    async def chat_text(
        self,
        messages: Sequence[Message],
        *,
        thinking: bool | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Give a chat as the model's own template writes it; the server tells it in tokens only.

        Raises:
            EngineDeadError: if our server is dead.
            RequestFailedError: if the template refuses the chat, or there is none.
        """
        return await self.decode(await self.encode_chat(messages, thinking=thinking, tools=tools))

    async def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate; closing the generator closes the connection, and that frees the engine.

        Raises:
            EngineDeadError: if our server is dead, or the engine closed meanwhile.
            RequestFailedError: if the server refuses or drops the request.
        """
        # Servers of others may run elsewhere: theirs come over the wire.
        lender = self._lender
        with nullcontext() if lender is None else lender.lend(request.logprobs) as loan:
            async with aclosing(
                self._stream(request, None if loan is None else loan.told)
            ) as chunks:
                async for chunk in chunks:
                    if loan is None:
                        yield chunk
                    else:
                        yield replace(chunk, logprobs=loan.rows(len(chunk.token_ids)))

    async def _stream(
        self, request: Request, told: dict[str, str | int] | None
    ) -> AsyncGenerator[Chunk]:
        """Yield chunks as they come over the wire.

        Args:
            request: The generation.
            told: What goes to the server's worker, which lays log-probabilities down; None to
                have them on the wire.
        """
        room = self.info.max_model_len - len(request.prompt)
        body = wire.generation(
            self.info.model, request, max(min(request.max_tokens, room), 1), told
        )
        address = self._addresses.choose(request.prompt)
        first: list[int] = []
        async with self._post(address, "/v1/completions", body) as response:
            ended = False
            async with aclosing(wire.events(response.aiter_raw())) as events:
                async for event in events:
                    if event == b"[DONE]":
                        break
                    chunk = wire.chunk(event, request.logprobs if told is None else 0)
                    ended = ended or chunk.finish_reason is not None
                    if len(first) < FIRST_TOKENS:
                        first += chunk.token_ids
                        if len(first) >= FIRST_TOKENS:
                            self._addresses.remember(request.prompt, first, address)
                    yield chunk
            if not ended:
                raise RequestFailedError(f"{address.url} broke off the stream")

    async def score(self, prompt: tuple[int, ...]) -> PromptScore:
        """Let the model read a prompt.

        Raises:
            EngineDeadError: if our server is dead, or the engine closed meanwhile.
            RequestFailedError: if the server refuses the prompt.
        """
        address = self._addresses.choose(prompt)
        body = wire.scoring(self.info.model, prompt)
        return wire.score(await self._answer(address, "/v1/completions", body), prompt)

    async def check(self) -> None:
        """Return if a server is healthy.

        Raises:
            EngineDeadError: if none is, or the engine is not started.
        """
        client = self._started()
        for address in self._addresses.all:
            try:
                if (await client.get(f"{address.url}/health")).is_success:
                    return
            except httpx.TransportError:
                continue
        if self._process is not None and not self._process.alive:
            raise self._death()
        raise EngineDeadError("no server is healthy")

    async def _ask_what_runs(self) -> EngineInfo:
        models, versions, tokens = [], set(), []
        for address in self._addresses.all:
            models.append(wire.model(await self._answer(address, "/v1/models")))
            versions.add(wire.version(await self._answer(address, "/version")))
            tokens.append(wire.kv_cache_tokens(await self._answer(address, "/metrics")))
        names = sorted({model.id for model in models})
        if len(names) != 1:
            raise CallerError(f"the servers serve different models, or none: {names}")
        known = [number for number in tokens if number is not None]
        settings = None if self._process is None else self._process.settings
        return EngineInfo(
            engine=f"vllm {', '.join(sorted(versions))}",
            model=names[0],
            max_model_len=min(model.max_model_len for model in models),
            max_sequences=None
            if settings is None
            else settings.max_sequences * settings.data_parallel_size,
            kv_cache_tokens=sum(known) if len(known) == len(tokens) else None,
            settings={"servers": " ".join(address.url for address in self._addresses.all)}
            if settings is None
            else settings.described(),
        )

    async def _answer(self, address: Address, path: str, body: bytes | None = None) -> bytes:
        async with self._post(address, path, body) as response:
            return await response.aread()

    @asynccontextmanager
    async def _post(
        self, address: Address, path: str, body: bytes | None
    ) -> AsyncIterator[httpx.Response]:
        """Give the answer to a request, which may still be coming in; without a body, to a GET."""
        address.running += 1
        try:
            response = await self._send(address, path, body)
            try:
                if not response.is_success:
                    raise RequestFailedError(f"{address.url}: {wire.error(await response.aread())}")
                yield response
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, msgspec.MsgspecError) as error:
            await self._raise_if_dead()
            raise RequestFailedError(f"{address.url} broke off: {error!r}") from error
        finally:
            address.running -= 1

    async def _send(self, address: Address, path: str, body: bytes | None) -> httpx.Response:
        """Return the head of the answer, however often it takes to reach the server."""
        pause_s = FIRST_PAUSE_S
        while True:
            client = self._started()
            request = client.build_request(
                "GET" if body is None else "POST",
                f"{address.url}{path}",
                content=body,
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            )
            try:
                response = await client.send(request, stream=True)
            except _UNREACHABLE as error:
                await self._raise_if_dead()
                address.missed(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                address.reached()
                return response

    async def _raise_if_dead(self) -> None:
        self._started()
        if self._process is not None and await self._process.dies(within_s=DEATH_S):
            raise self._death()

    def _started(self) -> httpx.AsyncClient:
        if self._client is None:
            raise EngineDeadError("the engine is not started, or closed")
        return self._client

    def _death(self) -> EngineDeadError:
        words = "" if self._process is None else self._process.last_words()
        return EngineDeadError(f"vLLM's server is dead; its log ends with:\n{words}")
