"""vLLM behind its server, on a CPU with the tiny model."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import msgspec
import numpy as np
import pytest
import pytest_asyncio
from engine_suite import EngineSuite, ask, reading, tokens_of
from loguru import logger
from tiny_model import script_prompt

from engine.errors import EngineDeadError, RequestFailedError
from engine.vllm import wire
from engine.vllm.addresses import FIRST_TOKENS, MUCH_MORE, Addresses
from engine.vllm.process import ServerProcess
from engine.vllm.server import ServerEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from engine.port import Engine
    from engine.vllm.settings import VllmSettings

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(
    alone: None, tiny_settings: VllmSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerEngine]:
    """One engine with a server of its own for all tests."""
    del alone
    extra = {"distributed_executor_backend": "uni", "enable_log_requests": False}
    settings = msgspec.structs.replace(tiny_settings, extra=extra)
    engine = ServerEngine(ServerProcess(settings, tmp_path_factory.mktemp("server") / "log"))
    yield engine
    await engine.close()


@pytest_asyncio.fixture(loop_scope="session")
async def engine(shared: ServerEngine) -> ServerEngine:
    """The engine, running."""
    try:
        await shared.check()
    except EngineDeadError:
        await shared.start()
    return shared


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    got: list[str] = []
    sink = logger.add(lambda line: got.append(str(line)), format="{level} {message}")
    yield got
    logger.remove(sink)


def url_of(engine: Engine) -> str:
    """Return where the engine's only server listens."""
    assert isinstance(engine, ServerEngine)
    (address,) = engine._addresses.all
    return address.url


class Door:
    """A port before a server, that can be shut and broken."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where to knock."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Let connections through; always on one port."""
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Refuse connections, and break those that are open."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, inner_writer}
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        self._open -= {writer, inner_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def door_to(engine: ServerEngine) -> AsyncIterator[Door]:
    """Give an open door to the engine's server."""
    door = Door(url_of(engine))
    await door.open()
    yield door
    await door.shut()


class TestServer(EngineSuite):
    """The suite of all engines, and what is this one's own."""

    async def figure(self, engine: Engine, name: str) -> float:
        """Ask the server itself."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{url_of(engine)}/metrics")).text
        values = re.findall(rf"^{name}{{.*}} (\S+)$", text, re.MULTILINE)
        return sum(float(value) for value in values)

    async def test_a_server_may_come_late_and_be_away_for_a_while(
        self, engine: ServerEngine, lines: list[str]
    ) -> None:
        """Callers wait; the log says once that it is away and once that it is back."""
        async with door_to(engine) as door:
            await door.shut()
            away = ServerEngine([door.url])
            start = asyncio.create_task(away.start())
            await asyncio.sleep(1)
            assert not start.done()
            await door.open()
            await asyncio.wait_for(start, 3)
            assert away.info.model == engine.info.model
            assert away.info.kv_cache_tokens == engine.info.kv_cache_tokens
            assert away.info.max_sequences is None

            await door.shut()
            with pytest.raises(EngineDeadError):
                await away.check()
            calls = [asyncio.create_task(ask(away, script_prompt(20), f"w{n}")) for n in range(4)]
            await asyncio.sleep(1.5)
            assert not any(call.done() for call in calls)
            await door.open()
            for call in calls:
                assert len(tokens_of(await asyncio.wait_for(call, 5))) == 20
            await away.check()
            await away.close()
        levels = [line.split()[0] for line in lines]
        assert levels == ["WARNING", "INFO", "WARNING", "INFO"]

    async def test_a_stream_that_breaks_is_lost(self, engine: ServerEngine) -> None:
        """Its tokens so far were read, so it is not begun anew; and the server is free."""
        async with door_to(engine) as door:
            away = ServerEngine([door.url])
            await away.start()
            reader = await reading(away, script_prompt(1400))
            await door.shut()
            with pytest.raises(RequestFailedError, match="broke off"):
                await reader
            assert await self.idle(engine)
            await away.close()

    async def test_closing_ends_requests_but_not_the_server_of_others(
        self, engine: ServerEngine
    ) -> None:
        """Addresses that were given belong to somebody else."""
        away = ServerEngine([url_of(engine)])
        await away.start()
        reader = await reading(away, script_prompt(1400))
        await away.close()
        with pytest.raises(EngineDeadError, match="closed"):
            await reader
        with pytest.raises(EngineDeadError, match="closed"):
            await away.encode("a1")
        await engine.check()
        assert await self.idle(engine)

    async def test_two_servers_share_the_work(self, engine: ServerEngine) -> None:
        """Here two doors to one; a probe goes where its sample ran."""
        async with door_to(engine) as one, door_to(engine) as other:
            pair = ServerEngine([one.url, other.url])
            await pair.start()
            readers = await asyncio.gather(
                *(reading(pair, script_prompt(1400, answer), answer, 2000) for answer in ("7", "8"))
            )
            assert [address.running for address in pair._addresses.all] == [1, 1]
            got = await asyncio.gather(*readers)
            places = []
            for answer, chunks in zip(("7", "8"), got, strict=True):
                probe = (*await pair.encode(script_prompt(1400, answer)), *tokens_of(chunks)[:150])
                places.append(pair._addresses.choose(probe))
            assert places[0] is not places[1]
            await pair.close()

    async def test_a_killed_server_is_reported_and_can_be_started_again(
        self, engine: ServerEngine
    ) -> None:
        """Readers and callers are told that only a new start helps, and it does."""
        import psutil  # noqa: PLC0415 - comes with vLLM only

        reader = await reading(engine, script_prompt(1400))
        (server,) = [
            child
            for child in psutil.Process().children(recursive=True)
            if "vllm.entrypoints.openai.api_server" in child.cmdline()
            and "-I" not in child.cmdline()
        ]
        family = [server, *server.children(recursive=True)]
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(EngineDeadError, match="its log ends with"):
            await reader
        with pytest.raises(EngineDeadError):
            await engine.check()
        with pytest.raises(EngineDeadError):
            await ask(engine, script_prompt(10))
        assert not any(process.is_running() for process in family)
        await engine.start()
        assert len(tokens_of(await ask(engine, script_prompt(10)))) == 10

    async def test_closing_ends_the_server_of_our_own(self, engine: ServerEngine) -> None:
        """Requests under way end with an error; a second closing does nothing."""
        reader = await reading(engine, script_prompt(1400))
        url = url_of(engine)
        await engine.close()
        with pytest.raises(EngineDeadError, match="closed"):
            await reader
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{url}/health")
        await engine.close()
        for call in (engine.check(), engine.encode("a1"), ask(engine, "a1"), engine.score((1, 2))):
            with pytest.raises(EngineDeadError):
                await call


async def test_the_idlest_server_is_chosen_unless_another_has_the_context() -> None:
    """What goes on from a generation goes where it ran, as long as that is not far busier."""
    addresses = Addresses(["http://a", "http://b/"])
    a, b = addresses.all
    assert b.url == "http://b"
    prompt, first = (1, 2, 3), list(range(100, 100 + FIRST_TOKENS + 5))
    a.running = 1
    assert addresses.choose(prompt) is b
    addresses.remember(prompt, first, a)
    assert addresses.choose(prompt) is b
    assert addresses.choose((*prompt, *first, 7)) is a
    assert addresses.choose((*prompt, 99, *first)) is b
    a.running = MUCH_MORE
    assert addresses.choose((*prompt, *first, 7)) is a
    a.running = MUCH_MORE + 1
    assert addresses.choose((*prompt, *first, 7)) is b


async def test_logprobs_are_read_by_token() -> None:
    """The drawn token is left out where it is not among the likeliest; null is no number."""
    event = b"""{"choices": [{"text": "ab", "token_ids": [5, 6], "logprobs": {
        "tokens": ["token_id:5", "token_id:6"],
        "top_logprobs": [{"token_id:5": -9.0, "token_id:1": -0.1, "token_id:2": -3.0},
                         {"token_id:6": -2.0, "token_id:1": -0.5}]}}]}"""
    chunk = wire.chunk(event, 2)
    assert chunk.token_ids == [5, 6]
    assert chunk.logprobs is not None
    np.testing.assert_allclose(chunk.logprobs, [[-0.1, -3.0], [-0.5, -2.0]])
    empty = b"""{"choices": [{"token_ids": [5], "logprobs": {
        "tokens": ["token_id:5"], "top_logprobs": [{"token_id:5": null}]}}]}"""
    assert np.isnan(wire.chunk(empty, 1).logprobs).all()


async def test_errors_in_a_stream_lose_the_request() -> None:
    """Whether the server tells of an error or of an end that is none."""
    with pytest.raises(RequestFailedError, match="boom"):
        wire.chunk(b'{"error": {"message": "boom", "code": 500}}', 0)
    with pytest.raises(RequestFailedError, match="abort"):
        wire.chunk(b'{"choices": [{"finish_reason": "abort"}]}', 0)
    assert wire.error(b'{"error": {"message": "too long"}}') == "too long"
    assert wire.error(b"<html>bad gateway") == "<html>bad gateway"
