"""Share: an equal part of what is left, and forced answers before it is over."""

from __future__ import annotations

from typing import Any

import pytest

from policies import parse_policy
from scheduler import (
    FORCED_WEIGHT,
    ProbeAnswered,
    ProbeSample,
    Reason,
    StopSample,
    TimeBudget,
)
from simulations.bundled import profile_names, read_profile
from simulations.play import play
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample

PROBE_S = 0.5 + 50 * 0.01
"""What a probe takes on the bench's engine."""


@pytest.mark.parametrize(
    ("total_s", "questions", "share_s"),
    [(100.0, 4, 25.0), (100.0, 1, 100.0), (100.0, (2, 6), 25.0), (100.0, None, 50.0)],
)
def test_the_equal_share(
    bench: type[Any], total_s: float, questions: int | tuple[int, int] | None, share_s: float
) -> None:
    """Time left by questions left: known, in the middle of its bounds, or as many again."""
    table = bench("share", total_s, questions)
    table.open()
    assert table.granted_s == share_s


def test_what_is_not_used_is_shared(bench: type[Any]) -> None:
    """An easy question makes the next ones' parts larger, a late one smaller."""
    table = bench("share", 100.0, 4)
    table.open()
    table.vote_out()
    table.open(1.0)
    assert table.granted_s == pytest.approx(99.0 / 3)
    table.vote_out()
    table.open(60.0)
    assert table.granted_s == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [("aba", None), ("abaa", None), ("abaaa", Reason.AGREEMENT), ("abcabcab", Reason.CAP)],
)
def test_four_equal_answers_end_it(bench: type[Any], answers: str, reason: Reason | None) -> None:
    """Three go on, four stop, and the last of eight ends it without agreement."""
    table = bench("share")
    table.vote(answers)
    assert table.reason is reason
    assert len(table.started) == 8


def test_without_forcing_nobody_is_asked(bench: type[Any]) -> None:
    """At the deadline the vote is taken as it stands."""
    table = bench("share:width=2", 10.0)
    step = table.open()
    assert step.next_wakeup_s == 10.0
    table.begin(0)
    table.wake(10.0)
    assert (table.submitted.answer, table.reason) == (None, Reason.HARD_DEADLINE)
    assert not any(isinstance(a, ProbeSample) for s in table.steps for a in s.actions)


def forced_table(bench: type[Any], width: int = 3) -> Any:  # noqa: ANN401 - a bench
    """Bring a forcing policy to its soft deadline with all samples running."""
    table = bench(f"share:width={width},forced=true", 10.0)
    step = table.open()
    assert 0.0 < 10.0 - PROBE_S - step.next_wakeup_s < 1e-3
    for sample in range(width):
        table.begin(sample)
    return table


def tell(table: Any, sample: int, answer: str | None, at_s: float) -> None:  # noqa: ANN401
    """Let a probe come back."""
    table.send(ProbeAnswered(at_s=at_s, position=0, sample=sample, answer=answer))


def test_forced_answers_arrive_before_the_deadline_and_decide(bench: type[Any]) -> None:
    """All that run are asked as long before the end as probes take; their majority is submitted."""
    table = forced_table(bench)
    step = table.wake(table.steps[-1].next_wakeup_s)
    asked_s = table.now_s
    assert [(type(a), a.sample, a.forced, a.reason) for a in step.actions] == [
        (ProbeSample, n, True, Reason.FORCE) for n in range(3)
    ]
    assert asked_s + PROBE_S < 10.0
    tell(table, 0, "8", asked_s + PROBE_S)
    tell(table, 1, "7", asked_s + PROBE_S)
    assert table.submitted is None
    tell(table, 2, "7", asked_s + PROBE_S)
    assert (table.submitted.answer, table.reason) == ("7", Reason.SOFT_DEADLINE)
    assert table.submitted.numbers == {"leader_weight": 2 * FORCED_WEIGHT}
    assert table.now_s < 10.0
    assert [a.sample for a in table.steps[-1].actions if isinstance(a, StopSample)] == [0, 1, 2]


def test_one_finished_sample_outweighs_the_forced_ones(bench: type[Any]) -> None:
    """Forced answers decide only where nothing finished."""
    table = forced_table(bench)
    table.finish(0, "9", 1.0)
    table.wake(table.steps[-1].next_wakeup_s)
    tell(table, 1, "7", 9.5)
    tell(table, 2, "7", 9.5)
    assert (table.submitted.answer, table.reason) == ("9", Reason.SOFT_DEADLINE)


def test_a_probe_that_never_comes_back_costs_no_answer(bench: type[Any]) -> None:
    """The hard deadline submits what was forced until then."""
    table = forced_table(bench)
    table.wake(table.steps[-1].next_wakeup_s)
    tell(table, 0, None, 9.5)
    tell(table, 1, "7", 9.5)
    table.wake(table.steps[-1].next_wakeup_s)
    assert table.now_s == 10.0
    assert (table.submitted.answer, table.reason) == ("7", Reason.HARD_DEADLINE)


def test_samples_that_have_not_begun_are_not_asked(bench: type[Any]) -> None:
    """A sample that still waits in the engine has nothing to tell."""
    table = bench("share:width=2,forced=true", 10.0)
    table.open()
    table.begin(1)
    step = table.wake(table.steps[-1].next_wakeup_s)
    assert [action.sample for action in step.actions] == [1]
    tell(table, 1, "7", 9.5)
    assert (table.submitted.answer, table.reason) == ("7", Reason.SOFT_DEADLINE)


@pytest.mark.parametrize("total_s", [10.0, 100.0, 1000.0])
@pytest.mark.parametrize("name", profile_names())
def test_forced_answers_arrive_in_time_on_every_bundled_engine(name: str, total_s: float) -> None:
    """However much context was read and written by then, the answers come before the deadline."""
    told = (Checkpoint(10, None, None, probed=True, answer="7"),)
    endless = [LoggedSample(n, 10**7, "8", prompt_tokens=300, checkpoints=told) for n in range(8)]
    question = LoggedQuestion("q", "7", {"default": tuple(endless)}, None, {})
    policy = parse_policy("share:forced=true").build()
    budget = TimeBudget(total_s, questions=1)
    (outcome,) = play(policy, budget, read_profile(name), [question])
    assert (outcome.answer, outcome.reason) == ("7", Reason.SOFT_DEADLINE)
    assert 0.99 * total_s - 1.0 < outcome.seconds < total_s
