"""What every engine must do: the list that the simulated world meets, and a live one will.

An engine joins by one class with the six methods of `EngineUnderTest`, named in `ENGINES`. Its
model is scripted: it plays `LoggedSample`s, so that the suite knows what should happen. Only
the order of events and their content is asked for here, times only where the rule is about one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

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
from scheduler.latency import Decode, Probe
from simulations.pool import Checkpoint, LoggedSample, ToolCall
from simulations.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import AnyEvent, SampleEvent


class EngineUnderTest(Protocol):
    """An engine that plays scripts.

    Attributes:
        step_s: Seconds a token of a sample that runs alone.
        stop_s: Seconds until a stop is noticed, at most.
    """

    step_s: float
    stop_s: float

    def open_question(self) -> None:
        """Go on to the next question; the first call opens question 0."""

    def start(self, script: LoggedSample | None, max_tokens: int | None = None) -> None:
        """Start the next sample of the open question; None makes it fail."""

    def stop(self, sample: int) -> None:
        """Stop a sample."""

    def probe(self, sample: int) -> None:
        """Ask a sample for its answer so far."""

    def events_until(self, at_s: float) -> list[SampleEvent]:
        """Let time pass and give what happened."""

    def tokens(self, position: int) -> int:
        """Tokens charged to a question so far."""


class SimulatedEngine:
    """The simulated world with a delay of three tenths of a second for stops."""

    step_s = 0.01
    stop_s = 0.3

    def __init__(self) -> None:
        profile = LatencyProfile(
            name="t",
            decode=Decode(width=(1, 2), step_s=(0.01, 0.015)),
            probe=Probe(base_s=0.05, tokens=2),
            stop_s=self.stop_s,
        )
        self._world = World(profile, progress_every_tokens=50)

    def open_question(self) -> None:
        """Go on."""
        self._world.open_question()

    def start(self, script: LoggedSample | None, max_tokens: int | None = None) -> None:
        """Start."""
        self._world.start(script, max_tokens)

    def stop(self, sample: int) -> None:
        """Stop."""
        self._world.stop(sample)

    def probe(self, sample: int) -> None:
        """Probe."""
        self._world.probe(sample)

    def events_until(self, at_s: float) -> list[SampleEvent]:
        """Collect up to the wake-up."""
        events: list[Any] = []
        while not isinstance(event := self._world.next_event(at_s), Woke):
            events.append(event)
        return events

    def tokens(self, position: int) -> int:
        """Read the meter."""
        return self._world.tokens[position]


ENGINES: tuple[Callable[[], EngineUnderTest], ...] = (SimulatedEngine,)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    """An engine with its first question open."""
    made: EngineUnderTest = request.param()
    made.open_question()
    return made


def script(tokens: int = 200, answer: str | None = "7", **fields: Any) -> LoggedSample:  # noqa: ANN401
    """Make what a sample will say: unsure until half of it, probed there and at a quarter."""
    checkpoints = (
        Checkpoint(tokens // 4, 0.75, 0.5, probed=True, answer=None),
        Checkpoint(tokens // 2, 0.5, 0.25, probed=True, answer=answer),
        Checkpoint(tokens // 2 + 10, 0.25, 0.125, probed=False, answer=None),
    )
    return LoggedSample(
        sample=0,
        tokens=tokens,
        answer=answer,
        mean_entropy=0.25,
        tail_entropy=0.125,
        **{"checkpoints": checkpoints, **fields},
    )


def kinds(events: list[SampleEvent], sample: int = 0) -> list[type[AnyEvent]]:
    """Give what happened to a sample, in order."""
    return [type(event) for event in events if event.sample == sample]  # type: ignore[misc]


def test_a_sample_starts_once_and_finishes_once(engine: EngineUnderTest) -> None:
    """A start, then its end with answer, length, reason and entropies."""
    engine.start(script(40))
    started, finished = engine.events_until(100.0)
    assert isinstance(started, SampleStarted)
    assert isinstance(finished, SampleFinished)
    assert (finished.position, finished.sample) == (0, 0)
    assert (finished.answer, finished.tokens) == ("7", 40)
    assert finished.finish_reason is FinishReason.STOP
    assert (finished.mean_entropy, finished.tail_entropy) == (0.25, 0.125)
    assert engine.tokens(0) == 40


def test_progress_is_streamed_with_what_was_measured(engine: EngineUnderTest) -> None:
    """Each fifty tokens, with the entropies so far; none is reported at the end itself."""
    engine.start(script(200))
    progress = [e for e in engine.events_until(100.0) if isinstance(e, SampleProgressed)]
    assert [(e.tokens, e.mean_entropy, e.tail_entropy) for e in progress] == [
        (50, 0.75, 0.5),
        (100, 0.5, 0.25),
        (150, 0.25, 0.125),
    ]


def test_unknown_entropies_are_none(engine: EngineUnderTest) -> None:
    """What was not measured is not made up."""
    engine.start(script(120, checkpoints=()))
    progress = [e for e in engine.events_until(100.0) if isinstance(e, SampleProgressed)]
    assert [(e.mean_entropy, e.tail_entropy) for e in progress] == [(None, None), (None, None)]


def test_events_come_in_the_order_of_time(engine: EngineUnderTest) -> None:
    """Whatever runs, no event is earlier than the one before it."""
    for n in range(8):
        engine.start(script(100 + 37 * n % 90))
    times = [event.at_s for event in engine.events_until(1000.0)]
    assert times == sorted(times)
    assert len(times) == len([*range(8)]) * 2 + sum((99 + 37 * n % 90) // 50 for n in range(8))


def test_nothing_is_heard_before_it_happens(engine: EngineUnderTest) -> None:
    """Up to a time only events up to that time are reported."""
    engine.start(script(200))
    early = engine.events_until(60 * engine.step_s)
    assert SampleFinished not in kinds(early)
    assert all(event.at_s <= 60 * engine.step_s for event in early)


def test_a_shorter_sample_finishes_first(engine: EngineUnderTest) -> None:
    """The order of finishing is that of the lengths, not of the starts."""
    engine.start(script(400))
    engine.start(script(100))
    ends = [e.sample for e in engine.events_until(100.0) if isinstance(e, SampleFinished)]
    assert ends == [1, 0]


def test_a_limit_of_tokens_cuts_without_an_answer(engine: EngineUnderTest) -> None:
    """A sample cut by us ends at the limit, with the reason length and no answer."""
    engine.start(script(200), max_tokens=120)
    (end,) = [e for e in engine.events_until(100.0) if isinstance(e, SampleFinished)]
    assert (end.tokens, end.answer, end.finish_reason) == (120, None, FinishReason.LENGTH)
    assert engine.tokens(0) == 120


def test_a_limit_that_is_not_reached_changes_nothing(engine: EngineUnderTest) -> None:
    """A sample that ends at or before its limit ended by itself."""
    engine.start(script(200), max_tokens=200)
    (end,) = [e for e in engine.events_until(100.0) if isinstance(e, SampleFinished)]
    assert (end.tokens, end.answer, end.finish_reason) == (200, "7", FinishReason.STOP)


def test_a_stopped_sample_is_charged_until_the_stop_was_noticed(engine: EngineUnderTest) -> None:
    """Its end is reported as stopped, without an answer; what it generated till then is paid."""
    engine.start(script(10_000))
    engine.events_until(100 * engine.step_s)
    engine.stop(0)
    events = engine.events_until(100.0)
    (end,) = [e for e in events if isinstance(e, SampleFinished)]
    assert (end.answer, end.finish_reason) == (None, FinishReason.STOPPED)
    at_most = round(100 + engine.stop_s / engine.step_s)
    assert 100 <= end.tokens <= at_most
    assert engine.tokens(0) == end.tokens
    assert engine.events_until(200.0) == []


def test_a_sample_that_ends_before_its_stop_is_noticed_ends_once(engine: EngineUnderTest) -> None:
    """Its own end and the stop may cross; only one of the two is reported."""
    engine.start(script(100))
    engine.events_until(99.5 * engine.step_s)
    engine.stop(0)
    events = engine.events_until(100.0)
    assert kinds(events).count(SampleFinished) == 1
    assert engine.tokens(0) == 100


def test_a_sample_may_be_stopped_before_it_began(engine: EngineUnderTest) -> None:
    """A stop right after the start is possible, and leaves at most the delay's tokens."""
    engine.start(script(10_000))
    engine.stop(0)
    events = engine.events_until(100.0)
    assert kinds(events)[-1] is SampleFinished
    assert engine.tokens(0) <= round(engine.stop_s / engine.step_s)


@pytest.mark.parametrize(
    ("age", "answer"), [(20, None), (50, None), (99, None), (100, "7"), (150, "7"), (199, "7")]
)
def test_a_probe_tells_the_answer_so_far(
    engine: EngineUnderTest, age: int, answer: str | None
) -> None:
    """The latest answer logged at or before the sample's age; null where there is none."""
    engine.start(script(200))
    engine.events_until((age + 0.4) * engine.step_s)
    engine.probe(0)
    (told,) = [e for e in engine.events_until(100.0) if isinstance(e, ProbeAnswered)]
    assert (told.position, told.sample, told.answer) == (0, 0, answer)


def test_probes_are_answered_one_each(engine: EngineUnderTest) -> None:
    """Several probes of several samples all come back, and their tokens are charged."""
    engine.start(script(400, "7"))
    engine.start(script(400, "8"))
    engine.events_until(250 * engine.step_s * 1.5)
    for sample in (0, 1, 0):
        engine.probe(sample)
    told = [e for e in engine.events_until(100.0) if isinstance(e, ProbeAnswered)]
    assert sorted((e.sample, e.answer) for e in told) == [(0, "7"), (0, "7"), (1, "8")]
    assert engine.tokens(0) > 800


def test_a_probe_may_be_overtaken_by_the_end(engine: EngineUnderTest) -> None:
    """A sample that ends meanwhile ends as it would have; the probe still comes back."""
    engine.start(script(200))
    engine.events_until(199.5 * engine.step_s)
    engine.probe(0)
    assert sorted(kind.__name__ for kind in kinds(engine.events_until(100.0))) == [
        "ProbeAnswered",
        "SampleFinished",
    ]


def test_a_tool_wait_is_told_and_costs_no_tokens(engine: EngineUnderTest) -> None:
    """The call, its return and the end, in this order and that far apart."""
    engine.start(script(200, tool_calls=(ToolCall(tokens=80, seconds=3.0),)))
    events = engine.events_until(100.0)
    told = [e for e in events if not isinstance(e, SampleProgressed)]
    assert [type(e) for e in told] == [SampleStarted, ToolCalled, ToolReturned, SampleFinished]
    assert told[2].at_s - told[1].at_s >= 3.0
    assert engine.tokens(0) == 200


def test_a_failure_is_told_and_the_engine_is_used_again(engine: EngineUnderTest) -> None:
    """A lost sample is told as failed; the next one is as any other."""
    engine.start(None)
    assert kinds(engine.events_until(10.0))[-1] is SampleFailed
    engine.start(script(200))
    events = engine.events_until(100.0)
    assert kinds(events, 1)[0] is SampleStarted
    assert kinds(events, 1)[-1] is SampleFinished


def test_an_error_in_the_middle_is_a_failure_of_that_sample(engine: EngineUnderTest) -> None:
    """A sample whose log ended in an error fails there; the others go on."""
    engine.start(script(100, finish_reason=FinishReason.ERROR))
    engine.start(script(300))
    events = engine.events_until(100.0)
    assert kinds(events)[-1] is SampleFailed
    assert kinds(events, 1)[-1] is SampleFinished


def test_everything_can_be_stopped_and_the_engine_used_again(engine: EngineUnderTest) -> None:
    """After a stop of all that runs, the next question has the engine to itself."""
    for n in range(10):
        engine.start(script(1000 + n))
    engine.events_until(10 * engine.step_s)
    for sample in range(10):
        engine.stop(sample)
    ends = [e for e in engine.events_until(50.0) if isinstance(e, SampleFinished)]
    assert sorted(e.sample for e in ends) == list(range(10))
    assert {e.finish_reason for e in ends} == {FinishReason.STOPPED}
    engine.open_question()
    engine.start(script(100))
    events = engine.events_until(100.0)
    started, end = events[0], events[-1]
    assert (started.position, end.position) == (1, 1)
    assert end.at_s - started.at_s == pytest.approx(100 * engine.step_s, rel=0.2)
    assert engine.tokens(1) == 100


def test_what_leaves_late_belongs_to_its_own_question(engine: EngineUnderTest) -> None:
    """A sample stopped at the answer is charged to its question, never to the next."""
    engine.start(script(10_000))
    engine.events_until(100 * engine.step_s)
    engine.stop(0)
    engine.open_question()
    engine.start(script(100))
    events = engine.events_until(100.0)
    assert [e for e in events if e.position == 1 and isinstance(e, SampleFinished)] == [events[-1]]
    assert engine.tokens(1) == 100
    assert 100 <= engine.tokens(0) <= round(100 + engine.stop_s / engine.step_s)
