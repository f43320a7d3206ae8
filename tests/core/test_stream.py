"""One question after another: whose event is whose, and the ledger between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduler import (
    Allowance,
    CallerError,
    EngineFaultError,
    LatencyProfile,
    QuestionOpened,
    Reason,
    SampleEvent,
    SampleFinished,
    SampleStarted,
    Scheduler,
    Step,
    SubmitAnswer,
    TimeBudget,
    Woke,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import QuestionView


def opened(number: int, at_s: float) -> QuestionOpened:
    """Build an opening."""
    return QuestionOpened(at_s=at_s, question_id=f"q{number}")


@pytest.fixture
def second(profile: LatencyProfile, rule: type[Any]) -> tuple[Scheduler, list[QuestionView]]:
    """A stream whose second question is open, with one sample each, and what its policy saw."""
    views: list[QuestionView] = []

    def decide(view: QuestionView) -> list[Any]:
        views.append(view)
        return [] if view.started else [*view.start(2, Reason.WIDEN)]

    policy = rule(decide, lambda _: Allowance(hard_s=20.0, soft_s=10.0))
    scheduler = Scheduler(policy, TimeBudget(100.0, questions=3), profile)
    scheduler.open(opened(0, 5.0))
    scheduler.handle(Woke(at_s=25.0))
    scheduler.open(opened(1, 30.0))
    views.clear()
    return scheduler, views


def finish(at_s: float, position: int) -> SampleFinished:
    """Build a finish of the first sample."""
    return SampleFinished(at_s=at_s, position=position, sample=0, answer="7", tokens=1)


def test_an_event_of_an_earlier_question_only_passes_time(
    second: tuple[Scheduler, list[QuestionView]],
) -> None:
    """A leftover neither votes nor is a fault, before the deadlines and at them."""
    scheduler, views = second
    step = scheduler.handle(finish(31.0, 0))
    assert step == Step(next_wakeup_s=40.0)
    assert not views
    step = scheduler.handle(finish(40.0, 0))
    assert (len(views), step.next_wakeup_s, step.faults) == (1, 50.0, ())
    assert not views[0].tally.weights
    step = scheduler.handle(finish(50.0, 0))
    assert [type(action) for action in step.actions][:1] == [SubmitAnswer]


@pytest.mark.parametrize("position", [2, 99, -1])
def test_an_event_of_a_question_that_is_not_here_is_a_fault(
    second: tuple[Scheduler, list[QuestionView]], position: int
) -> None:
    """It is the engine's, names the question, and does not vote."""
    scheduler, views = second
    step = scheduler.handle(finish(31.0, position))
    (fault,) = step.faults
    assert isinstance(fault, EngineFaultError)
    assert str(position) in str(fault)
    assert (step.actions, views, step.next_wakeup_s) == ((), [], 40.0)


def test_an_event_of_the_open_question_counts(
    second: tuple[Scheduler, list[QuestionView]],
) -> None:
    """The position of the newest question is its place from 0."""
    scheduler, views = second
    assert scheduler.position == 1
    scheduler.handle(finish(31.0, 1))
    assert views[0].tally.leader == "7"


def test_opening_twice_is_the_callers_fault(
    second: tuple[Scheduler, list[QuestionView]],
) -> None:
    """A second opening is refused by both names and leaves the open question as it was."""
    scheduler, _ = second
    with pytest.raises(CallerError, match="'q1' is open, cannot open 'q2'"):
        scheduler.open(opened(2, 31.0))
    assert (scheduler.position, scheduler.hard_at_s) == (1, 50.0)
    scheduler.handle(Woke(at_s=50.0))
    assert scheduler.open(opened(2, 50.0)).actions


def test_opening_in_the_past_is_the_callers_fault(
    second: tuple[Scheduler, list[QuestionView]],
) -> None:
    """A question can't come before the answer of the last."""
    scheduler, _ = second
    scheduler.handle(Woke(at_s=50.0))
    with pytest.raises(CallerError, match="at_s"):
        scheduler.open(opened(2, 49.0))
    assert scheduler.position == 1
    assert not scheduler.is_open


def test_without_an_open_question_nothing_is_to_be_done(
    second: tuple[Scheduler, list[QuestionView]],
) -> None:
    """What leaves the engine between two questions is taken without a word."""
    scheduler, views = second
    scheduler.handle(Woke(at_s=50.0))
    views.clear()
    events: list[SampleEvent | Woke] = [
        finish(51.0, 1),
        SampleStarted(at_s=51.0, position=0, sample=9),
        Woke(at_s=3.0),
    ]
    for event in events:
        assert scheduler.handle(event) == Step()  # type: ignore[arg-type]
    assert not views
    with pytest.raises(CallerError, match="no question is open"):
        _ = scheduler.hard_at_s
    with pytest.raises(CallerError, match="not handle"):
        scheduler.handle(opened(2, 52.0))


def test_the_ledger_holds_start_up_questions_and_the_gateway(
    second: tuple[Scheduler, list[QuestionView]],
) -> None:
    """Every stretch is a row, the question's with its allowance and why it ended."""
    scheduler, _ = second
    scheduler.handle(Woke(at_s=50.0))
    assert [
        (row.question_id, row.spent_s, row.granted_s, row.reason) for row in scheduler.budget.rows
    ] == [
        (None, 5.0, None, None),
        ("q0", 20.0, 20.0, Reason.HARD_DEADLINE),
        (None, 5.0, None, None),
        ("q1", 20.0, 20.0, Reason.HARD_DEADLINE),
    ]


def test_a_base_event_is_no_event(
    rule: type[Any], begin: Callable[..., tuple[Scheduler, Step]]
) -> None:
    """A sample event of no kind is reported as the engine's fault."""
    scheduler, _ = begin(rule(lambda view: view.start(1 - view.started, Reason.WIDEN)))
    step = scheduler.handle(SampleEvent(at_s=1.0, position=0, sample=0))  # type: ignore[arg-type]
    assert isinstance(step.faults[0], EngineFaultError)
