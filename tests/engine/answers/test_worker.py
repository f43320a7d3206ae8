"""The worker: killed at the deadline, off the event loop, usable from any thread."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.answers import AnswerKind, AnswerParser

# Millions of terms.
ENDLESS = r"\boxed{(a+b+c+d+x+y+z+w)^{40}}"
SURD = r"\boxed{\sqrt{8}}"
DEADLINE_S = 0.5
MARGIN_S = 1.0  # a tenth of it on an idle machine


@pytest.mark.asyncio
async def test_a_deadline_kills_and_the_parser_goes_on() -> None:
    """An expression without end costs the deadline and little more; the next one is answered."""
    parser = AnswerParser(AnswerKind.ANY, deadline_s=DEADLINE_S)
    try:
        await parser.warm()
        for power in (40, 41):
            began = time.perf_counter()
            assert await parser.parse(ENDLESS.replace("40", str(power))) is None
            assert DEADLINE_S <= time.perf_counter() - began < DEADLINE_S + MARGIN_S
            assert await parser.parse(SURD.replace("8", str(2 * power**2))) == f"{power}*sqrt(2)"
    finally:
        parser.close()


@pytest.mark.asyncio
async def test_many_slow_parses_leave_the_loop_free(
    parsers: dict[AnswerKind, AnswerParser],
) -> None:
    """While 200 hard expressions wait for the worker, the event loop works on.

    Between two of its rounds it is busy for under 100 ms of its own time, a fifth of that on an
    idle machine; a wall clock would count what else the machine does.
    """
    parser = parsers[AnswerKind.ANY]
    busy_s = []

    async def watch() -> None:
        while True:
            busy = time.thread_time()
            await asyncio.sleep(0.005)
            busy_s.append(time.thread_time() - busy)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    texts = [rf"\boxed{{{n}\sqrt{{8}}}}" for n in range(1, 201)]
    answers = await asyncio.gather(*map(parser.parse, texts))
    watcher.cancel()
    assert answers == [f"{2 * n}*sqrt(2)" for n in range(1, 201)]
    assert max(busy_s) < 0.1


def test_works_in_other_threads(parsers: dict[AnswerKind, AnswerParser]) -> None:
    """Threads other than the main one get answers, fast and slow ones."""
    with ThreadPoolExecutor(4) as threads:
        texts = [SURD, r"\boxed{7}"] * 8
        answers = list(threads.map(parsers[AnswerKind.ANY].parse_now, texts))
    assert answers == ["2*sqrt(2)", "7"] * 8


@pytest.mark.asyncio
async def test_a_cancelled_wait_takes_no_answer_from_others(
    parsers: dict[AnswerKind, AnswerParser],
) -> None:
    """Two wait for the same expression, one gives up, the other is answered."""
    parser = parsers[AnswerKind.ANY]
    text = r"\boxed{\frac{1}{\sqrt{777}}}"
    first, second = (asyncio.create_task(parser.parse(text)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "sqrt(777)/777"
    assert first.cancelled()


def test_closing_ends_what_runs_and_parsing_starts_anew() -> None:
    """Who waits for a parser that is closed gets None; the closed parser may be used again."""
    parser = AnswerParser(AnswerKind.ANY, deadline_s=30.0)
    try:
        asyncio.run(parser.warm())
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(parser.parse_now, ENDLESS)
            time.sleep(0.2)
            parser.close()
            assert waiting.result(timeout=5.0) is None
        assert parser.parse_now(SURD) == "2*sqrt(2)"
    finally:
        parser.close()
    parser.close()


def test_easy_texts_start_no_worker() -> None:
    """As long as nothing takes algebra there is no worker."""
    parser = AnswerParser(AnswerKind.INTEGER)
    assert parser.parse_now(r"\boxed{42}") == "42"
    assert parser._pool is None
