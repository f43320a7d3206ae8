"""vLLM in this process, on a CPU with the tiny model."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import pytest_asyncio
from engine_suite import LIKELIEST, EngineSuite, ask, reading, tokens_of
from tiny_model import script_prompt

from engine.errors import EngineDeadError, MissingPartError
from engine.port import Request
from engine.vllm.inprocess import InProcessEngine
from engine.vllm.settings import VllmSettings
from scheduler import CallerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import psutil

    from engine.port import Engine

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # vLLM leaves its sockets' context to the garbage collector.
    pytest.mark.filterwarnings("ignore:Unclosed context:ResourceWarning"),
]


def children() -> list[psutil.Process]:
    """Return the processes that vLLM has started here."""
    import psutil  # noqa: PLC0415 - comes with vLLM only

    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in str(child.cmdline())
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(alone: None, tiny_settings: VllmSettings) -> AsyncIterator[InProcessEngine]:
    """One engine for all tests."""
    del alone
    engine = InProcessEngine(tiny_settings)
    yield engine
    await engine.close()
    gc.collect()  # what the filter above is for comes now, not after it


@pytest_asyncio.fixture(loop_scope="session")
async def engine(shared: InProcessEngine) -> InProcessEngine:
    """The engine, running."""
    try:
        await shared.check()
    except EngineDeadError:
        await shared.start()
    return shared


class TestInProcess(EngineSuite):
    """The suite of all engines, and what is this one's own."""

    async def figure(self, engine: Engine, name: str) -> float:
        """Ask the counters that vLLM keeps in this process."""
        del engine
        from prometheus_client import REGISTRY  # noqa: PLC0415 - comes with vLLM only

        samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
        return sum(sample.value for sample in samples if sample.name == name)

    async def test_logprobs_survive_a_slow_reader(self, engine: Engine) -> None:
        """What was joined meanwhile has the same numbers as what was read at once."""
        ids = await engine.encode(script_prompt(100))
        request = Request(
            request_id="slow", prompt=ids, max_tokens=200, sampling=LIKELIEST, logprobs=5
        )
        slow = []
        async for chunk in engine.generate(request):
            slow.append(chunk)
            await asyncio.sleep(0.3)
        quick = await ask(engine, script_prompt(100), logprobs=5)
        assert len(slow) < len(quick)
        values = [
            np.concatenate([chunk.logprobs for chunk in got if chunk.logprobs is not None])
            for got in (slow, quick)
        ]
        np.testing.assert_allclose(*values, atol=0.1)

    async def test_the_loop_goes_on_while_it_starts_again_after_a_death(
        self, engine: InProcessEngine
    ) -> None:
        """A killed core is noticed by readers, callers and the check; a new start helps."""
        reader = await reading(engine, script_prompt(1400))
        for child in children():
            child.kill()
        with pytest.raises(EngineDeadError):
            await reader
        with pytest.raises(EngineDeadError):
            await engine.check()
        with pytest.raises(EngineDeadError):
            await ask(engine, script_prompt(10))

        start = asyncio.create_task(engine.start())
        longest, loop = 0.0, asyncio.get_running_loop()
        while not start.done():
            before = loop.time()
            await asyncio.sleep(0.01)
            longest = max(longest, loop.time() - before)
        await start
        assert longest < 1
        assert len(tokens_of(await ask(engine, script_prompt(10)))) == 10

    async def test_closing_ends_everything(self, engine: InProcessEngine) -> None:
        """Requests under way end with an error, and soon no process is left."""
        reader = await reading(engine, script_prompt(1400))
        assert children()
        await engine.close()
        with pytest.raises(EngineDeadError, match="closed"):
            await reader
        async with asyncio.timeout(30):
            while children():  # noqa: ASYNC110 - its event is elsewhere
                await asyncio.sleep(0.1)
        await engine.close()
        for call in (engine.check(), engine.encode("a1"), ask(engine, "a1"), engine.score((1, 2))):
            with pytest.raises(EngineDeadError):
                await call

    async def test_a_start_that_is_given_up_leaves_nothing(
        self, shared: InProcessEngine, tiny_settings: VllmSettings
    ) -> None:
        """What was under way is ended as soon as it stands."""
        await shared.close()
        engine = InProcessEngine(tiny_settings)
        start = asyncio.create_task(engine.start())
        async with asyncio.timeout(120):
            while not children():  # noqa: ASYNC110 - its event is elsewhere
                await asyncio.sleep(0.1)
            start.cancel()
            with pytest.raises(asyncio.CancelledError):
                await start
            assert children()
            while children():  # noqa: ASYNC110 - its event is elsewhere
                await asyncio.sleep(0.1)
        with pytest.raises(EngineDeadError):
            await engine.check()

    async def test_an_unknown_setting_is_refused(self, tiny_settings: VllmSettings) -> None:
        """By its name, before anything is loaded."""
        wrong = msgspec.structs.replace(tiny_settings, extra={"max_seqs": 3})
        with pytest.raises(CallerError, match="'max_seqs' is no argument"):
            await InProcessEngine(wrong).start()

    async def test_a_model_that_is_not_there_is_named(self, tiny_settings: VllmSettings) -> None:
        """The error says what vLLM says."""
        wrong = msgspec.structs.replace(tiny_settings, model="/nowhere/at-all")
        with pytest.raises(EngineDeadError, match="/nowhere/at-all"):
            await InProcessEngine(wrong).start()


async def test_without_vllm_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building the engine is free; starting it needs vLLM."""
    monkeypatch.setitem(sys.modules, "vllm", None)
    monkeypatch.delitem(sys.modules, "engine.vllm.front_end", raising=False)
    engine = InProcessEngine(VllmSettings(model="any"))
    with pytest.raises(MissingPartError, match="pip install"):
        await engine.start()
    with pytest.raises(EngineDeadError, match="never started"):
        _ = engine.info
