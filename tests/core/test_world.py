"""The simulated world: small cases computed by hand, and what must hold for any engine."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler import (
    FinishReason,
    LatencyProfile,
    ProbeAnswered,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
    Woke,
)
from scheduler.latency import Decode, Prefill, Probe
from simulations.bundled import read_profile
from simulations.pool import Checkpoint, LoggedSample, ToolCall
from simulations.sequence import Sequence
from simulations.world import SimulationError, World

if TYPE_CHECKING:
    from scheduler import AnyEvent

STEP_S = 0.01
PIECE_TOKENS = 1 / 16


def engine(
    *,
    per_sample_s: float = 0.0,
    context_s: float = 0.0,
    every: int | None = None,
    **costs: Any,  # noqa: ANN401 - fields of the profile
) -> World:
    """Return a world with an open question: 10 ms a step, more as told."""
    decode = Decode(
        width=(1, 2), step_s=(STEP_S, STEP_S + per_sample_s), context_s_per_token=context_s
    )
    world = World(LatencyProfile(name="t", decode=decode, **costs), every)
    world.open_question()
    return world


def log(
    tokens: int,
    answer: str | None = "7",
    **more: Any,  # noqa: ANN401 - fields of the sample
) -> LoggedSample:
    """Return a logged sample."""
    return LoggedSample(sample=0, tokens=tokens, answer=answer, **more)


def until(world: World, by_s: float = 1e6) -> list[AnyEvent]:
    """Return all that happens up to a time."""
    heard: list[AnyEvent] = []
    while not isinstance(event := world.next_event(by_s), Woke):
        heard.append(event)
    return heard


def ends(events: list[AnyEvent]) -> dict[int, float]:
    """Return when each sample ended, in the order of their ends."""
    return {e.sample: e.at_s for e in events if isinstance(e, SampleFinished | SampleFailed)}


def starts(events: list[AnyEvent]) -> dict[int, float]:
    """Return when each sample began to decode."""
    return {e.sample: e.at_s for e in events if isinstance(e, SampleStarted)}


def story(events: list[AnyEvent]) -> list[tuple[type, float]]:
    """Return what happened and when, to the microsecond."""
    return [(type(event), round(event.at_s, 6)) for event in events]


# Decoding.


def test_one_sample_of_the_assumed_profile() -> None:
    """Alone, the assumed Qwen3-8B decodes 95 tokens a second."""
    world = World(read_profile("assumed-qwen3-8b"), None)
    world.open_question()
    world.start(log(950), None)
    assert ends(until(world)) == {0: pytest.approx(10.0)}


def test_two_samples_share_the_rate() -> None:
    """At 15 ms for two: both gain 100 tokens in 1.5 s, then the longer goes on alone at 10 ms."""
    world = engine(per_sample_s=0.005)
    world.start(log(200), None)
    world.start(log(100), None)
    assert ends(until(world)) == {1: pytest.approx(1.5), 0: pytest.approx(2.5)}
    assert world.tokens == [300]


def test_the_shorter_finishes_first() -> None:
    """The finish order is that of the lengths, whatever the order of the starts."""
    world = engine(per_sample_s=0.001)
    for tokens in (50, 10, 40, 20, 30):
        world.start(log(tokens), None)
    assert list(ends(until(world))) == [1, 3, 4, 2, 0]


def test_equal_lengths_finish_in_start_order() -> None:
    """A tie in length goes to the sample that started first."""
    world = engine()
    for _ in range(5):
        world.start(log(10), None)
    assert list(ends(until(world))) == [0, 1, 2, 3, 4]


def test_context_slows_decoding() -> None:
    """Ten tokens on a prompt of 100: ten steps of 10 ms and (100 … 110) × 0.1 ms."""
    world = engine(context_s=1e-4)
    world.start(log(10, prompt_tokens=100), None)
    assert ends(until(world)) == {0: pytest.approx(0.1 + 1e-4 * 10 * 105.0)}


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 200), min_size=1, max_size=4),
    prompt=st.integers(0, 1000),
    context_s=st.sampled_from([0.0, 1e-7, 1e-5, 1e-4]),
    per_sample_s=st.sampled_from([0.0, 0.003]),
)
def test_ends_equal_a_numerical_integration(
    lengths: list[int], prompt: int, context_s: float, per_sample_s: float
) -> None:
    """A plain loop over sixteenths of a token finds the same ends as the closed form."""
    world = engine(per_sample_s=per_sample_s, context_s=context_s)
    for length in lengths:
        world.start(log(length, prompt_tokens=prompt), None)
    found = ends(until(world))

    expected: dict[int, float] = {}
    now_s = age = 0.0
    while len(expected) < len(lengths):
        running = [s for s in range(len(lengths)) if s not in expected]
        context = len(running) * (prompt + age + PIECE_TOKENS / 2)
        step_s = STEP_S + per_sample_s * (len(running) - 1) + context_s * context
        now_s += step_s * PIECE_TOKENS
        age += PIECE_TOKENS
        expected |= {s: now_s for s in running if age == lengths[s]}
    assert found == {s: pytest.approx(at_s, rel=1e-9) for s, at_s in expected.items()}


# Limits of the engine.


def test_samples_beyond_the_limit_wait_in_order() -> None:
    """Two run at once; the rest begin one by one as places are freed, first come first."""
    world = engine(max_sequences=2)
    for tokens in (30, 10, 10, 10):
        world.start(log(tokens), None)
    events = until(world)
    assert starts(events) == {
        0: 0.0,
        1: 0.0,
        2: pytest.approx(0.1),
        3: pytest.approx(0.2),
    }
    assert ends(events) == {1: 0.1, 2: 0.2, 0: pytest.approx(0.3), 3: pytest.approx(0.3)}


def test_a_waiting_sample_that_is_stopped_never_begins() -> None:
    """It leaves the queue, and the one behind it takes the place."""
    world = engine(max_sequences=1)
    for _ in range(3):
        world.start(log(10), None)
    world.stop(1)
    assert starts(until(world)) == {0: 0.0, 2: pytest.approx(0.1)}
    assert world.tokens == [20]


def test_samples_wait_for_the_cache() -> None:
    """With room for 100 tokens of context, prompts of 60 run one after the other."""
    world = engine(kv_cache_tokens=100)
    for _ in range(2):
        world.start(log(10, prompt_tokens=60), None)
    events = until(world)
    assert starts(events) == {0: 0.0, 1: pytest.approx(0.1)}
    assert ends(events) == {0: pytest.approx(0.1), 1: pytest.approx(0.2)}


def test_the_newest_is_preempted_and_prefills_again() -> None:
    """Two of 40 fill 100 tokens after 10 each; the newest pays 50 again, then its last 10."""
    world = engine(kv_cache_tokens=100, prefill=Prefill(s_per_token=0.001))
    world.start(log(20, prompt_tokens=40), None)  # prefills 40 tokens: 40 ms
    world.start(log(20, prompt_tokens=40), None)  # cached: begins at once
    events = until(world)
    # Sample 1 runs from 0 ms, sample 0 from 40 ms. 80 + 4 at 40 ms, 100 after 8 more steps:
    # at 120 ms sample 1 has 12 tokens and sample 0 has 8. Sample 0 came in first.
    first_s = 0.040 + 0.200
    assert ends(events) == {
        0: pytest.approx(first_s),
        1: pytest.approx(first_s + 0.052 + 0.080),
    }
    assert [type(event) for event in events].count(SampleStarted) == 2
    assert world.tokens == [40]


@pytest.mark.parametrize("every", [None, 1])
@pytest.mark.parametrize("context_s", [0.0, 1e-12])
def test_the_cache_fills_however_often_one_looks(every: int | None, context_s: float) -> None:
    """Neither progress reports nor a free context let the cache hold more than it can."""
    world = engine(kv_cache_tokens=100, context_s=context_s, every=every)
    for _ in range(2):
        world.start(log(20, prompt_tokens=40), None)
    # Full after 10 tokens each, so the second waits for the first and then needs 10 more.
    assert ends(until(world)) == {0: pytest.approx(0.2), 1: pytest.approx(0.3)}


def test_one_sample_larger_than_the_cache_still_runs() -> None:
    """There is none to preempt for, so it goes on."""
    world = engine(kv_cache_tokens=10)
    for _ in range(3):
        world.start(log(20, prompt_tokens=40), None)
    assert len(ends(until(world))) == 3
    assert world.tokens == [60]


def test_a_preempted_probe_is_no_second_start() -> None:
    """Two probes that overflow the cache push each other out; the samples began only once."""
    world = engine(kv_cache_tokens=100, probe=Probe(tokens=5))
    for _ in range(2):
        world.start(log(30, prompt_tokens=40), None)
    events = until(world, 0.09)
    world.probe(0)
    world.probe(1)
    events += until(world)
    kinds = [type(event) for event in events]
    assert kinds.count(ProbeAnswered) == 2
    assert kinds.count(SampleStarted) == 2
    assert sorted(ends(events)) == [0, 1]


# Starting.


def test_only_the_first_sample_pays_for_the_prompt() -> None:
    """A base for each, and a millisecond a token of the prompt for the first."""
    world = engine(prefill=Prefill(base_s=0.5, s_per_token=0.001))
    for _ in range(3):
        world.start(log(10, prompt_tokens=200), None)
    assert starts(until(world)) == {1: 0.5, 2: 0.5, 0: pytest.approx(0.7)}


def test_the_prompt_is_paid_again_for_the_next_question() -> None:
    """The cache that counts is the open question's."""
    world = engine(prefill=Prefill(s_per_token=0.001))
    world.start(log(10, prompt_tokens=200), None)
    until(world, 1.0)
    world.open_question()
    world.start(log(10, prompt_tokens=300), None)
    assert starts(until(world)) == {0: pytest.approx(1.3)}


def test_requests_queue_at_the_front_end() -> None:
    """Asked for at once, they are taken up one by one; a later one finds the queue empty."""
    world = engine(prefill=Prefill(base_s=0.1, request_s=0.02))
    for _ in range(3):
        world.start(log(1000), None)
    events = until(world, 1.0)
    world.start(log(1000), None)
    events += until(world, 2.0)
    assert starts(events) == {
        0: pytest.approx(0.12),
        1: pytest.approx(0.14),
        2: pytest.approx(0.16),
        3: pytest.approx(1.12),
    }


def test_an_arrival_stalls_the_others() -> None:
    """For the last 50 ms of the newcomer's wait nothing decodes."""
    world = engine(prefill=Prefill(base_s=0.2, stall_s=0.05))
    world.start(log(100), None)
    until(world, 0.5)
    world.start(log(100), None)
    # The first waits until 0.2, decodes 45 tokens to 0.65, stands to 0.7, and needs 55 more.
    assert ends(until(world)) == {0: pytest.approx(1.25), 1: pytest.approx(1.7)}


def test_arrivals_at_once_stall_once() -> None:
    """Three newcomers at one moment freeze the batch for 50 ms, not 150."""
    world = engine(prefill=Prefill(base_s=0.2, stall_s=0.05))
    world.start(log(100), None)
    until(world, 0.5)
    for _ in range(3):
        world.start(log(100), None)
    assert ends(until(world))[0] == pytest.approx(1.25)


def test_a_wait_that_is_all_stall_rounds_to_no_earlier_time() -> None:
    """A tool that takes no time comes back when it was called, not one rounding before."""
    world = engine(prefill=Prefill(base_s=0.05, stall_s=0.05))
    world.start(log(60, tool_calls=tuple(ToolCall(n, 0.0) for n in range(1, 60))), None)
    events = until(world)
    assert all(before.at_s <= after.at_s for before, after in pairwise(events))


# Tools.


def test_a_tool_wait_leaves_the_batch() -> None:
    """While one waits 1 s for its tool, the other decodes at the rate of one."""
    world = engine(per_sample_s=0.01)
    world.start(log(20, tool_calls=(ToolCall(10, 1.0),)), None)
    world.start(log(60), None)
    events = until(world)
    # Both 10 tokens by 0.2; then one alone: 50 more tokens by 0.7; the tool is back at 1.2.
    assert ends(events) == {1: pytest.approx(0.7), 0: pytest.approx(1.3)}
    called, back = (e for e in events if isinstance(e, ToolCalled | ToolReturned))
    assert (called.sample, called.at_s) == (0, pytest.approx(0.2))
    assert (back.sample, back.at_s) == (0, pytest.approx(1.2))
    assert world.tokens == [80]


def test_a_place_freed_by_a_tool_is_taken() -> None:
    """A sample in its tool holds no place; it waits for one when it comes back."""
    world = engine(max_sequences=1)
    world.start(log(20, tool_calls=(ToolCall(10, 0.05),)), None)
    world.start(log(10), None)
    events = until(world)
    assert starts(events)[1] == pytest.approx(0.1)
    assert ends(events) == {1: pytest.approx(0.2), 0: pytest.approx(0.3)}


def test_what_a_tool_tells_is_read_and_held() -> None:
    """Its 20 tokens are computed before the sample goes on, and are context from then on."""
    prefill = Prefill(base_s=0.05, s_per_token=0.001)
    told = ToolCall(10, 1.0, told_tokens=20)
    world = engine(prefill=prefill, context_s=0.0001)
    world.start(log(30, tool_calls=(told,)), None)
    events = until(world)
    back = next(event for event in events if isinstance(event, ToolReturned))
    # 10 tokens on contexts of 0 to 10: 10 · 10 ms + 0.1 ms · 50.
    assert back.at_s == pytest.approx(0.05 + 0.1 + 0.005 + 1.0 + 0.05 + 0.02)
    assert back.tokens == 20
    # 20 more on contexts of 30 to 50.
    assert ends(events)[0] == pytest.approx(back.at_s + 0.2 + 0.0001 * 800)


def test_a_tool_call_hides_no_progress() -> None:
    """Progress that falls on the token of a tool call is reported like any other."""
    world = engine(every=10)
    world.start(log(30, tool_calls=(ToolCall(10, 1.0),)), None)
    seen = [e.tokens for e in until(world) if isinstance(e, SampleProgressed)]
    assert seen == [10, 20]


# Probes.

PROBED = (
    Checkpoint(10, 0.5, 0.4, probed=True, answer="one"),
    Checkpoint(20, 0.6, 0.5, probed=True, answer=None),
    Checkpoint(30, 0.7, 0.6, probed=False, answer=None),
    Checkpoint(40, 0.8, 0.7, probed=True, answer="four"),
)


@pytest.mark.parametrize(
    ("age", "answer"),
    [(0, None), (9, None), (10, "one"), (19, "one"), (20, None), (35, None), (40, "four")],
)
def test_a_probe_finds_the_latest_logged_answer(age: int, answer: str | None) -> None:
    """At or before the sample's age; null where none was logged or nothing parsed."""
    world = engine(every=1)
    world.start(log(50, checkpoints=PROBED), None)
    world.next_event(1.0)
    for _ in range(age):
        world.next_event(1.0)
    world.probe(0)
    event = world.next_event(1.0)
    assert isinstance(event, ProbeAnswered)
    assert (event.answer, event.at_s) == (answer, pytest.approx(age * STEP_S))


def test_rounding_loses_no_checkpoint() -> None:
    """A sample that reports 10, 20, … tokens is probed at that age, whenever it began."""
    answers = tuple(
        Checkpoint(age, None, None, probed=True, answer=str(age)) for age in range(10, 500, 10)
    )
    for begun in range(1, 40):
        world = engine(every=10)
        world.start(log(1000), None)
        until(world, begun * 0.00137)
        world.start(log(500, checkpoints=answers), None)
        age = 0
        while not isinstance(event := world.next_event(100.0), SampleFinished):
            if isinstance(event, ProbeAnswered):
                assert event.answer == str(age)
            elif isinstance(event, SampleProgressed) and event.sample == 1:
                age = event.tokens
                world.probe(1)


def test_a_probe_says_how_old_its_sample_was_when_asked() -> None:
    """Asked after 15.5 tokens and answered after 20 more, it says 15: whole tokens at the ask."""
    world = engine(probe=Probe(base_s=0.1, tokens=10))
    world.start(log(100), None)
    until(world, 0.155)
    world.probe(0)
    (answered,) = [e for e in until(world, 0.9) if isinstance(e, ProbeAnswered)]
    assert (answered.tokens, answered.at_s) == (15, pytest.approx(0.355))


def test_a_probe_costs_its_delay_and_its_tokens() -> None:
    """0.5 s, then ten steps beside the sample, which is slowed; ten tokens are charged."""
    world = engine(per_sample_s=0.01, probe=Probe(base_s=0.5, tokens=10))
    world.start(log(100), None)
    until(world, 0.1)
    world.probe(0)
    events = until(world)
    (answered,) = (event for event in events if isinstance(event, ProbeAnswered))
    assert answered.at_s == pytest.approx(0.1 + 0.5 + 10 * 0.02)
    assert ends(events) == {0: pytest.approx(1.0 + 10 * 0.01)}
    assert world.tokens == [110]


def test_a_probe_brings_the_context_it_reads() -> None:
    """It reads prompt and tokens so far: 100 + 10 beside the sample's own 100 + 10."""
    world = engine(context_s=1e-4, probe=Probe(tokens=1))
    world.start(log(100, prompt_tokens=100), None)
    ten_s = 0.1 + 1e-4 * 10 * 105.0
    until(world, ten_s)
    world.probe(0)
    event = world.next_event(10.0)
    assert isinstance(event, ProbeAnswered)
    assert event.at_s == pytest.approx(ten_s + 0.01 + 1e-4 * (2 * 110 + 1))


# Ends.


def test_more_samples_than_were_logged() -> None:
    """The sample fails at once and the question is marked; nothing is recycled."""
    world = engine()
    world.start(None, None)
    event = world.next_event(1.0)
    assert isinstance(event, SampleFailed)
    assert (event.at_s, event.sample, event.message) == (0.0, 0, "no logged sample is left")
    assert world.exhausted == {0}
    assert world.tokens == [0]


def test_a_censored_log_is_no_finish() -> None:
    """Logged to 100 tokens, it fails 64 tokens and 5 % later, and the question is marked."""
    world = engine()
    world.start(log(100, "7", finish_reason=FinishReason.STOPPED), None)
    started, failed = until(world)
    assert isinstance(started, SampleStarted)
    assert isinstance(failed, SampleFailed)
    assert failed.at_s == pytest.approx(1.69)
    assert (world.exhausted, world.tokens) == ({0}, [169])


def test_a_censored_log_that_is_stopped_before_its_end_suffices() -> None:
    """Nothing more than was logged was asked for."""
    world = engine()
    world.start(log(10, "7", finish_reason=FinishReason.STOPPED), None)
    until(world, 0.09)
    world.stop(0)
    assert until(world) == []
    assert world.exhausted == set()


def test_a_stop_that_comes_a_little_later_than_the_logged_one_is_a_stop() -> None:
    """A clock that runs a few tokens ahead of the logged engine makes no failure of a stop."""
    world = engine()
    world.start(log(10, "7", finish_reason=FinishReason.STOPPED), None)
    until(world, 0.7)
    world.stop(0)
    assert until(world) == []
    assert (world.exhausted, world.tokens) == (set(), [70])


def test_a_run_that_replays_its_own_stop_is_not_exhausted() -> None:
    """Stopped at 100 ms and noticed at 150 ms the log holds 15 tokens, all that are needed."""
    world = engine(stop_s=0.05)
    world.start(log(15, None, finish_reason=FinishReason.STOPPED), None)
    until(world, 0.1)
    world.stop(0)
    until(world)
    assert world.exhausted == set()


def test_a_logged_error_is_a_failure() -> None:
    """An answer that came with an error is not heard; the question isn't exhausted."""
    world = engine()
    world.start(log(10, "7", finish_reason=FinishReason.ERROR), None)
    events = until(world)
    assert story(events) == [(SampleStarted, 0.0), (SampleFailed, 0.1)]
    assert world.exhausted == set()


@pytest.mark.parametrize(
    ("limit", "tokens", "answer", "reason"),
    [
        (9, 9, None, FinishReason.LENGTH),
        (10, 10, "7", FinishReason.STOP),
        (11, 10, "7", FinishReason.STOP),
        (None, 10, "7", FinishReason.STOP),
    ],
)
def test_max_tokens_cuts_without_an_answer(
    limit: int | None, tokens: int, answer: str | None, reason: FinishReason
) -> None:
    """A limit below the logged length ends the sample there; at or above it changes nothing."""
    world = engine()
    world.start(log(10), limit)
    _, event = until(world)
    assert isinstance(event, SampleFinished)
    assert (event.tokens, event.answer, event.finish_reason) == (tokens, answer, reason)
    assert world.tokens == [tokens]


def test_a_limit_below_a_censored_end_is_a_cut() -> None:
    """The limit is reached before the log is silent, so nothing is missing."""
    world = engine()
    world.start(log(10, None, finish_reason=FinishReason.STOPPED), 9)
    _, event = until(world)
    assert isinstance(event, SampleFinished)
    assert (event.finish_reason, world.exhausted) == (FinishReason.LENGTH, set())


def test_a_stopped_sample_is_charged_until_the_engine_noticed() -> None:
    """Stopped after 10 tokens, noticed 50 ms later: 15 tokens, and the place is free then."""
    world = engine(stop_s=0.05, max_sequences=1)
    world.start(log(100), None)
    world.start(log(10), None)
    until(world, 0.1)
    world.stop(0)
    events = until(world)
    assert isinstance(events[0], SampleFinished)
    assert events[0].finish_reason is FinishReason.STOPPED
    assert (events[0].tokens, events[0].answer) == (15, None)
    assert starts(events) == {1: pytest.approx(0.15)}
    assert world.tokens == [25]


# Order.


def test_own_ends_come_before_what_was_due_and_before_the_wake_up() -> None:
    """At one moment: the sample's end, the noticed stop, the newcomer, and only then Woke."""
    world = engine(stop_s=0.5, prefill=Prefill(base_s=0.25))
    world.start(log(100), None)  # begins at 0.25
    world.start(log(200), None)
    until(world, 0.75)
    world.stop(1)  # noticed at 1.25
    world.next_event(1.0)
    world.start(log(10), None)  # begins at 1.25
    at_once = [world.next_event(1.25) for _ in range(4)]
    assert [(type(e), e.at_s) for e in at_once] == [
        (SampleFinished, 1.25),
        (SampleFinished, 1.25),
        (SampleStarted, 1.25),
        (Woke, 1.25),
    ]
    assert [e.sample for e in at_once if not isinstance(e, Woke)] == [0, 1, 2]


def test_nothing_to_wait_for() -> None:
    """Waiting without an end for nothing is the driver's mistake and is said."""
    world = engine()
    with pytest.raises(SimulationError, match="nothing is left to happen"):
        world.next_event(float("inf"))
    assert world.next_event(2.0) == Woke(at_s=2.0)


def test_nothing_of_an_end_is_visible_before_it() -> None:
    """Up to the shorter length, two samples that differ only in their ends look the same."""
    heard = []
    for end in (
        log(95, "7", checkpoints=PROBED, mean_entropy=3.0),
        log(4000, None, checkpoints=PROBED, finish_reason=FinishReason.LENGTH),
    ):
        world = engine(every=7, probe=Probe(base_s=0.02, tokens=2), stop_s=0.1)
        world.start(end, 3000)
        events = until(world, 0.3)
        world.probe(0)
        heard.append([*events, *until(world, 0.94)])
    assert heard[0] == heard[1]
    assert any(isinstance(event, ProbeAnswered) for event in heard[0])


# From question to question.


def test_a_leftover_slows_the_next_question_and_is_charged_to_its_own() -> None:
    """Stopped at 1 s and noticed at 1.3 s, it shares 15 tokens at 20 ms, and is not heard."""
    world = engine(per_sample_s=0.01, stop_s=0.3)
    world.start(log(1000), None)
    until(world, 1.0)
    world.stop(0)
    world.open_question()
    world.start(log(100, "8"), None)
    events = until(world)
    assert story(events) == [(SampleStarted, 1.0), (SampleFinished, round(1.3 + 0.85, 6))]
    assert all(event.position == 1 for event in events if not isinstance(event, Woke))
    assert world.tokens == [115, 100]


def test_what_was_stopped_leaves_between_two_questions() -> None:
    """In the second until the next question the engine notices, so nothing slows it."""
    world = engine(per_sample_s=0.01, stop_s=0.3)
    world.start(log(1000), None)
    until(world, 1.0)
    world.stop(0)
    world.pass_time(1.0)
    world.open_question()
    world.start(log(100), None)
    assert ends(until(world)) == {0: pytest.approx(3.0)}
    assert world.tokens == [130, 100]


def test_drain_charges_what_was_stopped() -> None:
    """After the last answer the stopped samples still decode until the engine has noticed."""
    world = engine(stop_s=0.5, prefill=Prefill(request_s=0.1))
    for _ in range(3):
        world.start(log(1000), None)
    until(world, 0.2)  # the third is still at the front end
    for sample in range(3):
        world.stop(sample)
    world.drain()
    # Begun at 0.1, 0.2 and 0.3, noticed at 0.7.
    assert world.tokens == [60 + 50 + 40]


def test_drain_charges_probes_under_way() -> None:
    """A probe that was decoding when the stream ended costs all its tokens too."""
    world = engine(probe=Probe(tokens=5))
    world.start(log(100), None)
    until(world, 0.5)
    world.probe(0)
    until(world, 0.52)
    world.stop(0)  # at 52 tokens
    world.drain()
    assert world.tokens == [52 + 5]


# Whatever the engine and the samples.

profiles = st.builds(
    LatencyProfile,
    name=st.just("any"),
    decode=st.builds(
        Decode,
        width=st.just((1, 4, 16)),
        step_s=st.sampled_from([(0.01, 0.01, 0.01), (0.01, 0.013, 0.05), (1e-4, 0.3, 0.3)]),
        context_s_per_token=st.sampled_from([0.0, 1e-6, 1e-3]),
    ),
    prefill=st.builds(
        Prefill,
        base_s=st.sampled_from([0.05, 0.3]),
        s_per_token=st.sampled_from([0.0, 0.002]),
        request_s=st.sampled_from([0.0, 0.03]),
        stall_s=st.sampled_from([0.0, 0.05]),
    ),
    probe=st.builds(Probe, base_s=st.sampled_from([0.0, 0.1]), tokens=st.sampled_from([0, 1, 5])),
    stop_s=st.sampled_from([0.0, 0.01, 0.4]),
    max_sequences=st.sampled_from([None, 1, 3]),
    kv_cache_tokens=st.sampled_from([None, 1, 80, 300]),
)
tools = st.lists(
    st.builds(ToolCall, st.integers(0, 60), st.sampled_from([0.0, 0.2])), max_size=2
).map(lambda calls: tuple(sorted(calls, key=lambda call: call.tokens)))
logs = st.builds(
    LoggedSample,
    sample=st.just(0),
    tokens=st.integers(60, 90),
    answer=st.sampled_from([None, "", "7"]),
    finish_reason=st.sampled_from(list(FinishReason)),
    prompt_tokens=st.sampled_from([0, 20]),
    checkpoints=st.sampled_from([(), PROBED]),
    tool_calls=tools,
)
orders = st.lists(
    st.one_of(
        st.tuples(st.just("start"), logs, st.sampled_from([None, 5, 70])),
        st.tuples(st.just("stop"), st.integers(0, 9)),
        st.tuples(st.just("probe"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.004, 0.11, 1.0])),
        st.tuples(st.just("next")),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=150)
@given(profile=profiles, every=st.sampled_from([None, 1, 7]), told=orders)
def test_in_any_engine_time_runs_on_and_everything_ends(
    profile: LatencyProfile, every: int | None, told: list[tuple[Any, ...]]
) -> None:
    """Events never go back in time, each sample begins and ends once, all tokens are charged."""
    world = World(profile, every)
    world.open_question()
    events: list[AnyEvent] = []
    begun: list[LoggedSample] = []
    stopped: set[int] = set()
    for what, *order in told:
        over = set(ends(events)) | stopped
        live = [sample for sample in range(len(begun)) if sample not in over]
        if what == "start":
            begun.append(order[0])
            world.start(*order)
        elif what == "wait":
            events += until(world, world.now_s + order[0])
        elif what == "next":
            events.append(world.next_event(world.now_s + 1.0))
        elif live:
            chosen = live[order[0] % len(live)]
            if what == "stop":
                world.stop(chosen)
                stopped.add(chosen)
            elif chosen in starts(events):
                world.probe(chosen)
    events += until(world, world.now_s + 1e4)

    assert all(before.at_s <= after.at_s for before, after in pairwise(events))
    kinds = [(type(e), e.sample) for e in events if not isinstance(e, Woke)]
    over = [sample for kind, sample in kinds if kind in (SampleFinished, SampleFailed)]
    assert len(over) == len(set(over))
    assert set(range(len(begun))) - stopped <= set(over)
    first = [sample for kind, sample in kinds if kind is SampleStarted]
    assert len(first) == len(set(first))
    assert world._held == world._clock.width == 0
    assert not world._waiting
    if stopped <= set(over):  # else some were dropped at once, unheard
        failed = [begun[e.sample] for e in events if isinstance(e, SampleFailed)]
        lost = sum(Sequence(0, 0, log).end_tokens for log in failed)
        ended = sum(e.tokens for e in events if isinstance(e, SampleFinished))
        probed = sum(isinstance(e, ProbeAnswered) for e in events) * profile.probe.tokens
        assert world.tokens == [lost + ended + probed]
