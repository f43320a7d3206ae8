"""Virtual time for `predict`, and what is shown best on it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import pytest
from scripted_streams import PROFILE, Model, text_of
from virtual_predict import TURN_S, ProcessKilledError, VirtualTime, block, virtual_world

from engine.kaggle import make_predict
from engine.scripted import Script, ScriptedEngine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from virtual_predict import VirtualThread

    from engine.kaggle import Predict
    from engine.port import Chunk, Request

LONG = Script(text=text_of(10**6))
SOON_S = 100 * TURN_S


@pytest.fixture
def time() -> Iterator[VirtualTime]:
    """A world in which the machine sleeps once and the calendar is set once."""
    now = VirtualTime(suspensions=[(1000.0, 50.0)], calendar_jumps=[(2000.0, 3600.0)])
    with virtual_world(now):
        yield now


def make(scripts: dict[str, Any] | None = None, **options: Any) -> Predict:  # noqa: ANN401 - as taken
    """Make `predict` on a scripted engine."""
    engine = ScriptedEngine(Model(scripts), PROFILE, chunk_tokens=100)
    given = {"engine": engine, "policy": "self-consistency:k=4", "profile": PROFILE}
    return make_predict(**{**given, **options})


def wait(thread: VirtualThread, for_s: float) -> None:
    """Wait for nothing."""
    assert not thread.wait(Future(), for_s)


def test_time_passes_only_while_somebody_waits(time: VirtualTime) -> None:
    """As long as it is waited for; a machine that slept wakes up later, by the calendar too."""
    make(total_s=1e4)
    (thread,) = time.threads
    assert time.now_s == pytest.approx(0.0, abs=SOON_S)
    wait(thread, 900.0)
    assert time.now_s == pytest.approx(900.0, abs=SOON_S)
    began = time.calendar()
    wait(thread, 200.0)
    assert time.now_s == pytest.approx(1100.0, abs=SOON_S)
    wait(thread, 1000.0)
    assert time.now_s == pytest.approx(2100.0, abs=SOON_S)
    assert (time.calendar() - began).total_seconds() == pytest.approx(1200.0 + 3600.0, abs=SOON_S)


def test_a_loop_that_is_blocked_holds_up_no_caller(time: VirtualTime) -> None:
    """The caller's time comes in the midst of it; the loop goes on when it is over."""
    make(total_s=1e4)
    (thread,) = time.threads

    async def blocks() -> float:
        block(30.0)
        return time.now_s

    blocked = thread.submit(blocks())
    assert not thread.wait(blocked, 10.0)
    assert time.now_s == pytest.approx(10.0, abs=SOON_S)
    assert thread.wait(blocked, 90.0)
    assert blocked.result() == pytest.approx(30.0, abs=SOON_S)
    assert time.now_s == pytest.approx(30.0, abs=SOON_S)


def test_a_process_that_is_killed_does_nothing_more(time: VirtualTime) -> None:
    """Whoever waits does so until then."""
    make(total_s=1e4)
    (thread,) = time.threads
    time.killed_at_s = 5.0
    with pytest.raises(ProcessKilledError):
        thread.wait(Future(), 10.0)
    assert time.now_s == pytest.approx(5.0, abs=SOON_S)


def test_a_question_that_opens_late_has_no_more_time_for_it(time: VirtualTime) -> None:
    """The later one keeps its share, though an engine that blocks let it open only after 20 s."""
    predict = make({"1=7": [LONG]}, total_s=100.0, questions=2, reserve_s=10.0, floor_s=80.0)
    predict("0", "")

    async def blocks() -> None:
        block(20.0)

    time.threads[-1].submit(blocks())
    predict("1", "1=7")
    assert 45.0 <= time.now_s <= 46.0 + SOON_S


class Stalls(ScriptedEngine):
    """An engine that generates nothing for whoever measures it, and is slow to let go."""

    async def generate(self, request: Request) -> AsyncGenerator[Chunk]:
        """Generate for questions."""
        if request.request_id.startswith("profile-"):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1e5)
            await asyncio.sleep(1e5)
        async with aclosing(super().generate(request)) as chunks:
            async for chunk in chunks:
                yield chunk


def test_an_engine_that_stalls_while_it_is_measured_costs_minutes(time: VirtualTime) -> None:
    """Not the stream: what is planned with stays rough."""
    engine = Stalls(Model(), PROFILE, chunk_tokens=100)
    predict = make(engine=engine, total_s=17_400.0, profile=None)
    assert [predict(n, f"{n}={n}")["answer"].item() for n in range(3)] == [0, 1, 2]
    assert 300.0 < time.now_s < 400.0
