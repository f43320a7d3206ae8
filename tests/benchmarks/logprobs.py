"""What log-probabilities cost a live engine, and how few of them tell the entropy.

python tests/benchmarks/logprobs.py MODEL [--width 64]

Needs a GPU with vLLM. The entropies are compared with those of the 1,024 likeliest tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from engine.arms import read_arms
from engine.entropy import SignalWindow, token_entropy
from engine.port import Request
from engine.problems.generate import generate
from engine.vllm.inprocess import InProcessEngine
from engine.vllm.settings import VllmSettings

if TYPE_CHECKING:
    from numpy import float32, float64
    from numpy.typing import NDArray

COSTS = (0, 1, 5, 20)
TOLD = (1, 2, 3, 5, 8, 20)
ROUNDS = 8
ALL = 1024
TOKENS = 640
WINDOW = 128


class Study:
    """Asks one engine again and again.

    Args:
        engine: Started.
        prompts: One for each request at once.
    """

    def __init__(self, engine: InProcessEngine, prompts: list[tuple[int, ...]]) -> None:
        self._engine = engine
        self._prompts = prompts
        self._ids = map(str, count())

    async def cost(self, logprobs: int) -> tuple[float, float]:
        """Give tokens per second and the share of the time that this process was busy."""
        began_s, busy_s = time.perf_counter(), time.process_time()
        tokens = await asyncio.gather(*(self._read(prompt, logprobs) for prompt in self._prompts))
        took_s = time.perf_counter() - began_s
        return sum(tokens) / took_s, (time.process_time() - busy_s) / took_s

    async def rows(self, most: int) -> list[NDArray[float32]]:
        """Give the log-probabilities of `most` generations that end by themselves."""
        return await asyncio.gather(*(self._keep(prompt) for prompt in self._prompts[:most]))

    async def _read(self, prompt: tuple[int, ...], logprobs: int) -> int:
        window, tokens = SignalWindow(), 0
        request = self._request(prompt, logprobs, ignore_eos=True)
        async with aclosing(self._engine.generate(request)) as chunks:
            async for chunk in chunks:
                tokens += len(chunk.token_ids)
                if chunk.logprobs is not None:
                    window.add(chunk.logprobs)
        window.tail_entropy  # noqa: B018 - computed when read
        return tokens

    async def _keep(self, prompt: tuple[int, ...]) -> NDArray[float32]:
        request = self._request(prompt, ALL, ignore_eos=False)
        async with aclosing(self._engine.generate(request)) as chunks:
            rows = [chunk.logprobs async for chunk in chunks if chunk.logprobs is not None]
        return np.concatenate(rows)

    def _request(self, prompt: tuple[int, ...], logprobs: int, *, ignore_eos: bool) -> Request:
        return Request(
            request_id=next(self._ids),
            prompt=prompt,
            max_tokens=TOKENS,
            logprobs=logprobs,
            ignore_eos=ignore_eos,
        )


def windows(rows: list[NDArray[float32]], logprobs: int) -> NDArray[float64]:
    """Give the mean entropies of all whole windows, from so many log-probabilities."""
    means: list[float] = []
    for row in rows:
        entropies = token_entropy(row[:, :logprobs])
        whole = len(entropies) // WINDOW * WINDOW
        means += entropies[:whole].reshape(-1, WINDOW).mean(axis=1).tolist()
    return np.asarray(means)


async def main(model: str, width: int) -> None:
    """Measure and print."""
    settings = VllmSettings(model=model, max_model_len=4096, max_logprobs=ALL)
    engine = InProcessEngine(settings)
    await engine.start()
    arm = next(iter(read_arms().values()))
    prompts = [
        await engine.encode_chat(arm.chat(problem.question)) for problem in generate(0, width)
    ]
    study = Study(engine, prompts)
    for logprobs in COSTS:  # what compiles at the first request
        await study.cost(logprobs)
    measured = np.array([[await study.cost(logprobs) for logprobs in COSTS] for _ in range(ROUNDS)])
    rates, busy = measured[:, :, 0], np.median(measured[:, :, 1], axis=0)
    for index, logprobs in enumerate(COSTS):
        # Against the same round without: the machine's own speed drifts.
        lost = 1 - rates[:, index] / rates[:, 0]
        low, middle, high = np.percentile(lost, (25, 50, 75))
        print(
            f"K={logprobs}: {np.median(rates[:, index]):,.0f} tokens/s, costs {middle:.1%} "
            f"({low:.1%} to {high:.1%}), Python busy {busy[index]:.0%}",
            flush=True,
        )
    rows = await study.rows(min(width, 32))
    true = windows(rows, ALL)
    first, second = np.triu_indices(len(true), 1)
    for logprobs in TOLD:
        found = windows(rows, logprobs)
        order = np.sign(found[first] - found[second]) == np.sign(true[first] - true[second])
        print(
            f"K={logprobs}: correlation {np.corrcoef(found, true)[0, 1]:.4f}, "
            f"bias {(found - true).mean():+.4f} nats, pairs {order.mean():.1%}"
        )
    await engine.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--width", type=int, default=64)
    given = parser.parse_args()
    asyncio.run(main(given.model, given.width))
