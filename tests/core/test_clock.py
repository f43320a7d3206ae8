"""The virtual token clock: one rate for all that run, wall time as its integral."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import LatencyProfile
from scheduler.latency import Decode
from simulations.clock import TokenClock

STEPS = 64


def made(*, base_s: float = 0.01, per_sample_s: float = 0.0, context_s: float = 0.0) -> TokenClock:
    """Return a clock whose step takes `base_s + per_sample_s (n − 1) + context_s K`."""
    return TokenClock(
        LatencyProfile(
            name="t",
            decode=Decode(
                width=(1, 2),
                step_s=(base_s, base_s + per_sample_s),
                context_s_per_token=context_s,
            ),
        )
    )


def test_nothing_runs_nothing_is_gained() -> None:
    """Time passes in an empty engine, tokens do not."""
    clock = made()
    clock.run_to_time(3.0)
    assert (clock.now_s, clock.tokens) == (3.0, 0.0)
    assert clock.time_of(1.0) == inf


def test_one_sample_takes_a_step_a_token() -> None:
    """A hundred tokens at ten milliseconds are a second."""
    clock = made(base_s=0.01)
    clock.join(0.0)
    assert clock.time_of(100.0) == pytest.approx(1.0)


def test_two_samples_share_the_rate() -> None:
    """With a second sample each step is as long as the table says, for both."""
    clock = made(base_s=0.01, per_sample_s=0.005)
    clock.join(0.0)
    clock.run_to_time(1.0)  # 100 tokens
    clock.join(0.0)
    clock.run_to_time(2.5)  # 1.5 s at 15 ms: 100 tokens
    clock.leave(0.0)
    assert clock.tokens == pytest.approx(200.0)
    assert clock.time_of(300.0) == pytest.approx(3.5)


def test_context_by_hand() -> None:
    """One sample with 100 tokens of context: 10 steps of 10 ms and (100 … 110) × 0.1 ms."""
    clock = made(base_s=0.01, context_s=1e-4)
    clock.join(100.0)
    assert clock.time_of(10.0) == pytest.approx(10 * 0.01 + 1e-4 * 10 * 105.0)


def test_context_counts_every_sample() -> None:
    """Two samples add two tokens of context a step, and a sample that leaves takes its own."""
    clock = made(context_s=1e-4)
    clock.join(50.0)
    clock.join(30.0)
    clock.run_to_tokens(10.0, clock.time_of(10.0))
    assert clock.context_tokens == pytest.approx(100.0)
    clock.leave(40.0)
    assert (clock.width, clock.context_tokens) == (1, pytest.approx(60.0))
    clock.leave(60.0)
    assert (clock.width, clock.context_tokens) == (0, 0.0)


@pytest.mark.parametrize("context_s", [0.0, 1e-4])
def test_context_grows_also_where_it_costs_nothing(context_s: float) -> None:
    """The KV cache fills whatever its reading costs."""
    clock = made(context_s=context_s)
    clock.join(50.0)
    clock.run_to_tokens(10.0, clock.time_of(10.0))
    assert clock.context_tokens == pytest.approx(60.0)
    clock.run_to_time(clock.time_of(25.0))
    assert clock.context_tokens == pytest.approx(75.0)


def test_a_token_that_was_passed_is_now() -> None:
    """What the clock has already reached is due now, never earlier."""
    clock = made()
    clock.join(0.0)
    clock.run_to_time(1.0)
    assert clock.time_of(50.0) == 1.0


def test_a_stall_freezes_everything() -> None:
    """Nothing is gained in a stall, and what follows comes later by its length."""
    clock = made(base_s=0.01)
    clock.join(0.0)
    clock.run_to_time(1.0)
    clock.stall(1.5)
    assert clock.time_of(150.0) == pytest.approx(2.0)
    clock.run_to_time(1.3)
    assert clock.tokens == pytest.approx(100.0)
    assert clock.time_of(150.0) == pytest.approx(2.0)
    clock.run_to_time(1.7)
    assert clock.tokens == pytest.approx(120.0)


def test_stalls_that_overlap_count_once() -> None:
    """Of two stalls the later end counts, whatever their order."""
    clock = made(base_s=0.01)
    clock.join(0.0)
    clock.stall(0.5)
    clock.stall(0.3)
    clock.run_to_time(0.2)
    clock.stall(0.7)
    assert clock.time_of(100.0) == pytest.approx(1.7)


seconds = st.floats(0.0, 1e3)
costs = st.builds(
    made,
    base_s=st.floats(1e-4, 0.1),
    per_sample_s=st.floats(0.0, 0.05),
    context_s=st.sampled_from([0.0, 1e-9, 1e-7, 1e-5]),
)
contexts = st.lists(st.floats(0.0, 1e5), min_size=1, max_size=40)


@given(clock=costs, joined=contexts, ahead=st.floats(0.0, 1e4))
def test_time_is_the_integral_of_the_steps(
    clock: TokenClock, joined: list[float], ahead: float
) -> None:
    """The closed form equals the sum of the profile's steps, small piece by small piece."""
    for context in joined:
        clock.join(context)
    width, context = len(joined), sum(joined)
    piece = ahead / STEPS
    expected = sum(
        clock._profile.step_s(width, context + width * piece * (step + 0.5)) * piece
        for step in range(STEPS)
    )
    assert clock.time_of(ahead) == pytest.approx(expected, rel=1e-9)


@given(clock=costs, joined=contexts, begin_s=seconds, stall_s=seconds, ahead=st.floats(1e-3, 1e5))
def test_there_and_back(
    clock: TokenClock, joined: list[float], begin_s: float, stall_s: float, ahead: float
) -> None:
    """`run_to_time` undoes `time_of`: the clock then stands at the token that was asked for."""
    clock.run_to_time(begin_s)
    for context in joined:
        clock.join(context)
    clock.stall(begin_s + stall_s)
    clock.run_to_time(clock.time_of(ahead))
    assert clock.tokens == pytest.approx(ahead, rel=1e-6, abs=1e-6)


@given(clock=costs, joined=contexts, pieces=st.lists(st.floats(0.0, 10.0), min_size=1, max_size=20))
def test_small_steps_are_one_large_step(
    clock: TokenClock, joined: list[float], pieces: list[float]
) -> None:
    """Where a run is cut into pieces changes neither tokens nor context."""
    whole = TokenClock(clock._profile)
    for context in joined:
        clock.join(context)
        whole.join(context)
    now_s = 0.0
    for piece in pieces:
        now_s += piece
        clock.run_to_time(now_s)
    whole.run_to_time(now_s)
    assert clock.tokens == pytest.approx(whole.tokens, rel=1e-9, abs=1e-9)
    assert clock.context_tokens == pytest.approx(whole.context_tokens, rel=1e-9)
