"""The profiler finds what an engine was made with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from scripted_streams import rig_of
from virtual_time import play

from engine.profiler import Profiler, taken_in_s
from engine.scripted import Script, ScriptedEngine
from scheduler import LatencyProfile, SampleFinished
from scheduler.latency import Decode, Prefill
from simulations.pool import LoggedSample
from simulations.world import World

if TYPE_CHECKING:
    from engine.port import PromptScore

STEPS = {1: 0.004, 2: 0.0041, 4: 0.0045, 8: 0.005, 16: 0.006}
OPENING_S = 0.07


class Slow(ScriptedEngine):
    """Takes its time to read a prompt."""

    async def score(self, prompt: tuple[int, ...]) -> PromptScore | None:
        """Read it."""
        await asyncio.sleep(OPENING_S)
        return await super().score(prompt)


def measured(*, chunk_tokens: int) -> tuple[LatencyProfile, list[str]]:
    """Profile an engine that decodes as `STEPS` says, whatever the context, without prefill."""
    made = LatencyProfile(
        name="made",
        decode=Decode(width=tuple(STEPS), step_s=tuple(STEPS.values())),
        max_sequences=16,
        kv_cache_tokens=1_000_000,
    )
    said: list[str] = []

    async def main() -> LatencyProfile:
        engine = Slow(lambda _: Script(text="7}"), made, chunk_tokens=chunk_tokens)
        await engine.start()
        clock = asyncio.get_running_loop().time
        profiler = Profiler(rig_of(engine), said.append, clock)
        return await profiler.measure("found", startup_s=12.0)

    return play(main), said


@pytest.mark.parametrize("chunk_tokens", [1, 8])
def test_it_finds_the_steps(chunk_tokens: int) -> None:
    """At every width, in whatever chunks the tokens come."""
    profile, _ = measured(chunk_tokens=chunk_tokens)
    assert profile.decode.width == tuple(STEPS)
    assert profile.decode.step_s == pytest.approx(tuple(STEPS.values()), rel=0.02)
    assert profile.decode.context_s_per_token * 1e5 < 0.02 * STEPS[16]


def test_it_finds_what_lies_around_the_steps() -> None:
    """Nothing waits for prefill here; an opening takes what it takes; a stop ends with a step."""
    profile, said = measured(chunk_tokens=1)
    assert profile.prefill.base_s == pytest.approx(0.0, abs=1e-6)
    assert profile.prefill.s_per_token == pytest.approx(0.0, abs=1e-6)
    assert profile.opening_s == pytest.approx(OPENING_S)
    assert profile.stop_s == pytest.approx(STEPS[16], rel=0.01)
    assert profile.probe.tokens == 2
    assert (profile.name, profile.startup_s) == ("found", 12.0)
    assert (profile.max_sequences, profile.kv_cache_tokens) == (16, 1_000_000)
    assert said[0] == "warming up"


@pytest.mark.parametrize("stall_s", [0.0, 0.0007, 0.002, 0.03])
def test_a_crowd_waits_in_replay_as_it_was_measured(stall_s: float) -> None:
    """Whether what was taken in first goes on meanwhile, in part, or not at all."""
    width, tokens, step_s, request_s, base_s = 64, 16, 0.004, 0.002, 0.03
    prefill = Prefill(base_s=base_s, request_s=request_s, stall_s=stall_s)
    decode = Decode(width=(1,), step_s=(step_s,))
    world = World(LatencyProfile(name="made", decode=decode, prefill=prefill), None)
    world.open_question()
    for sample in range(width):
        world.start(LoggedSample(sample, tokens, "7"), None)
    ends: list[float] = []
    while len(ends) < width:
        event = world.next_event(10.0)
        if isinstance(event, SampleFinished):
            ends.append(event.at_s - base_s - tokens * step_s)
    assert taken_in_s(sum(ends) / width, stall_s, width) == pytest.approx(request_s, rel=0.02)
