"""What every engine must do: one suite over the simulated world and the live session.

The session runs on the scripted engine (on virtual time), on vLLM in this process and on vLLM
behind its server, both with the tiny model. Each engine plays scripts, so that the suite knows
what should happen. Only the order of events and their content is asked for here, times only
where the rule is about one.
"""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from engines_under_test import (
    LONG,
    REPORT_EVERY_TOKENS,
    InProcessUnderTest,
    Script,
    ScriptedUnderTest,
    ServerUnderTest,
    SimulatedEngine,
    logged_sample,
)
from virtual_time import play

from engine.vllm.inprocess import InProcessEngine
from engine.vllm.process import ServerProcess
from engine.vllm.server import ServerEngine
from scheduler import (
    FinishReason,
    ProbeAnswered,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
)
from simulations.pool import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from engines_under_test import EngineUnderTest, SessionEngine

    from engine.port import Engine
    from engine.vllm.settings import VllmSettings
    from scheduler import AnyEvent, SampleEvent

    Check = Callable[[EngineUnderTest], Coroutine[Any, Any, None]]
    Playing = Callable[[Check], None]

STOPPED_TOKENS = 120
"""Where LONG samples are stopped: they have reported once or twice."""


# vLLM leaves its sockets' context to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed context:ResourceWarning")


# Who is tested.


@pytest.fixture(scope="module")
def real_time() -> Iterator[asyncio.Runner]:
    """A loop on which engines stay up between tests."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def inprocess(
    alone: None, real_time: asyncio.Runner, tiny_settings: VllmSettings
) -> Iterator[Engine]:
    """VLLM in this process."""
    del alone
    yield from _running(InProcessEngine(tiny_settings), real_time)


@pytest.fixture(scope="module")
def server(
    alone: None,
    real_time: asyncio.Runner,
    tiny_settings: VllmSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Engine]:
    """VLLM behind its server."""
    del alone
    settings = msgspec.structs.replace(
        tiny_settings,
        extra={"distributed_executor_backend": "uni", "enable_log_requests": False},
    )
    log = tmp_path_factory.mktemp("server") / "log"
    yield from _running(ServerEngine(ServerProcess(settings, log)), real_time)


def _running(engine: Engine, real_time: asyncio.Runner) -> Iterator[Engine]:
    real_time.run(engine.start())
    yield engine
    real_time.run(engine.close())
    gc.collect()


@pytest.fixture(
    params=[
        "simulated",
        "scripted",
        pytest.param("inprocess", marks=pytest.mark.xdist_group("vllm")),
        pytest.param("server", marks=pytest.mark.xdist_group("vllm")),
    ]
)
def playing(request: pytest.FixtureRequest) -> Playing:
    """What runs a check on an engine whose first question is open."""
    match request.param:
        case "simulated":
            return lambda check: asyncio.run(_check(SimulatedEngine(), check))
        case "scripted":
            return _play_scripted
        case "inprocess":
            kind: type[SessionEngine] = InProcessUnderTest
        case _:
            kind = ServerUnderTest
    real_time = request.getfixturevalue("real_time")
    engine = request.getfixturevalue(request.param)

    async def live(check: Check) -> None:
        await _check_live(kind(engine), check)

    return lambda check: real_time.run(live(check))


def _play_scripted(check: Check) -> None:
    async def main() -> None:
        await _check_live(ScriptedUnderTest(), check)

    play(main)


async def _check(engine: EngineUnderTest, check: Check) -> None:
    engine.open_question()
    await check(engine)


async def _check_live(engine: SessionEngine, check: Check) -> None:
    await engine.session.start()
    try:
        await _check(engine, check)
    finally:
        await engine.leave()


def on_every_engine(check: Check) -> Callable[[Playing], None]:
    """Make a test of a check."""

    def test(playing: Playing) -> None:
        playing(check)

    test.__doc__ = check.__doc__
    return test


# How events are read.


def kinds(events: Sequence[SampleEvent], sample: int = 0) -> list[type[AnyEvent]]:
    """Give what happened to a sample, in order."""
    return [type(event) for event in events if event.sample == sample]  # type: ignore[misc]


def ends_of(events: Sequence[SampleEvent]) -> list[SampleFinished]:
    """Give the ends."""
    return [event for event in events if isinstance(event, SampleFinished)]


def grown(tokens: int, sample: int = 0) -> Callable[[Any], bool]:
    """Want a sample to be so long."""
    return lambda event: (
        isinstance(event, SampleProgressed) and event.sample == sample and event.tokens >= tokens
    )


# Samples.


@on_every_engine
async def test_a_sample_starts_once_and_finishes_once(engine: EngineUnderTest) -> None:
    """A start, then its end with answer, length and reason."""
    engine.start(Script(40))
    started, finished = await engine.rest()
    assert isinstance(started, SampleStarted)
    assert isinstance(finished, SampleFinished)
    assert (finished.position, finished.sample) == (0, 0)
    assert (finished.answer, finished.tokens) == ("7", 40)
    assert finished.finish_reason is FinishReason.STOP
    assert finished.mean_entropy is not None
    assert finished.tail_entropy is not None
    assert engine.tokens(0) == 40


@on_every_engine
async def test_progress_is_streamed_with_what_was_measured(engine: EngineUnderTest) -> None:
    """Each fifty tokens, with the entropies so far; none is reported at the end itself."""
    engine.start(Script(200))
    progress = [e for e in await engine.rest() if isinstance(e, SampleProgressed)]
    tokens = [event.tokens for event in progress]
    if engine.is_exact:
        assert tokens == [50, 100, 150]
    assert tokens
    assert tokens == sorted(set(tokens))
    assert len({count // REPORT_EVERY_TOKENS for count in tokens}) == len(tokens)
    assert tokens[0] >= REPORT_EVERY_TOKENS
    assert tokens[-1] < 200
    for event in progress:
        engine.check_entropies(event)


@on_every_engine
async def test_events_come_in_the_order_of_time(engine: EngineUnderTest) -> None:
    """Whatever runs, no event is earlier than the one before it."""
    lengths = [100 + 37 * n % 90 for n in range(8)]
    for tokens in lengths:
        engine.start(Script(tokens))
    events = await engine.rest()
    times = [event.at_s for event in events]
    assert times == sorted(times)
    assert [kinds(events, n).count(SampleStarted) for n in range(8)] == [1] * 8
    assert sorted(end.tokens for end in ends_of(events)) == sorted(lengths)
    if engine.is_exact:
        assert len(times) == 16 + sum((tokens - 1) // 50 for tokens in lengths)


@on_every_engine
async def test_nothing_is_heard_before_it_happens(engine: EngineUnderTest) -> None:
    """Up to a time only events up to that time are reported."""
    engine.start(Script(LONG))
    early = await engine.until(grown(50))
    assert SampleFinished not in kinds(early)
    assert all(event.at_s <= engine.now_s() for event in early)


@on_every_engine
async def test_a_shorter_sample_finishes_first(engine: EngineUnderTest) -> None:
    """The order of finishing is that of the lengths, not of the starts."""
    engine.start(Script(800))
    engine.start(Script(100))
    assert [end.sample for end in ends_of(await engine.rest())] == [1, 0]


@on_every_engine
async def test_each_sample_has_its_own_answer(engine: EngineUnderTest) -> None:
    """What runs at once is not mixed up."""
    for n in range(6):
        engine.start(Script(60 + n, "78"[n % 2]))
    ends = {end.sample: (end.answer, end.tokens) for end in ends_of(await engine.rest())}
    assert ends == {n: ("78"[n % 2], 60 + n) for n in range(6)}


@on_every_engine
async def test_a_limit_of_tokens_cuts_without_an_answer(engine: EngineUnderTest) -> None:
    """A sample cut by us ends at the limit, with the reason length and no answer."""
    engine.start(Script(200), max_tokens=120)
    (end,) = ends_of(await engine.rest())
    assert (end.tokens, end.answer, end.finish_reason) == (120, None, FinishReason.LENGTH)
    assert engine.tokens(0) == 120


@on_every_engine
async def test_a_limit_that_is_not_reached_changes_nothing(engine: EngineUnderTest) -> None:
    """A sample that ends at or before its limit ended by itself."""
    engine.start(Script(200), max_tokens=200)
    (end,) = ends_of(await engine.rest())
    assert (end.tokens, end.answer, end.finish_reason) == (200, "7", FinishReason.STOP)


# Stops.


@on_every_engine
async def test_a_stopped_sample_is_charged_until_the_stop_was_noticed(
    engine: EngineUnderTest,
) -> None:
    """Its end is told as stopped, without an answer; the engine generates hardly more."""
    before = await engine.generated()
    engine.start(Script(LONG))
    heard = await engine.until(grown(100))
    engine.stop(0)
    events = await engine.rest()
    (end,) = ends_of(events)
    assert (end.answer, end.finish_reason) == (None, FinishReason.STOPPED)
    assert kinds(events)[-1] is SampleFinished
    at_the_stop = max(event.tokens for event in heard if isinstance(event, SampleProgressed))
    assert at_the_stop <= end.tokens <= at_the_stop + engine.late_tokens
    assert engine.tokens(0) == end.tokens
    assert await engine.rest() == []
    generated = await engine.generated() - before
    print(f"generated after the stop: {generated - at_the_stop}")
    assert generated - at_the_stop <= engine.late_tokens
    assert await engine.generated() - before == generated


@on_every_engine
async def test_a_sample_that_ends_before_its_stop_is_noticed_ends_once(
    engine: EngineUnderTest,
) -> None:
    """Its own end and the stop may cross; only one of the two is reported."""
    engine.start(Script(60))
    await engine.until(grown(50))
    engine.stop(0)
    engine.stop(0)
    (end,) = ends_of(await engine.rest())
    assert 50 <= end.tokens <= 60
    assert engine.tokens(0) == end.tokens


@on_every_engine
async def test_a_sample_may_be_stopped_before_it_began(engine: EngineUnderTest) -> None:
    """A stop right after the start is possible, and leaves at most the delay's tokens."""
    engine.start(Script(LONG))
    engine.stop(0)
    events = await engine.rest()
    assert kinds(events)[-1] is SampleFinished
    assert kinds(events).count(SampleFinished) == 1
    assert engine.tokens(0) <= engine.late_tokens


@on_every_engine
async def test_everything_can_be_stopped_and_the_engine_used_again(
    engine: EngineUnderTest,
) -> None:
    """After a stop of all that runs, the next question has the engine to itself."""
    for n in range(10):
        engine.start(Script(LONG + n))
    early = await engine.until(lambda event: isinstance(event, SampleStarted) and event.sample == 9)
    for sample in range(10):
        engine.stop(sample)
    late = ends_of(await engine.rest())
    # On a loaded machine one may end by itself before the last has begun.
    assert sorted(end.sample for end in ends_of(early) + late) == list(range(10))
    assert {end.finish_reason for end in late} == {FinishReason.STOPPED}
    assert await engine.running() == 0
    engine.open_question()
    engine.start(Script(100))
    events = await engine.rest()
    started, end = events[0], events[-1]
    assert (started.position, end.position) == (1, 1)
    if engine.is_exact:
        assert end.at_s - started.at_s == pytest.approx(1.0, rel=0.2)
    assert engine.tokens(1) == 100


@on_every_engine
async def test_what_leaves_late_belongs_to_its_own_question(engine: EngineUnderTest) -> None:
    """A sample stopped at the answer is charged to its question, never to the next."""
    engine.start(Script(LONG))
    await engine.until(grown(100))
    engine.stop(0)
    engine.open_question()
    engine.start(Script(100))
    events = await engine.rest()
    assert [end.tokens for end in ends_of(events) if end.position == 1] == [100]
    assert engine.tokens(1) == 100
    assert 100 <= engine.tokens(0) <= 150 + engine.late_tokens


# Probes.


@on_every_engine
async def test_a_probe_comes_back_with_the_answer(engine: EngineUnderTest) -> None:
    """The running sample is asked, and goes on as if it had not been."""
    engine.start(Script(800, "8"))
    await engine.until(grown(450))
    engine.probe(0)
    events = await engine.rest()
    (told,) = [event for event in events if isinstance(event, ProbeAnswered)]
    assert (told.position, told.sample) == (0, 0)
    assert told.answer in {"7", "8"}
    (end,) = ends_of(events)
    assert (end.answer, end.tokens, end.finish_reason) == ("8", 800, FinishReason.STOP)
    assert engine.tokens(0) > 800


@on_every_engine
async def test_probes_are_answered_one_each(engine: EngineUnderTest) -> None:
    """Several probes of several samples all come back, and their tokens are charged."""
    engine.start(Script(800))
    engine.start(Script(800, "7"))
    await engine.until(grown(450, sample=1))
    for sample in (0, 1, 0):
        engine.probe(sample)
    told = [event for event in await engine.rest() if isinstance(event, ProbeAnswered)]
    assert sorted((e.sample, e.answer) for e in told) == [(0, "7"), (0, "7"), (1, "7")]
    assert engine.tokens(0) > 1600


@on_every_engine
async def test_a_probe_may_be_overtaken_by_the_end(engine: EngineUnderTest) -> None:
    """A sample that ends meanwhile ends as it would have; the probe still comes back."""
    engine.start(Script(60))
    heard = await engine.until(grown(50))
    engine.probe(0)
    events = [*heard, *await engine.rest()]
    assert kinds(events).count(ProbeAnswered) == 1
    (end,) = ends_of(events)
    assert (end.answer, end.tokens, end.finish_reason) == ("7", 60, FinishReason.STOP)


# Failures.


@on_every_engine
async def test_a_failure_is_told_and_the_engine_is_used_again(engine: EngineUnderTest) -> None:
    """A lost sample is told as failed, once; the next one is as any other."""
    engine.start(Script(40, fails_at="once"))
    assert kinds(await engine.rest())[-1] is SampleFailed
    engine.start(Script(200))
    events = await engine.rest()
    assert kinds(events, 0) == []
    assert kinds(events, 1)[0] is SampleStarted
    assert kinds(events, 1)[-1] is SampleFinished


@on_every_engine
async def test_an_error_is_a_failure_of_that_sample(engine: EngineUnderTest) -> None:
    """One that is lost, in the middle where the engine can lose it there; others go on."""
    engine.start(Script(100, fails_at="halfway"))
    engine.start(Script(300))
    events = await engine.rest()
    assert kinds(events)[-1] is SampleFailed
    assert kinds(events, 1)[-1] is SampleFinished


# What only the simulated world knows.


@pytest.fixture
def simulated() -> SimulatedEngine:
    """The simulated world with its first question open."""
    engine = SimulatedEngine()
    engine.open_question()
    return engine


def test_unknown_entropies_are_none(simulated: SimulatedEngine) -> None:
    """What was not measured is not made up."""
    sample = msgspec.structs.replace(logged_sample(Script(120)), checkpoints=())
    simulated.start_logged(sample)
    progress = [e for e in simulated.until_s(100.0) if isinstance(e, SampleProgressed)]
    assert [(e.mean_entropy, e.tail_entropy) for e in progress] == [(None, None), (None, None)]


@pytest.mark.parametrize(
    ("age", "answer"), [(20, None), (50, None), (99, None), (100, "7"), (150, "7"), (199, "7")]
)
def test_a_probe_tells_the_answer_so_far(
    simulated: SimulatedEngine, age: int, answer: str | None
) -> None:
    """The latest answer logged at or before the sample's age; null where there is none."""
    simulated.start(Script(200))
    simulated.until_s((age + 0.4) * 0.01)
    simulated.probe(0)
    (told,) = [e for e in simulated.until_s(100.0) if isinstance(e, ProbeAnswered)]
    assert (told.position, told.sample, told.answer) == (0, 0, answer)


def test_a_tool_wait_is_told_and_costs_no_tokens(simulated: SimulatedEngine) -> None:
    """The call, its return and the end, in this order and that far apart."""
    sample = msgspec.structs.replace(
        logged_sample(Script(200)), tool_calls=(ToolCall(tokens=80, seconds=3.0),)
    )
    simulated.start_logged(sample)
    events = simulated.until_s(100.0)
    told = [e for e in events if not isinstance(e, SampleProgressed)]
    assert [type(e) for e in told] == [SampleStarted, ToolCalled, ToolReturned, SampleFinished]
    assert told[2].at_s - told[1].at_s >= 3.0
    assert simulated.tokens(0) == 200
