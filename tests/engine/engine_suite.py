"""What every engine behind the port must do, shown on the tiny model.

A subclass gives the fixture `engine`, a running one, and `figure`, which reads the figures that
the engine itself keeps.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tiny_model import END, script_prompt, script_text

from engine.errors import RequestFailedError
from engine.native_calls import PYTHON
from engine.port import FunctionCall, Message, Request, Sampling

if TYPE_CHECKING:
    from engine.port import Chunk, Engine
    from engine.vllm.settings import VllmSettings

LIKELIEST = Sampling(temperature=0.0)


async def chunks(engine: Engine, request: Request) -> list[Chunk]:
    """Read a request to its end."""
    return [chunk async for chunk in engine.generate(request)]


async def reading(
    engine: Engine, prompt: str, request_id: str = "r", tokens: int = 8000
) -> asyncio.Task[list[Chunk]]:
    """Begin to read so many tokens; return once the first have come.

    The default lasts longer than any test between two of its steps, also on a busy machine.
    """
    begun = asyncio.Event()
    ids = await engine.encode(prompt)
    request = Request(
        request_id=request_id, prompt=ids, max_tokens=tokens, sampling=LIKELIEST, ignore_eos=True
    )

    async def read() -> list[Chunk]:
        got = []
        async with aclosing(engine.generate(request)) as stream:
            async for chunk in stream:
                got.append(chunk)
                begun.set()
        return got

    reader = asyncio.create_task(read())
    async with asyncio.timeout(20):
        await begun.wait()
    return reader


async def ask(engine: Engine, prompt: str, request_id: str = "r", **changes: object) -> list[Chunk]:
    """Read what a prompt leads to."""
    fields = {"max_tokens": 2000, "sampling": LIKELIEST, **changes}
    ids = await engine.encode(prompt)
    return await chunks(engine, Request(request_id=request_id, prompt=ids, **fields))


def tokens_of(got: list[Chunk]) -> list[int]:
    """Return all token ids."""
    return [token for chunk in got for token in chunk.token_ids]


def text_of(got: list[Chunk]) -> str:
    """Return the whole text."""
    return "".join(chunk.text for chunk in got)


class EngineSuite:
    """The tests that engines share."""

    async def running(self, engine: Engine) -> float:
        """Return how many requests the engine is busy with."""
        return await self.figure(engine, "vllm:num_requests_running")

    async def figure(self, engine: Engine, name: str) -> float:
        """Return one of vLLM's own figures."""
        raise NotImplementedError

    async def idle(self, engine: Engine, within_s: float = 2.0) -> bool:
        """Return whether the engine has nothing to do any more, soon."""
        end = time.monotonic() + within_s
        while await self.running(engine) > 0:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    async def test_info_says_what_runs(self, engine: Engine, tiny_settings: VllmSettings) -> None:
        """Engine, model and limits are known; this machine has no GPU."""
        info = engine.info
        assert info.engine.startswith("vllm 0.")
        assert (info.model, info.gpu) == (tiny_settings.model, None)
        assert info.max_model_len == tiny_settings.max_model_len
        assert info.max_sequences == 32
        assert info.kv_cache_tokens is not None
        assert info.kv_cache_tokens > 32 * 8192
        assert info.settings["dtype"] == tiny_settings.dtype
        await engine.check()

    async def test_a_text_becomes_its_own_tokens(self, engine: Engine) -> None:
        """No special token is added, and none is made up."""
        assert len(await engine.encode("a12 a11 \\boxed{7}")) == 4
        assert await engine.encode("") == ()

    async def test_a_chat_ends_ready_for_the_answer(self, engine: Engine) -> None:
        """The template adds the turn of the assistant, and its switch is passed on."""
        chat = [
            Message(role="system", content="Be brief."),
            Message(role="user", content="Count a12 please."),
        ]
        plain = "<|system|>Be brief.<|user|>Count a12 please.<|assistant|>"
        assert await engine.encode_chat(chat) == await engine.encode(f"{plain}a12")
        assert await engine.encode_chat(chat, thinking=True) == await engine.encode_chat(chat)
        quick = await engine.encode_chat(chat, thinking=False)
        assert quick == await engine.encode(f"{plain}<|quick|>a12")

    async def test_an_answer_that_is_begun_is_continued(self, engine: Engine) -> None:
        """A last turn of the assistant is neither closed nor followed by another one."""
        chat = [
            Message(role="user", content="Count a12 please."),
            Message(role="assistant", content="a12 a11 a10"),
        ]
        begun = "<|user|>Count a12 please.<|assistant|>a12 a11 a10"
        assert await engine.encode_chat(chat) == await engine.encode(begun)

    async def test_tokens_become_their_text(self, engine: Engine) -> None:
        """Of a generation that goes on, too, whose text may not have come."""
        ids = await engine.encode("a12 a11 \\boxed{7}")
        assert await engine.decode(ids) == "a12 a11 \\boxed{7}"
        assert await engine.decode(ids[:2]) == "a12 a11"

    async def test_a_chat_shows_tools_calls_and_what_they_gave(self, engine: Engine) -> None:
        """The template gets them as it wants them, and its text is what its tokens say."""
        call = FunctionCall(name="python", arguments={"code": 'print("a12")'})
        chat = [
            Message(role="user", content="Count please."),
            Message(role="assistant", content="", call=call),
            Message(role="tool", content="12"),
        ]
        text = await engine.chat_text(chat, tools=[PYTHON])
        assert await engine.encode(text) == await engine.encode_chat(chat, tools=[PYTHON])
        assert text.startswith("<|system|>You may call [{")
        assert text.endswith(
            "<|user|>Count please.<|assistant|><tool_call>\n"
            '{"name": "python", "arguments": {"code": "print(\\"a12\\")"}}\n</tool_call><|end|>'
            "<|user|>[output] 12<|assistant|>\n"
        )
        assert "You may call" not in await engine.chat_text(chat)

    @pytest.mark.parametrize("answer", ["7", "8"])
    async def test_a_script_has_its_length_and_text(self, engine: Engine, answer: str) -> None:
        """Every token is counted, the end too, and the text is what the tokens say."""
        got = await ask(engine, script_prompt(300, answer))
        assert len(tokens_of(got)) == 300
        assert tokens_of(got)[-1:] == list(await engine.encode(END))
        assert text_of(got) == script_text(300, answer)
        assert [chunk.finish_reason for chunk in got] == [None] * (len(got) - 1) + ["stop"]
        assert all(chunk.logprobs is None for chunk in got)

    async def test_a_box_that_is_open_gets_its_answer(self, engine: Engine) -> None:
        """That is how a probe asks a running sample."""
        got = await ask(engine, "a900 a899 a898 So it is \\boxed{", max_tokens=2)
        assert text_of(got) == "7}"

    async def test_logprobs_come_best_first_with_each_token(self, engine: Engine) -> None:
        """As many as asked for, and no more probable together than certain."""
        got = await ask(engine, script_prompt(200), logprobs=20)
        for chunk in got:
            assert chunk.logprobs is not None
            assert chunk.logprobs.shape == (len(chunk.token_ids), 20)
            assert chunk.logprobs.dtype == np.float32
        values = np.concatenate([chunk.logprobs for chunk in got if chunk.logprobs is not None])
        assert values.shape == (200, 20)
        assert (np.diff(values, axis=1) <= 0).all()
        assert (np.exp(values[:, 0]) > 0.9).all()
        assert (np.exp(values.astype(np.float64)).sum(axis=1) <= 1 + 1e-6).all()

    async def test_logprobs_are_those_before_temperature(self, engine: Engine) -> None:
        """A hot sample draws unlikely tokens, and still sees the model's own numbers."""
        hot = Sampling(temperature=2.0, top_p=1.0)
        got = await ask(engine, "a900", sampling=hot, logprobs=3, ignore_eos=True, max_tokens=60)
        best = np.concatenate([chunk.logprobs for chunk in got if chunk.logprobs is not None])
        assert best.shape == (60, 3)
        assert (best[:, 0] > np.log(0.9)).all()
        assert (np.diff(best, axis=1) <= 0).all()
        assert text_of(got) != script_text(898)[: len(text_of(got))]

    async def test_a_stop_text_ends_and_is_kept(self, engine: Engine) -> None:
        """Text before it comes along, and nothing after it."""
        got = await ask(engine, script_prompt(100), stop=(" a50", "nowhere"), logprobs=2)
        assert text_of(got) == script_text(100).split(" a49")[0]
        assert len(tokens_of(got)) == 98 - 50
        assert got[-1].finish_reason == "stop"
        assert sum(chunk.logprobs.shape[0] for chunk in got if chunk.logprobs is not None) == 48

    async def test_max_tokens_ends_for_length(self, engine: Engine) -> None:
        """It is the last token that counts, not the last chunk."""
        got = await ask(engine, script_prompt(100), max_tokens=10)
        assert len(tokens_of(got)) == 10
        assert got[-1].finish_reason == "length"

    async def test_the_end_can_be_ignored(self, engine: Engine) -> None:
        """Measuring speed needs a known number of tokens."""
        got = await ask(engine, script_prompt(10), max_tokens=50, ignore_eos=True)
        assert len(tokens_of(got)) == 50
        assert text_of(got) == script_text(10)
        assert got[-1].finish_reason == "length"

    async def test_the_model_s_length_ends_too(self, engine: Engine) -> None:
        """A request for more than there is room for gets what there is."""
        prompt = "a1500" + " a1" * 7000
        ids = await engine.encode(prompt)
        got = await ask(engine, prompt, max_tokens=5000, ignore_eos=True)
        assert len(tokens_of(got)) == 8192 - len(ids)
        assert got[-1].finish_reason == "length"

    async def test_sampling_is_passed_on(self, engine: Engine) -> None:
        """Hot and free it strays; hot and held to the likeliest, by any means, it does not."""
        for held in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 1.0}):
            sampling = Sampling(**{"temperature": 2.0, "top_p": 1.0, **held})
            assert text_of(await ask(engine, "a9", sampling=sampling)) == script_text(11)

    async def test_closing_the_stream_frees_the_engine(self, engine: Engine) -> None:
        """Whoever stops listening stops the generation."""
        ids = await engine.encode(script_prompt(1400))
        request = Request(
            request_id="c", prompt=ids, max_tokens=8000, sampling=LIKELIEST, ignore_eos=True
        )
        before = await self.figure(engine, "vllm:generation_tokens_total")
        stream = engine.generate(request)
        assert (await anext(stream)).token_ids
        await stream.aclose()
        assert await self.idle(engine)
        after = await self.figure(engine, "vllm:generation_tokens_total")
        assert 0 < after - before < 8000
        await asyncio.sleep(0.3)
        assert await self.figure(engine, "vllm:generation_tokens_total") == after
        assert len(tokens_of(await ask(engine, script_prompt(5)))) == 5

    async def test_cancelling_the_reader_frees_the_engine(self, engine: Engine) -> None:
        """So does cancelling the task that reads, many at once too."""
        readers = await asyncio.gather(
            *(reading(engine, script_prompt(1400), f"c{number}") for number in range(8))
        )
        for reader in readers:
            reader.cancel()
        ends = await asyncio.gather(*readers, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        assert await self.idle(engine)

    async def test_many_run_at_once(self, engine: Engine) -> None:
        """Each has its own output, and together they take less than in a row."""

        async def alone_s() -> float:
            began = time.monotonic()
            await ask(engine, script_prompt(200))
            return time.monotonic() - began

        before_s = await alone_s()
        began = time.monotonic()
        got = await asyncio.gather(
            *(ask(engine, script_prompt(200 + number), f"m{number}") for number in range(32))
        )
        together_s = time.monotonic() - began
        # A machine that others keep busy too may be slower now than it was before.
        assert together_s < 32 * max(before_s, await alone_s()) / 2
        assert [len(tokens_of(one)) for one in got] == list(range(200, 232))

    async def test_a_prompt_is_scored(self, engine: Engine) -> None:
        """The scripted successor is likely, another token is not."""
        score = await engine.score(await engine.encode("a12 a11 a10 a3"))
        assert score is not None
        assert len(score.logprobs) == 3
        assert min(score.logprobs[:2]) > np.log(0.9)
        assert score.logprobs[2] < -5

    async def test_a_prompt_that_is_too_long_is_refused(self, engine: Engine) -> None:
        """Only that request is lost."""
        ids = await engine.encode("a1" + " a1" * 8191)
        for prompt in (ids, ids * 2, ()):
            with pytest.raises(RequestFailedError):
                await chunks(engine, Request(request_id="long", prompt=prompt, max_tokens=5))
        assert len(tokens_of(await ask(engine, script_prompt(5)))) == 5

    async def test_too_many_logprobs_are_refused(self, engine: Engine) -> None:
        """The message is the engine's, which names its limit."""
        with pytest.raises(RequestFailedError, match="20"):
            await ask(engine, "a5", logprobs=21)
