"""An action outside the allowance is refused with a typed error, never silently changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduler import (
    ActionRefusedError,
    Allowance,
    ProbeSample,
    Reason,
    SampleFailed,
    SampleFinished,
    SampleStarted,
    StartSample,
    Step,
    StopSample,
    SubmitAnswer,
    TimeBudget,
    ToolCalled,
    Woke,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import AnyAction, QuestionView

WHY = Reason.WIDEN
ROOMY = Allowance(width=4, samples=5, tokens_per_sample=100)


def start(sample: int, **fields: Any) -> StartSample:  # noqa: ANN401 - any field
    """Build a start that ROOMY allows but for `fields`."""
    return StartSample(sample=sample, reason=WHY, **{"max_tokens": 100, **fields})


@pytest.fixture
def act(begin: Callable[..., Any], rule: type[Any]) -> Callable[..., Step]:
    """Give the step of a policy that does something while samples are in five states.

    0 has failed, 1 is asked for, 2 runs, 3 waits for a tool; one more may be started.
    """

    def take(*actions: object, wish: Allowance = ROOMY) -> Step:
        wanted: list[object] = []

        def decide(view: QuestionView) -> list[AnyAction]:
            if not view.started:
                return [*view.start(4, WHY)]
            return [wanted.pop(0) for _ in range(len(wanted))]  # type: ignore[misc]

        scheduler, _ = begin(rule(decide, lambda _: wish))
        for event in (
            SampleFailed(at_s=1.0, position=0, sample=0),
            SampleStarted(at_s=1.0, position=0, sample=2),
            SampleStarted(at_s=1.0, position=0, sample=3),
        ):
            assert not scheduler.handle(event).faults
        wanted.extend(actions)
        step: Step = scheduler.handle(ToolCalled(at_s=1.0, position=0, sample=3))
        return step

    return take


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (start(5), "StartSample: the next sample is 4, not 5"),
        (start(3), "StartSample: the next sample is 4, not 3"),
        (start(4, max_tokens=0), "StartSample: max_tokens must be at least 1, got 0"),
        (start(4, max_tokens=101), "StartSample: the allowance holds 100 tokens a sample, not 101"),
        (
            start(4, max_tokens=None),
            "StartSample: the allowance holds 100 tokens a sample, not None",
        ),
        (start(4, parent=4), "StartSample: sample 4 to build on was never started"),
        (start(4, parent=-1), "StartSample: sample -1 to build on was never started"),
        (StopSample(sample=-1, reason=WHY), "StopSample: sample -1 was never started"),
        (StopSample(sample=4, reason=WHY), "StopSample: sample 4 was never started"),
        (StopSample(sample=0, reason=WHY), "StopSample: sample 0 is failed"),
        (ProbeSample(sample=9, reason=WHY), "ProbeSample: sample 9 was never started"),
        (ProbeSample(sample=0, reason=WHY), "ProbeSample: sample 0 is failed"),
        (ProbeSample(sample=1, reason=WHY), "ProbeSample: sample 1 has not begun"),
        (SubmitAnswer(answer="5", reason=WHY), "SubmitAnswer: the tally names None, not '5'"),
        (SubmitAnswer(answer="", reason=WHY), "SubmitAnswer: the tally names None, not ''"),
        ("stop", "str: is no action"),
        (None, "NoneType: is no action"),
        (Woke(at_s=1.0), "Woke: is no action"),
    ],
)
def test_a_refusal_says_what_and_why(
    act: Callable[..., Step], action: object, message: str
) -> None:
    """Each impossible action is one typed fault with the reason, and nothing is done."""
    step = act(action)
    (fault,) = step.faults
    assert isinstance(fault, ActionRefusedError)
    assert str(fault) == message
    assert not step.actions


@pytest.mark.parametrize(
    "action",
    [
        start(4),
        start(4, max_tokens=1, parent=0, arm="judge", candidates=("1", "2")),
        StopSample(sample=1, reason=WHY),
        StopSample(sample=2, reason=WHY),
        StopSample(sample=3, reason=WHY),
        ProbeSample(sample=2, reason=WHY, forced=True),
        ProbeSample(sample=3, reason=WHY),
        SubmitAnswer(answer=None, reason=WHY),
    ],
)
def test_what_the_allowance_holds_is_done_unchanged(
    act: Callable[..., Step], action: AnyAction
) -> None:
    """A possible action leaves the core as the policy made it."""
    step = act(action)
    assert not step.faults
    assert step.actions[0] is action


def test_the_width_counts_what_may_still_vote(act: Callable[..., Step]) -> None:
    """A place is free once a sample ended or was given up, in the order of the actions."""
    refused = act(start(4), start(5))
    assert str(refused.faults[0]) == "StartSample: the allowance holds 4 samples at once"
    assert refused.actions == (start(4),)


def test_the_samples_are_counted_over_the_question(act: Callable[..., Step]) -> None:
    """Stopping makes room in the width, never in the number of samples."""
    step = act(start(4), StopSample(sample=2, reason=WHY), start(5))
    assert str(step.faults[0]) == "StartSample: the allowance holds 5 samples"
    assert step.actions == (start(4), StopSample(sample=2, reason=WHY))


def test_a_sample_is_stopped_once(act: Callable[..., Step]) -> None:
    """A second stop names the state that the first led to, and no probe follows it."""
    stop = StopSample(sample=2, reason=WHY)
    step = act(stop, stop, ProbeSample(sample=2, reason=WHY))
    assert step.actions == (stop,)
    assert [str(fault) for fault in step.faults] == [
        "StopSample: sample 2 is stopping",
        "ProbeSample: sample 2 is stopping",
    ]


def test_after_the_answer_nothing_is_done(act: Callable[..., Step]) -> None:
    """What a policy wants beside its answer is refused; what runs is stopped by the core."""
    submit = SubmitAnswer(answer=None, reason=WHY)
    step = act(submit, start(4), StopSample(sample=1, reason=WHY), submit)
    assert step.actions[0] is submit
    assert [(type(a), a.sample, a.reason) for a in step.actions[1:]] == [  # type: ignore[union-attr]
        (StopSample, sample, Reason.ANSWERED) for sample in (1, 2, 3)
    ]
    assert [str(fault) for fault in step.faults] == [
        "StartSample: the question is answered",
        "StopSample: the question is answered",
        "SubmitAnswer: the question is answered",
    ]


def test_the_leader_alone_may_be_submitted(begin: Callable[..., Any], rule: type[Any]) -> None:
    """A policy can't submit another answer than the tally's, nor nothing where there is one."""
    wanted = [
        SubmitAnswer(answer="8", reason=WHY),
        SubmitAnswer(answer=None, reason=WHY),
        SubmitAnswer(answer="7", reason=WHY),
    ]
    scheduler, _ = begin(rule(lambda view: wanted if view.started else view.start(2, WHY)))
    step = scheduler.handle(SampleFinished(at_s=1.0, position=0, sample=0, answer="7", tokens=1))
    assert step.actions[0] is wanted[2]
    assert [str(fault) for fault in step.faults] == [
        "SubmitAnswer: the tally names '7', not '8'",
        "SubmitAnswer: the tally names '7', not None",
    ]


@pytest.mark.parametrize(
    "action",
    [
        StopSample(sample=None, reason=WHY),  # type: ignore[arg-type]
        ProbeSample(sample="2", reason=WHY),  # type: ignore[arg-type]
        StopSample(sample=0.5, reason=WHY),  # type: ignore[arg-type]
        start(4, max_tokens="100"),
        start(4, parent="0"),
    ],
)
def test_an_action_of_wrong_types_is_refused(act: Callable[..., Step], action: object) -> None:
    """A policy's number of the wrong type is its own fault, never raised at the driver."""
    step = act(action)
    assert isinstance(step.faults[0], ActionRefusedError)
    assert not step.actions


def test_a_limit_that_is_no_number_is_refused(act: Callable[..., Step]) -> None:
    """NaN tokens are not within the allowance."""
    assert not act(start(4, max_tokens=float("nan"))).actions


@pytest.mark.parametrize(
    "action",
    [
        start(4, arm=None),
        start(4, candidates=[1]),
        start(4, candidates=None),
        StartSample(sample=4, max_tokens=9, reason="because"),  # type: ignore[arg-type]
        StopSample(sample=2, reason=None),  # type: ignore[arg-type]
        StopSample(sample=2, reason=WHY, numbers=None),  # type: ignore[arg-type]
        StopSample(sample=2, reason=WHY, numbers={"left_s": "much"}),  # type: ignore[dict-item]
        StopSample(sample=2, reason=WHY, numbers={1: 2.0}),  # type: ignore[dict-item]
        ProbeSample(sample=2, reason=WHY, forced=None),  # type: ignore[arg-type]
        SubmitAnswer(answer=None, reason="because"),  # type: ignore[arg-type]
    ],
)
def test_what_a_journal_cannot_hold_is_refused(act: Callable[..., Step], action: object) -> None:
    """An action that could not be written, or not be read back, never leaves the core."""
    step = act(action)
    assert isinstance(step.faults[0], ActionRefusedError)
    assert not step.actions


def test_a_reason_that_is_none_does_not_spoil_the_ledger(
    begin: Callable[..., Any], rule: type[Any]
) -> None:
    """After a submit for no known reason the stream's ledger can still be resumed."""
    wanted = [SubmitAnswer(answer=None, reason="because")]  # type: ignore[arg-type]
    scheduler, _ = begin(rule(lambda _: wanted))
    assert TimeBudget.resume(scheduler.budget.save(), 0.0).rows == scheduler.budget.rows


def test_an_action_that_cannot_be_looked_at_is_refused(act: Callable[..., Step]) -> None:
    """Even a field whose comparison raises stays the policy's own fault."""

    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, _: object) -> bool:
            raise ZeroDivisionError

    step = act(SubmitAnswer(answer=Odd(), reason=WHY))  # type: ignore[arg-type]
    assert isinstance(step.faults[0], ActionRefusedError)
    assert not step.actions
