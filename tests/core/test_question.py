"""The guarantees of one question, one by one."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest

from scheduler import (
    FORCED_WEIGHT,
    Allowance,
    CallerError,
    PolicyRaisedError,
    ProbeAnswered,
    QuestionOpened,
    Reason,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    StartSample,
    Step,
    StopSample,
    SubmitAnswer,
    ToolCalled,
    Woke,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduler import AnyAction, QuestionView, Scheduler

    Begin = Callable[..., tuple[Scheduler, Step]]

WHY = Reason.WIDEN


def finished(sample: int, at_s: float = 1.0, answer: str | None = "7") -> SampleFinished:
    """Build a finish."""
    return SampleFinished(at_s=at_s, position=0, sample=sample, answer=answer, tokens=10)


def submitted(step: Step) -> SubmitAnswer:
    """Give the one answer of a step; it comes first, and only stops follow."""
    answers = [action for action in step.actions if isinstance(action, SubmitAnswer)]
    (answer,) = answers
    after = step.actions[step.actions.index(answer) + 1 :]
    assert all(isinstance(a, StopSample) and a.reason is Reason.ANSWERED for a in after)
    assert step.next_wakeup_s == inf
    return answer


def start_two(view: QuestionView) -> list[StartSample]:
    """Start two samples and wait."""
    return [] if view.started else view.start(2, WHY)


def test_the_answer_is_out_at_the_hard_deadline(begin: Begin, rule: type[Any]) -> None:
    """The leader is submitted at the deadline, however the policy would go on."""
    scheduler, step = begin(rule(start_two, lambda _: Allowance(hard_s=30.0)))
    assert step.next_wakeup_s == scheduler.hard_at_s == 30.0
    assert not scheduler.handle(finished(0)).actions
    step = scheduler.handle(Woke(at_s=30.0))
    answer = submitted(step)
    assert (answer.answer, answer.reason) == ("7", Reason.HARD_DEADLINE)
    assert answer.numbers == {"leader_weight": 1.0, "margin": 1.0}
    assert step.actions[1:] == (StopSample(sample=1, reason=Reason.ANSWERED),)
    assert not scheduler.is_open


def test_a_finish_at_the_deadline_still_votes(begin: Begin, rule: type[Any]) -> None:
    """What was revealed with the deadline counts, and the policy is not asked any more."""
    scheduler, _ = begin(rule(start_two, lambda _: Allowance(hard_s=30.0)))
    answer = submitted(scheduler.handle(finished(0, 30.0)))
    assert (answer.answer, answer.reason) == ("7", Reason.HARD_DEADLINE)


def test_a_stalled_engine_costs_no_answer(begin: Begin, rule: type[Any]) -> None:
    """Without any event the deadline alone ends the question, with nothing."""
    scheduler, step = begin(rule(start_two))
    assert step.next_wakeup_s == 100.0
    answer = submitted(scheduler.handle(Woke(at_s=100.0)))
    assert (answer.answer, answer.reason) == (None, Reason.HARD_DEADLINE)


def test_a_driver_that_comes_late_gets_the_answer_at_once(begin: Begin, rule: type[Any]) -> None:
    """The first call after the deadline submits, whatever it is about."""
    scheduler, _ = begin(rule(start_two))
    answer = submitted(scheduler.handle(SampleStarted(at_s=150.0, position=0, sample=0)))
    assert answer.reason is Reason.HARD_DEADLINE


def test_a_wake_up_before_any_deadline_changes_nothing(begin: Begin, rule: type[Any]) -> None:
    """Being called early is allowed and does not ask the policy."""
    asked = []

    def decide(view: QuestionView) -> list[StartSample]:
        asked.append(view.at_s)
        return start_two(view)

    scheduler, _ = begin(rule(decide, lambda _: Allowance(soft_s=10.0)))
    step = scheduler.handle(Woke(at_s=9.0))
    assert (step.actions, step.next_wakeup_s, asked) == ((), 10.0, [0.0])


@pytest.mark.parametrize("at_s", [10.0, 12.5])
def test_the_soft_deadline_asks_once_more(begin: Begin, rule: type[Any], at_s: float) -> None:
    """At the soft deadline, or at a later wake-up, the policy decides; then the hard one counts."""
    asked = []

    def decide(view: QuestionView) -> list[AnyAction]:
        asked.append((view.at_s, view.soft_left_s))
        return [*start_two(view)]

    scheduler, step = begin(rule(decide, lambda _: Allowance(soft_s=10.0)))
    assert step.next_wakeup_s == 10.0
    step = scheduler.handle(Woke(at_s=at_s))
    assert asked[1:] == [(at_s, 10.0 - at_s)]
    assert step.next_wakeup_s == 100.0


@pytest.mark.parametrize(
    "event",
    [
        SampleStarted(at_s=10.0, position=0, sample=0),
        SampleStarted(at_s=10.5, position=0, sample=0),
        SampleProgressed(at_s=10.5, position=0, sample=0, tokens=1),  # it has not begun: a fault
        SampleFailed(at_s=10.5, position=0, sample=77),
    ],
)
def test_the_soft_deadline_is_not_lost_to_another_event(
    begin: Begin,
    rule: type[Any],
    event: Any,  # noqa: ANN401 - any event
) -> None:
    """The policy is asked at the soft deadline even if something else wakes the core then."""
    asked = []

    def decide(view: QuestionView) -> list[AnyAction]:
        asked.append(view.at_s)
        return [*start_two(view)]

    scheduler, _ = begin(rule(decide, lambda _: Allowance(soft_s=10.0)))
    step = scheduler.handle(event)
    if step.next_wakeup_s < 100.0:
        scheduler.handle(Woke(at_s=step.next_wakeup_s))
    assert any(10.0 <= at_s < 100.0 for at_s in asked)


@pytest.mark.parametrize("at_s", [10.0, 50.0])
def test_a_submit_at_the_soft_deadline_is_the_policys(
    begin: Begin, rule: type[Any], at_s: float
) -> None:
    """A policy that uses its last word keeps its reason and figures."""

    def decide(view: QuestionView) -> list[AnyAction]:
        if view.soft_left_s <= 0.0:
            return [view.submit(Reason.SOFT_DEADLINE, left_s=view.soft_left_s)]
        return [*start_two(view)]

    scheduler, _ = begin(rule(decide, lambda _: Allowance(soft_s=10.0)))
    answer = submitted(scheduler.handle(Woke(at_s=at_s)))
    assert (answer.reason, answer.numbers) == (Reason.SOFT_DEADLINE, {"left_s": 10.0 - at_s})


def test_a_policy_is_asked_again_when_it_wants(begin: Begin, rule: type[Any]) -> None:
    """It names the next time at each decision, and is asked then though nothing happened."""
    asked = []

    def decide(view: QuestionView) -> list[StartSample]:
        asked.append(view.at_s)
        return start_two(view)

    wishes = {0.0: 3.0, 3.0: 8.0, 8.0: inf, 10.0: 40.0, 40.0: 500.0}
    scheduler, step = begin(
        rule(decide, lambda _: Allowance(soft_s=10.0, hard_s=50.0), wake=lambda v: wishes[v.at_s])
    )
    due = [step.next_wakeup_s]
    while scheduler.is_open:
        due.append(scheduler.handle(Woke(at_s=due[-1])).next_wakeup_s)
    assert due == [3.0, 8.0, 10.0, 40.0, 50.0, inf]
    assert asked == [0.0, 3.0, 8.0, 10.0, 40.0]


def test_an_event_that_reveals_nothing_takes_a_wake_up_along(begin: Begin, rule: type[Any]) -> None:
    """Whatever happens at the time that a policy waits for, it is asked then, and once."""
    asked = []

    def decide(view: QuestionView) -> list[AnyAction]:
        asked.append(view.at_s)
        return [*start_two(view)]

    scheduler, _ = begin(rule(decide, wake=lambda view: 5.0 if view.at_s < 5.0 else inf))
    assert scheduler.handle(SampleStarted(at_s=4.0, position=0, sample=1)).next_wakeup_s == 5.0
    assert scheduler.handle(SampleStarted(at_s=5.0, position=0, sample=0)).next_wakeup_s == 100.0
    scheduler.handle(Woke(at_s=5.0))
    assert asked == [0.0, 5.0]


@pytest.mark.parametrize("wish_s", [-inf, -1, 0.0, 5.0, 5.0 + 1e-9])
def test_wake_ups_cannot_stop_the_clock(begin: Begin, rule: type[Any], wish_s: float) -> None:
    """A wake-up in the past or at once is put a millisecond ahead."""
    scheduler, _ = begin(rule(start_two, wake=lambda _: wish_s))
    assert scheduler.handle(finished(0, 5.0)).next_wakeup_s == 5.001


@pytest.mark.parametrize("wish", [nan, None, "soon", 10**400, [1.0]])
def test_a_wake_up_that_is_no_number_is_the_policys_fault(
    begin: Begin,
    rule: type[Any],
    wish: Any,  # noqa: ANN401 - rubbish
) -> None:
    """What it started goes on without it until the deadline."""
    scheduler, step = begin(rule(start_two, wake=lambda _: wish))
    (fault,) = step.faults
    assert isinstance(fault, PolicyRaisedError)
    assert (len(step.actions), step.next_wakeup_s) == (2, 100.0)
    answer = submitted(scheduler.handle(finished(0)))  # the other could only draw level
    assert (answer.answer, answer.reason) == ("7", Reason.POLICY_FAILED)


class LoudError(Exception):
    """What a broken policy raises."""


def fail(_: object) -> Any:  # noqa: ANN401 - never returns
    """Raise."""
    raise LoudError("broken on purpose")


@pytest.mark.parametrize(
    "request_of",
    [fail, lambda _: None, lambda _: {"hard_s": 3}, lambda _: Allowance(hard_s=nan)],
)
def test_a_policy_that_fails_to_request_costs_no_answer(
    begin: Begin,
    rule: type[Any],
    request_of: Any,  # noqa: ANN401 - any function
) -> None:
    """Nothing runs, so the question ends at once; the cause is in the step."""
    _, step = begin(rule(start_two, request_of))
    answer = submitted(step)
    assert (answer.answer, answer.reason) == (None, Reason.POLICY_FAILED)
    (fault,) = step.faults
    assert isinstance(fault, PolicyRaisedError)
    assert type(fault.__cause__).__name__ in str(fault)


@pytest.mark.parametrize(
    "rubbish",
    [
        None,
        "stop",
        7,
        StopSample(sample=0, reason=WHY),
        (StopSample(sample=n, reason=WHY) for n in range(2)),
        {StopSample: 0},
    ],
)
def test_rubbish_instead_of_actions_is_the_policys_fault(
    begin: Begin, rule: type[Any], rubbish: object
) -> None:
    """What is no list of actions counts as having raised, naming what it was."""
    _, step = begin(rule(lambda _: rubbish))
    assert submitted(step).reason is Reason.POLICY_FAILED
    assert isinstance(step.faults[0], PolicyRaisedError)
    assert f"decide returned {type(rubbish).__name__}, not a list" in str(step.faults[0])


def test_a_list_of_rubbish_is_refused_piece_by_piece(begin: Begin, rule: type[Any]) -> None:
    """Each element is looked at by itself; the possible ones are done."""
    _, step = begin(rule(lambda view: [1, *view.start(1, WHY), [2]] if not view.started else []))
    assert [str(fault) for fault in step.faults] == [
        "int: is no action",
        "list: is no action",
    ]
    assert step.actions == (StartSample(sample=0, reason=WHY),)


def test_a_policy_that_raised_is_not_asked_again_but_votes_count(
    begin: Begin, rule: type[Any]
) -> None:
    """After the failure samples go on, until the vote is settled or all have ended."""
    asked = []

    def decide(view: QuestionView) -> list[StartSample]:
        asked.append(view.at_s)
        if view.started:
            raise LoudError("broken on purpose")
        return view.start(4, WHY)

    scheduler, _ = begin(rule(decide))
    step = scheduler.handle(finished(0, 1.0, "7"))
    assert str(step.faults[0]) == "LoudError: broken on purpose"
    assert not step.actions
    assert not scheduler.handle(finished(1, 2.0, "8")).actions
    answer = submitted(scheduler.handle(finished(2, 3.0, "7")))
    assert (answer.answer, answer.reason, asked) == ("7", Reason.POLICY_FAILED, [0.0, 1.0])


def test_a_policy_that_raised_is_ended_at_its_soft_deadline(begin: Begin, rule: type[Any]) -> None:
    """It asked for so much time and gets it, but no more."""

    def decide(view: QuestionView) -> list[StartSample]:
        if view.started:
            raise LoudError
        return view.start(4, WHY)

    scheduler, _ = begin(rule(decide, lambda _: Allowance(soft_s=10.0)))
    step = scheduler.handle(finished(0))
    assert step.next_wakeup_s == 10.0
    answer = submitted(scheduler.handle(Woke(at_s=10.0)))
    assert (answer.answer, answer.reason) == ("7", Reason.POLICY_FAILED)


@pytest.mark.parametrize("weight", [nan, -1.0, 2.0, "much", None, inf])
def test_a_weight_that_is_none_is_the_policys_fault_and_the_vote_counts_whole(
    begin: Begin,
    rule: type[Any],
    weight: Any,  # noqa: ANN401 - rubbish
) -> None:
    """A bad weight ends the policy's say, not the vote."""
    scheduler, _ = begin(rule(start_two, weigh=lambda _: weight))
    step = scheduler.handle(finished(0))
    assert isinstance(step.faults[0], PolicyRaisedError)
    answer = submitted(step)  # the one that still runs could only draw level
    assert (answer.answer, answer.reason) == ("7", Reason.POLICY_FAILED)
    assert answer.numbers == {"leader_weight": 1.0, "margin": 1.0}


def test_weights_of_the_policy_decide_the_vote(begin: Begin, rule: type[Any]) -> None:
    """The selector looks at the same weighted tally as the policy."""

    def decide(view: QuestionView) -> list[AnyAction]:
        return [*view.start(3, WHY)] if not view.started else []

    scheduler, _ = begin(rule(decide, weigh=lambda sample: (0.25, 0.25, 1.0)[sample.sample]))
    scheduler.handle(finished(0, 1.0, "7"))
    scheduler.handle(finished(1, 1.0, "7"))
    answer = submitted(scheduler.handle(finished(2, 1.0, "8")))
    assert (answer.answer, answer.numbers["margin"]) == ("8", 0.5)


def test_an_exception_that_cannot_be_shown_costs_no_answer(begin: Begin, rule: type[Any]) -> None:
    """Even an exception whose text raises stays the policy's own fault."""

    class DumbError(Exception):
        def __str__(self) -> str:
            raise LoudError

    def decide(_: QuestionView) -> list[AnyAction]:
        raise DumbError

    _, step = begin(rule(decide))
    assert submitted(step).reason is Reason.POLICY_FAILED


def test_where_nothing_runs_there_is_nothing_to_wait_for(begin: Begin, rule: type[Any]) -> None:
    """A policy that starts nothing ends the question at once; so does one that lost all."""
    _, step = begin(rule())
    assert submitted(step).reason is Reason.IDLE
    scheduler, _ = begin(rule(start_two))
    scheduler.handle(finished(0))
    answer = submitted(scheduler.handle(SampleFailed(at_s=2.0, position=0, sample=1)))
    assert (answer.answer, answer.reason) == ("7", Reason.IDLE)


def test_stopping_everything_ends_the_question(begin: Begin, rule: type[Any]) -> None:
    """Samples that were given up are not waited for."""

    def decide(view: QuestionView) -> list[AnyAction]:
        if not view.started:
            return [*view.start(2, WHY)]
        return [view.stop(sample.sample, Reason.TOO_LONG) for sample in view.live_samples()]

    scheduler, _ = begin(rule(decide))
    step = scheduler.handle(finished(0))
    assert [type(action) for action in step.actions] == [StopSample, SubmitAnswer]
    assert submitted(step).reason is Reason.IDLE


@pytest.mark.parametrize("at_s", [100.0, 250.0])
def test_a_question_without_time_is_answered_without_the_policy(
    begin: Begin, rule: type[Any], at_s: float
) -> None:
    """At or after the end of the stream null is the answer, at once."""
    scheduler, step = begin(rule(fail, fail), at_s=at_s)
    answer = submitted(step)
    assert (answer.answer, answer.reason, step.faults) == (None, Reason.NO_TIME, ())
    assert scheduler.budget.rows[-1].spent_s == 0.0


def test_a_wish_for_no_time_is_granted(begin: Begin, rule: type[Any]) -> None:
    """Zero seconds are a possible wish; they end at once, by the deadline."""
    _, step = begin(rule(start_two, lambda _: Allowance(hard_s=0.0)))
    assert submitted(step).reason is Reason.HARD_DEADLINE


def test_trims_are_told_at_the_opening(begin: Begin, rule: type[Any]) -> None:
    """A wish beyond the grant is cut on record, and the ledger knows what was given."""
    scheduler, step = begin(rule(start_two, lambda _: Allowance(hard_s=500.0)))
    assert [(trim.field, trim.granted) for trim in step.trims] == [("hard_s", 100.0)]
    assert not scheduler.handle(finished(0)).trims
    scheduler.handle(Woke(at_s=100.0))
    assert scheduler.budget.rows[-1].granted_s == 100.0


def test_a_clock_that_goes_back_stands_still(begin: Begin, rule: type[Any]) -> None:
    """Earlier times are the engine's fault; the event counts, at the latest time known."""
    times = []

    def decide(view: QuestionView) -> list[StartSample]:
        times.append(view.at_s)
        return start_two(view)

    scheduler, _ = begin(rule(decide))
    scheduler.handle(Woke(at_s=20.0))
    step = scheduler.handle(finished(0, 5.0))
    assert str(step.faults[0]) == "the clock went back from 20.0 to 5.0"
    assert times == [0.0, 20.0]
    assert submitted(scheduler.handle(finished(1, 21.0))).answer == "7"


def test_a_sample_votes_once(begin: Begin, rule: type[Any]) -> None:
    """A finish that comes twice is a fault the second time."""
    scheduler, _ = begin(rule(start_two))
    assert not scheduler.handle(finished(0)).faults
    step = scheduler.handle(finished(0))
    assert "SampleFinished for sample 0, which is finished" in str(step.faults[0])
    answer = submitted(scheduler.handle(Woke(at_s=100.0)))
    assert answer.numbers["leader_weight"] == 1.0


def test_a_forced_answer_votes_until_its_sample_ends(begin: Begin, rule: type[Any]) -> None:
    """It weighs little, is replaced by the finish, and goes with a failure."""
    tallies: list[dict[str, float]] = []

    def decide(view: QuestionView) -> list[AnyAction]:
        tallies.append(dict(view.tally.weights))
        if not view.started:
            return [*view.start(3, WHY)]
        if isinstance(view.event, ToolCalled):
            return [view.probe(n, Reason.FORCE, forced=True) for n in (0, 1)]
        return []

    scheduler, _ = begin(rule(decide))
    for sample in (0, 1):
        scheduler.handle(SampleStarted(at_s=1.0, position=0, sample=sample))
    scheduler.handle(ToolCalled(at_s=1.0, position=0, sample=0))
    scheduler.handle(ProbeAnswered(at_s=2.0, position=0, sample=0, answer="5"))
    scheduler.handle(ProbeAnswered(at_s=2.0, position=0, sample=1, answer="6"))
    scheduler.handle(finished(0, 3.0, "7"))
    scheduler.handle(SampleFailed(at_s=3.0, position=0, sample=1))
    assert tallies[2:] == [
        {"5": FORCED_WEIGHT},
        {"5": FORCED_WEIGHT, "6": FORCED_WEIGHT},
        {"6": FORCED_WEIGHT, "7": 1.0},
        {"7": 1.0},
    ]


@pytest.mark.parametrize("answers", [("5", "5"), ("5", "6")])
def test_a_forced_answer_is_submitted_where_nothing_finished(
    begin: Begin, rule: type[Any], answers: tuple[str, str]
) -> None:
    """With no time left a forced answer is better than none; the first wins a tie."""

    def decide(view: QuestionView) -> list[AnyAction]:
        if not view.started:
            return [*view.start(2, WHY)]
        if isinstance(view.event, ToolCalled):
            return [view.probe(n, Reason.FORCE, forced=True) for n in (0, 1)]
        return []

    scheduler, _ = begin(rule(decide))
    for sample in (0, 1):
        scheduler.handle(SampleStarted(at_s=1.0, position=0, sample=sample))
    scheduler.handle(ToolCalled(at_s=1.0, position=0, sample=0))
    for sample, answer in enumerate(answers):
        scheduler.handle(ProbeAnswered(at_s=2.0, position=0, sample=sample, answer=answer))
    assert submitted(scheduler.handle(Woke(at_s=100.0))).answer == "5"


def test_a_policy_that_fails_on_a_forced_answer_does_not_make_it_weigh_more(
    begin: Begin, rule: type[Any]
) -> None:
    """A forced answer decides only where nothing finished, also when `weigh` raises."""

    def decide(view: QuestionView) -> list[AnyAction]:
        if not view.started:
            return [*view.start(3, WHY)]
        return [view.probe(0, Reason.FORCE, forced=True)] if not view.samples[0].forced else []

    def weigh(sample: Any) -> float:  # noqa: ANN401 - a view
        if sample.forced:
            raise LoudError
        return 1.0

    scheduler, _ = begin(rule(decide, weigh=weigh))
    scheduler.handle(SampleStarted(at_s=1.0, position=0, sample=0))
    scheduler.handle(SampleStarted(at_s=1.0, position=0, sample=1))
    scheduler.handle(ToolCalled(at_s=1.0, position=0, sample=1))
    scheduler.handle(ProbeAnswered(at_s=2.0, position=0, sample=0, answer="5"))
    scheduler.handle(finished(1, 3.0, "7"))
    assert submitted(scheduler.handle(Woke(at_s=100.0))).answer == "7"


def test_a_question_cannot_be_opened_into_handle(begin: Begin, rule: type[Any]) -> None:
    """The one protocol error of a driver is raised at it, and changes nothing."""
    scheduler, _ = begin(rule(start_two))
    with pytest.raises(CallerError, match=r"open\(\), not handle\(\)"):
        scheduler.handle(QuestionOpened(at_s=1.0, question_id="q1"))
    assert submitted(scheduler.handle(Woke(at_s=100.0))).reason is Reason.HARD_DEADLINE
