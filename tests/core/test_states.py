"""The table of states is all that decides which event can be true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduler import (
    DEFAULT_ARM,
    EngineFaultError,
    FinishReason,
    ProbeAnswered,
    ProbeSample,
    Reason,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    SampleState,
    SampleView,
    StopSample,
    ToolCalled,
    ToolReturned,
    Woke,
)
from scheduler.states import LIVE, SAMPLE_TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import AnyAction, QuestionView

KINDS: list[type[SampleEvent]] = [
    SampleStarted,
    SampleProgressed,
    ToolCalled,
    ToolReturned,
    ProbeAnswered,
    SampleFinished,
    SampleFailed,
]
PAIRS = [(state, kind) for state in SampleState for kind in KINDS]
LEGAL = [(state, kind) for state, kind in PAIRS if kind in SAMPLE_TRANSITIONS[state]]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]


def event(kind: type[SampleEvent], at_s: float, sample: int = 0, **fields: object) -> Any:  # noqa: ANN401 - any event
    """Build an event of a kind with values that are true enough."""
    if kind in (SampleProgressed, SampleFinished):
        fields.setdefault("tokens", 50)
    if kind is SampleFinished:
        fields.setdefault("answer", "7")
    return kind(at_s=at_s, position=0, sample=sample, **fields)  # type: ignore[arg-type]


class Stage:
    """One question with a sample in a wished-for state, and a second one that goes on."""

    def __init__(self, begin: Callable[..., Any], rule: type[Any]) -> None:
        self.wanted: list[AnyAction] = []
        self.view: QuestionView | None = None
        self.asked = 0
        self.scheduler, _ = begin(rule(self.decide))
        self.wanted = []

    def decide(self, view: QuestionView) -> list[AnyAction]:
        """Start two samples; afterwards do what the test wants."""
        self.view = view
        self.asked += 1
        if not view.started:
            return [*view.start(2, Reason.WIDEN)]
        wanted, self.wanted = self.wanted, []
        return wanted

    def send(self, happened: Any) -> Any:  # noqa: ANN401 - any event
        """Pass an event on."""
        return self.scheduler.handle(happened)

    def act(self, *actions: AnyAction) -> None:
        """Have the policy do something, on the occasion of the other sample's progress."""
        self.wanted = [*actions]
        if self.sample(1).state is SampleState.ASKED:
            self.send(event(SampleStarted, 1.0, 1))
        self.send(event(SampleProgressed, 1.0, 1))
        assert not self.wanted

    def sample(self, number: int) -> SampleView:
        """What is revealed of a sample."""
        assert self.view is not None
        return self.view.samples[number]

    def bring_to(self, state: SampleState) -> None:
        """Bring sample 0 into a state; a probe of it is under way where one can be."""
        if state is SampleState.ASKED:
            return
        self.send(event(SampleStarted, 1.0))
        self.act(ProbeSample(sample=0, reason=Reason.FORCE))
        if state is SampleState.WAITING:
            self.send(event(ToolCalled, 1.0))
        if state in (SampleState.STOPPING, SampleState.STOPPED):
            self.act(StopSample(sample=0, reason=Reason.TOO_LONG))
        if state in (SampleState.FINISHED, SampleState.STOPPED):
            self.send(event(SampleFinished, 1.0))
        if state is SampleState.FAILED:
            self.send(event(SampleFailed, 1.0))
        assert self.sample(0).state is state

    def picture(self) -> tuple[object, ...]:
        """Everything that is revealed, except the time and the event."""
        assert self.view is not None
        view = self.view
        names = [name for name in SampleView.__slots__ if name != "_answer"]
        return (
            view.live,
            dict(view.tally.weights),
            view.tally.finished,
            [[getattr(sample, name) for name in names] for sample in view.samples],
            self.asked,
        )


@pytest.fixture
def stage(begin: Callable[..., Any], rule: type[Any]) -> Stage:
    """A question with two samples asked for."""
    return Stage(begin, rule)


@pytest.mark.parametrize(("state", "kind"), ILLEGAL)
def test_what_the_table_does_not_hold_is_the_engines_fault(
    stage: Stage, state: SampleState, kind: type[SampleEvent]
) -> None:
    """An impossible event is reported by event and state, and changes nothing."""
    stage.bring_to(state)
    before = stage.picture()
    step = stage.send(event(kind, 2.0))
    (fault,) = step.faults
    assert isinstance(fault, EngineFaultError)
    assert kind.__name__ in str(fault)
    assert state.value in str(fault)
    assert not step.actions
    assert stage.picture() == before


@pytest.mark.parametrize(("state", "kind"), LEGAL)
def test_what_the_table_holds_leads_to_its_state(
    stage: Stage, state: SampleState, kind: type[SampleEvent]
) -> None:
    """A possible event is no fault, and the sample is where the table says."""
    stage.bring_to(state)
    step = stage.send(event(kind, 2.0))
    assert not step.faults
    assert stage.sample(0).state is SAMPLE_TRANSITIONS[state][kind]


@pytest.mark.parametrize(("state", "kind"), LEGAL)
def test_the_policy_is_asked_about_what_was_revealed_of_live_samples(
    stage: Stage, state: SampleState, kind: type[SampleEvent]
) -> None:
    """A start reveals nothing, nor does anything of a sample that can't vote any more."""
    stage.bring_to(state)
    asked = stage.asked
    stage.send(event(kind, 2.0))
    assert (stage.asked > asked) == (state in LIVE and kind is not SampleStarted)


@pytest.mark.parametrize("state", sorted(LIVE, key=lambda state: state.value))
def test_a_live_sample_that_finishes_votes(stage: Stage, state: SampleState) -> None:
    """FINISHED votes, from wherever the sample was."""
    stage.bring_to(state)
    stage.send(event(SampleFinished, 2.0))
    assert stage.view is not None
    assert stage.view.tally.weights == {"7": 1.0}
    assert stage.sample(0).answer == "7"
    assert stage.sample(0).ended_s == 2.0


def test_a_stopping_sample_that_finishes_does_not_vote(stage: Stage) -> None:
    """What was given up before its end stays without a vote, whatever the engine's delay."""
    stage.bring_to(SampleState.STOPPING)
    step = stage.send(event(SampleFinished, 2.0))
    assert not step.faults
    assert stage.view is not None
    assert not stage.view.tally.weights
    assert stage.view.tally.finished == 0
    assert stage.sample(0).answer is None


@pytest.mark.parametrize(
    ("reason", "state", "votes"),
    [
        (FinishReason.STOP, SampleState.FINISHED, {"7": 1.0}),
        (FinishReason.LENGTH, SampleState.FINISHED, {"7": 1.0}),
        (FinishReason.STOPPED, SampleState.STOPPED, {}),
        (FinishReason.ERROR, SampleState.FAILED, {}),
    ],
)
def test_why_a_sample_ended_decides_whether_it_votes(
    stage: Stage, reason: FinishReason, state: SampleState, votes: dict[str, float]
) -> None:
    """Only ends by itself or by the arm's own limit vote."""
    stage.send(event(SampleFinished, 2.0, finish_reason=reason))
    assert stage.view is not None
    assert stage.view.tally.weights == votes
    assert stage.sample(0).state is state


def test_a_sample_cut_at_our_own_limit_does_not_vote(
    begin: Callable[..., Any], rule: type[Any]
) -> None:
    """Where the core set the limit, an answer found in the text so far is none."""
    views = []

    def decide(view: QuestionView) -> list[AnyAction]:
        views.append(view)
        return [] if view.started else [*view.start(2, Reason.WIDEN, max_tokens=50)]

    scheduler, _ = begin(rule(decide))
    scheduler.handle(event(SampleFinished, 1.0, finish_reason=FinishReason.LENGTH))
    assert not views[0].tally.weights
    assert (views[0].tally.finished, views[0].tally.nulls) == (1, 1)


@pytest.mark.parametrize("sample", [-1, 2, 10**12])
@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_an_unknown_sample_is_the_engines_fault(
    stage: Stage, kind: type[SampleEvent], sample: int
) -> None:
    """Samples that were never started can't do anything."""
    before = stage.picture()
    step = stage.send(event(kind, 2.0, sample))
    (fault,) = step.faults
    assert isinstance(fault, EngineFaultError)
    assert str(sample) in str(fault)
    assert stage.picture() == before


def test_a_sample_does_not_shrink(stage: Stage) -> None:
    """Fewer tokens than before are a fault and change nothing."""
    stage.bring_to(SampleState.RUNNING)
    stage.send(event(SampleProgressed, 2.0, tokens=80))
    before = stage.picture()
    step = stage.send(event(SampleProgressed, 2.0, tokens=79))
    assert "shrank from 80 to 79" in str(step.faults[0])
    assert stage.picture() == before


def test_a_probe_that_was_not_asked_is_the_engines_fault(stage: Stage) -> None:
    """An answer to nothing is reported and not kept."""
    stage.send(event(SampleStarted, 1.0))
    before = stage.picture()
    step = stage.send(event(ProbeAnswered, 2.0, answer="9"))
    assert "never asked" in str(step.faults[0])
    assert stage.picture() == before


def test_signals_are_read_off_the_latest_event(stage: Stage) -> None:
    """A policy reads tokens, entropies and probes of a running sample."""
    stage.bring_to(SampleState.RUNNING)
    signals = {"mean_entropy": 0.5, "tail_entropy": 0.25, "confidence": 9.0}
    stage.send(event(SampleProgressed, 2.0, tokens=80, **signals))
    assert stage.sample(0).probe_pending
    stage.send(event(ProbeAnswered, 3.0, answer="9"))
    sample = stage.sample(0)
    assert (sample.tokens, sample.mean_entropy, sample.tail_entropy) == (80, 0.5, 0.25)
    assert sample.confidence == 9.0
    assert (sample.probe_answer, sample.probes_answered, sample.probe_pending) == ("9", 1, False)
    assert (sample.arm, sample.max_tokens, sample.asked_s, sample.started_s) == (
        DEFAULT_ARM,
        None,
        0.0,
        1.0,
    )
    assert (sample.ended_s, sample.live, sample.forced) == (None, True, False)


@pytest.mark.parametrize("kind", [SampleStarted, SampleFinished])
def test_a_clock_that_went_back_does_not_reach_the_records(
    stage: Stage, kind: type[SampleEvent]
) -> None:
    """What is reported late happened, for a policy, when it was reported."""
    stage.send(Woke(at_s=5.0))
    step = stage.send(event(kind, 4.0))
    assert "clock went back" in str(step.faults[0])
    sample = stage.sample(0)
    assert (sample.started_s if kind is SampleStarted else sample.ended_s) == 5.0


def test_a_stop_takes_back_a_forced_answer_at_once(stage: Stage) -> None:
    """What was given up does not vote while the engine still has it."""
    stage.bring_to(SampleState.RUNNING)
    stage.act(ProbeSample(sample=0, forced=True, reason=Reason.FORCE))
    stage.send(event(ProbeAnswered, 2.0, answer="9"))
    assert stage.view is not None
    assert [*stage.view.tally.weights] == ["9"]
    stage.act(StopSample(sample=0, reason=Reason.TOO_LONG))
    assert not stage.view.tally.weights


@pytest.mark.parametrize("kind", [SampleFinished, SampleFailed])
def test_a_sample_frees_its_place_once(stage: Stage, kind: type[SampleEvent]) -> None:
    """It counts as running until it is stopped, and its end afterwards frees nothing more."""
    stage.bring_to(SampleState.STOPPING)
    assert stage.view is not None
    assert stage.view.live == 1
    stage.send(event(kind, 2.0))
    assert stage.view.live == 1
