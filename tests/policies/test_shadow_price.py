"""Shadow price: the width, the price of time, running votes, and forced answers at the end."""

from __future__ import annotations

import json
from math import inf, log
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import parse_policy, policy_class
from policies.evidence import FEATURES
from policies.priced import KEPT_SHARE, LEAD_WHEN_FREE, MOST_SHARES
from scheduler import (
    CallerError,
    LatencyProfile,
    Policy,
    ProbeAnswered,
    ProbeSample,
    QuestionOpened,
    Reason,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    Scheduler,
    StartSample,
    StopSample,
    TimeBudget,
)
from scheduler.latency import Decode
from simulations.bundled import profile_names, read_profile
from simulations.play import play
from simulations.pool import Checkpoint, LoggedQuestion, LoggedSample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scheduler import Allowance, AnyAction, QuestionView, SampleView

    Write = Callable[..., str]

UNIT_S = 10.0
"""A unit of 1,000 tokens takes 10 s on the bench's engine, whatever the width."""

NEVER, ALWAYS = 1e6, 1e-9
"""Prices from which a rule stops: out of reach, and always reached."""


def rule_of(width: int, stops_at: float = NEVER, **changes: object) -> dict[str, object]:
    """Return a rule that stops from a price on, whatever was seen."""
    zeros = [0.0] * len(FEATURES)
    rule: dict[str, object] = {
        "width": width,
        "cap": 64,
        "constant": -log(stops_at),
        "level": zeros,
        "slope_constant": 1.0,
        "slope": zeros,
        "bend": 0.0,
        "price": [0.01, 0.02, 0.04, 0.08, 0.16],
        "units": [4.0, 3.0, 2.0, 1.0, 0.5],
        "accuracy": [0.9, 0.88, 0.84, 0.76, 0.5],
    }
    return {**rule, **changes}


def parameters(*rules: dict[str, object], **changes: object) -> dict[str, object]:
    """Return the content of a file of parameters."""
    fields: dict[str, object] = {
        "name": "mine",
        "unit_tokens": 1000.0,
        "probe_every_tokens": 100,
        "cut_tokens": 3000,
        "features": list(FEATURES),
        "rules": rules or [rule_of(4)],
        "levels": {"low": 0.001, "middle": 0.01, "high": 0.1},
    }
    return {**fields, **changes}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write parameters into a file; return the policy that takes them."""
    written: list[Path] = []

    def save(*rules: dict[str, object], tail: str = "", **changes: object) -> str:
        path = tmp_path / f"mine{len(written)}.json"
        path.write_text(json.dumps(parameters(*rules, **changes)))
        written.append(path)
        return f"shadow-price:parameters={path}{tail}"

    return save


def grow(table: Any, sample: int, tokens: int) -> Any:  # noqa: ANN401 - a bench and its step
    """Let a sample report how far it is."""
    return table.send(
        SampleProgressed(
            at_s=table.now_s, position=table.scheduler.position, sample=sample, tokens=tokens
        )
    )


def tell(table: Any, sample: int, answer: str | None) -> Any:  # noqa: ANN401 - likewise
    """Let a probe come back."""
    return table.send(
        ProbeAnswered(
            at_s=table.now_s, position=table.scheduler.position, sample=sample, answer=answer
        )
    )


# The width.

NARROW = rule_of(1, price=[0.01, 0.1, 1.0], units=[3.0, 0.5, 0.1], accuracy=[0.7, 0.6, 0.2])
WIDE = rule_of(4, price=[0.01, 0.1, 1.0], units=[4.0, 1.5, 0.8], accuracy=[0.95, 0.8, 0.3])


@pytest.mark.parametrize(
    ("total_s", "questions", "width"), [(3.0, 1, 1), (60.0, 1, 4), (60.0, 20, 1), (1e9, 1, 4)]
)
def test_the_width_that_buys_most_in_the_time_is_taken(
    bench: type[Any], write: Write, total_s: float, questions: int, width: int
) -> None:
    """Three seconds a question are worth one sample, sixty are worth four."""
    table = bench(write(NARROW, WIDE), total_s, questions)
    table.open()
    assert len(table.started) == width
    assert {action.reason for action in table.started} == {Reason.WIDEN}
    assert {action.max_tokens for action in table.started} == {3000}


@pytest.mark.parametrize(("most", "width"), [(None, 4), (4, 4), (3, 1), (1, 1)])
def test_a_width_that_the_engine_does_not_hold_is_not_taken(
    write: Write, most: int | None, width: int
) -> None:
    """Four samples need an engine that runs four at once."""
    profile = LatencyProfile(
        name="t", decode=Decode(width=(1,), step_s=(0.01,)), max_sequences=most
    )
    policy = parse_policy(write(NARROW, WIDE)).build()
    scheduler = Scheduler(policy, TimeBudget(60.0, questions=1), profile)
    step = scheduler.open(QuestionOpened(at_s=0.0, question_id="q"))
    assert sum(isinstance(action, StartSample) for action in step.actions) == width


def test_without_time_for_the_engine_to_open_it_still_answers(write: Write) -> None:
    """A prompt that takes longer to read than the question has leaves the narrowest width."""
    profile = LatencyProfile(name="t", decode=Decode(width=(1,), step_s=(0.01,)), opening_s=5.0)
    policy = parse_policy(write(NARROW, WIDE)).build()
    scheduler = Scheduler(policy, TimeBudget(2.0, questions=1), profile)
    step = scheduler.open(QuestionOpened(at_s=0.0, question_id="q"))
    assert not step.faults
    assert step.next_wakeup_s <= 2.0


# The price of time.


@pytest.mark.parametrize(("at_s", "stops"), [(0.0, False), (43.0, False), (44.0, True)])
def test_the_price_rises_as_a_question_eats_the_time_of_later_ones(
    bench: type[Any],
    write: Write,
    at_s: float,
    stops: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """Four questions wait: 43.4 s of 100 leave each 14.15 s, and those are worth 0.06 a unit."""
    table = bench(write(rule_of(4, 0.06)), 100.0, 5)
    table.open()
    table.finish(0, "a", at_s)
    assert table.reason is (Reason.PRICE if stops else None)


def test_a_replacement_is_started_while_the_price_is_low(bench: type[Any], write: Write) -> None:
    """A place that became free is filled again, with the reason that says so."""
    table = bench(write(rule_of(4, 0.06)), 100.0, 5)
    table.open()
    table.finish(0, "a", 43.0)
    assert [(a.sample, a.reason) for a in table.started[4:]] == [(4, Reason.REPLACE)]


def test_the_last_question_has_time_for_nothing(bench: type[Any], write: Write) -> None:
    """What stops at once with others to come goes on to a clear lead when none does."""
    hasty = bench(write(rule_of(4, ALWAYS)), 100.0, 2)
    hasty.open()
    hasty.finish(0, "a", 1.0)
    assert hasty.reason is Reason.PRICE
    table = bench(write(rule_of(4, ALWAYS)), 100.0, 1)
    table.open()
    answers = "abaa" + "a" * (LEAD_WHEN_FREE - 2)
    for sample, answer in enumerate(answers):
        assert table.submitted is None
        table.finish(sample, answer, 1.0)
    assert table.reason is Reason.PRICE
    assert table.submitted.numbers["margin"] == LEAD_WHEN_FREE


def test_the_reason_comes_with_its_figures(bench: type[Any], write: Write) -> None:
    """The price is told a second, the score as log-odds; margin and weight as in the tally."""
    table = bench(write(rule_of(4, 0.06)), 100.0, 5)
    table.open()
    table.finish(0, "a", 50.0)
    numbers = table.submitted.numbers
    # 20 s a question are 2 units, at 0.04; 50 s are left for four, and 1.25 units cost more.
    assert numbers["price"] == pytest.approx(0.04 / UNIT_S)
    assert numbers["score"] == pytest.approx(log(0.08 * 0.5**0.25 / 0.06))
    assert (numbers["leader_weight"], numbers["margin"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("questions", "most_s"), [(1, 100.0), (2, 75.0), ((2, 6), 62.5), (5, 60.0), (10, 30.0)]
)
def test_a_question_takes_three_shares_at_most_and_leaves_half_of_each(
    bench: type[Any], write: Write, questions: int | tuple[int, int], most_s: float
) -> None:
    """The last may take all; the first of two leaves half a share, the first of ten takes three."""
    table = bench(write(), 100.0, questions)
    table.open()
    assert table.granted_s == pytest.approx(most_s)


@given(st.floats(0.01, 1e6), st.integers(1, 200))
def test_the_bounds_of_a_question_hold_for_any_stream(total_s: float, questions: int) -> None:
    """However long a stream, no question takes more shares or leaves less to the later ones."""
    policy = parse_policy("shadow-price").build()
    profile = LatencyProfile(name="t", decode=Decode(width=(1,), step_s=(0.01,)))
    scheduler = Scheduler(policy, TimeBudget(total_s, questions=questions), profile)
    scheduler.open(QuestionOpened(at_s=0.0, question_id="q"))
    granted_s, share_s = scheduler.hard_at_s, total_s / questions
    assert granted_s <= MOST_SHARES * share_s * (1 + 1e-12)
    kept_s = KEPT_SHARE * share_s * (questions - 1)
    assert total_s - granted_s >= kept_s * (1 - 1e-9) - 1e-9 * total_s
    assert granted_s >= share_s * min(1.0, MOST_SHARES) * (1 - 1e-9)


# What questions took so far.


def price_of_second(bench: type[Any], spec: str, first_s: float) -> float:
    """Play two of five questions on 100 s; return the second's price a unit at its opening."""
    table = bench(spec, 100.0, 5)
    table.open()
    table.finish(0, "a", first_s)
    assert table.reason is Reason.PRICE
    table.open(first_s)
    table.finish(0, "a")
    price: float = table.submitted.numbers["price"] * UNIT_S
    return price


def test_a_slow_stream_has_a_higher_price(bench: type[Any], write: Write) -> None:
    """One question that took two shares of the five that the fit counts for: 7/6 as slow."""
    spec = write(rule_of(4, ALWAYS))
    # 80 s for four questions: 20 s each, 2 units, at 0.04; as the fit expected.
    assert price_of_second(bench, spec, 20.0) == pytest.approx(0.04)
    # 60 s for four: 15 s each would be 1.5 units; at 7/6 of the time they are 9/7.
    slow = price_of_second(bench, spec, 40.0)
    assert slow == pytest.approx(0.08 * 0.5 ** (2 / 7))
    assert slow > 0.08 * 0.5**0.5
    # 90 s for four: 22.5 s would be 2.25 units; at (10 + 100)/120 of the time 27/11.
    fast = price_of_second(bench, spec, 10.0)
    assert fast == pytest.approx(0.04 * 0.5 ** (5 / 11))
    assert fast < 0.04 * 0.5**0.25


def test_slowness_weighs_more_the_longer_it_lasts(bench: type[Any], write: Write) -> None:
    """The same share costs more after five slow questions than after one or none."""
    spec, prices = write(rule_of(4, ALWAYS)), []
    for slow in (0, 1, 5):
        table = bench(spec, 20_000.0, 1000)  # 20 s a question, so many that the share hardly moves
        for number in range(slow):
            table.open(40.0 * number)
            table.finish(0, "a", 40.0)
        table.open(40.0 * slow)
        table.finish(0, "a")
        prices.append(table.submitted.numbers["price"] * UNIT_S)
    assert prices[0] == pytest.approx(0.04)
    assert prices[1] == pytest.approx(0.08 * 0.5 ** (5 / 7), rel=1e-2)
    assert prices[2] > 1.2 * prices[1]


# Fixed prices.


@pytest.mark.parametrize(("price", "stops"), [(0.05, False), (0.07, True)])
def test_a_fixed_price_stays(
    bench: type[Any],
    write: Write,
    price: float,
    stops: bool,  # noqa: FBT001 - a table of cases
) -> None:
    """Accuracy a second by 10 s a unit: below the rule's 0.6 it never stops, above it at once."""
    rule = rule_of(4, 0.6, price=[0.01, 0.1, 1.0], units=[4.0, 2.0, 1.0], accuracy=[0.9, 0.8, 0.7])
    table = bench(write(rule, tail=f",price={price}"), 100.0, 5)
    table.open()
    for sample, at_s in enumerate((0.0, 43.0, 44.0, 58.0)):
        if table.submitted is None:
            table.finish(sample, "a", at_s - table.now_s)
    assert table.reason is (Reason.PRICE if stops else None)
    if stops:
        assert table.now_s == 0.0
        assert table.submitted.numbers["price"] == pytest.approx(price)


@pytest.mark.parametrize(
    ("tail", "per_unit"),
    [
        ("", 0.01 * 4),  # middle, by 4,000 tokens a unit
        (",level=low", 0.001 * 4),
        (",level=high", 0.1 * 4),
        (",price=0.02", 0.02 * 4),
    ],
)
def test_without_a_limit_a_price_is_per_thousand_tokens(
    bench: type[Any], write: Write, tail: str, per_unit: float
) -> None:
    """Where time is endless, tokens are what costs; `middle` unless something else was said."""
    table = bench(write(rule_of(4, ALWAYS), tail=tail), inf, 5)
    table.open()
    table.finish(0, "a")
    assert table.submitted.numbers["price"] == pytest.approx(per_unit / UNIT_S)


def test_a_dear_level_takes_the_narrow_width(bench: type[Any], write: Write) -> None:
    """At a low price four samples gain most, at a high one a single sample does."""
    for level, width in (("low", 4), ("high", 1)):
        table = bench(write(NARROW, WIDE, tail=f",level={level}"), 1e6, 5)
        table.open()
        assert len(table.started) == width


def test_a_lead_is_taken_where_it_gains_most(bench: type[Any], write: Write) -> None:
    """A rule of a lead of two wins at a low price and ends the question two votes ahead."""
    lead = {"width": 2, "lead": 2, "cap": 16, "units": 2.0, "accuracy": 0.99}
    table = bench(write(WIDE, leads=[lead], tail=",level=low"), inf, 5)
    table.open()
    assert len(table.started) == 2
    for sample, answer in enumerate("aba"):
        table.finish(sample, answer)
        assert table.submitted is None
    table.finish(3, "a")
    assert table.reason is Reason.LEAD


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("price=.1,level=low", "level: price fixes the same thing, give one of them"),
        ("price=0", "parameter price must be (finite and )?at least 1e-12, got 0"),
        ("price=-1", "parameter price must be (finite and )?at least 1e-12, got -1"),
        ("price=nan", "parameter price must be (finite and )?at least 1e-12, got nan"),
        ("price=inf", "parameter price must be .*, got inf"),
        ("level=wild", "parameter level: Invalid enum value 'wild'"),
        ("parameters=none.json", r"none\.json: No such file or directory"),
        ("parameters=nobody", "parameters 'nobody' are unknown"),
    ],
)
def test_impossible_arguments_are_refused(tail: str, message: str) -> None:
    """What is wrong is named when the policy is read, before anything is played."""
    with pytest.raises(CallerError, match=message):
        parse_policy(f"shadow-price:{tail}")


def test_a_level_that_was_not_fitted_is_refused(write: Write) -> None:
    """A file without a level's price says so when the policy is read, not in the stream."""
    spec = write(levels={"low": 0.001})
    parse_policy(f"{spec},level=low")
    with pytest.raises(CallerError, match="level"):
        parse_policy(f"{spec},level=high")


# Probes and the votes of running samples.


def test_each_sample_is_asked_when_it_has_grown(bench: type[Any], write: Write) -> None:
    """Each report of 100 tokens more is followed by a probe whose answer votes."""
    spec = write()
    assert parse_policy(spec).build().progress_every_tokens == 100
    table = bench(spec, 100.0, 5)
    table.open()
    for sample in range(4):
        table.begin(sample)
        step = grow(table, sample, 100)
        assert [(type(a), a.sample, a.forced, a.reason) for a in step.actions] == [
            (ProbeSample, sample, True, Reason.ROUND)
        ]


@pytest.mark.parametrize(
    ("answers", "weight"),
    [
        ("a", 0.05),
        ("aaaa", 0.05),
        ("ba", 0.15),
        ("baa", 0.15),
        ("baaa", 0.45),
        ("baaaaa", 0.45),
        ("baaac", 0.15),
        ("baaacccc", 0.45),
    ],
)
def test_a_running_answer_weighs_what_it_has_proved(
    bench: type[Any], write: Write, answers: str, weight: float
) -> None:
    """First, changed to, or changed to and repeated twice: each has its own weight."""
    vote = {"first": 0.05, "fresh": 0.15, "steady": 0.45, "steady_after": 2}
    table = bench(write(rule_of(1), vote=vote), 100.0, 1)
    table.open()
    table.begin(0)
    for count, answer in enumerate(answers, 1):
        grow(table, 0, 100 * count)
        tell(table, 0, answer)
    table.wake(100.0)
    assert (table.submitted.answer, table.reason) == (answers[-1], Reason.HARD_DEADLINE)
    assert table.submitted.numbers["leader_weight"] == pytest.approx(weight)


def test_a_finished_sample_weighs_a_whole_vote(bench: type[Any], write: Write) -> None:
    """What a sample said while it ran is replaced by what it ends with."""
    table = bench(write(rule_of(1, ALWAYS)), 100.0, 2)
    table.open()
    table.begin(0)
    grow(table, 0, 50)
    tell(table, 0, "b")
    table.finish(0, "a")
    assert table.submitted.answer == "a"
    assert table.submitted.numbers["leader_weight"] == 1.0


def test_a_round_waits_for_its_probes(bench: type[Any], write: Write) -> None:
    """With 100 tokens each, three answers of four decide nothing and the fourth ends it."""
    table = bench(write(rule_of(4, ALWAYS)), 100.0, 5)
    table.open()
    for sample in range(4):
        table.begin(sample)
        grow(table, sample, 100)
    for sample in range(3):
        tell(table, sample, "a")
        assert table.submitted is None
    tell(table, 3, "a")
    assert (table.submitted.answer, table.reason) == ("a", Reason.PRICE)


def test_a_round_does_not_wait_for_ever(bench: type[Any], write: Write) -> None:
    """A quarter of an interval later it decides without the probe that never came."""
    table = bench(write(rule_of(2, ALWAYS)), 100.0, 5)
    table.open()
    for sample in range(2):
        table.begin(sample)
        grow(table, sample, 100)
    tell(table, 0, "a")
    grow(table, 0, 149)
    tell(table, 0, "a")
    assert table.submitted is None
    grow(table, 0, 150)
    tell(table, 0, "a")
    assert table.reason is Reason.PRICE


@pytest.mark.parametrize("off", [[], ["probes"]])
def test_what_was_never_logged_is_never_asked(
    bench: type[Any], write: Write, off: list[str]
) -> None:
    """Parameters of traces without probes send none, and decide at reports of progress."""
    table = bench(write(rule_of(2, ALWAYS), off=off), 100.0, 5)
    table.open()
    for sample in range(2):
        table.begin(sample)
    asked = [a for a in grow(table, 0, 100).actions if isinstance(a, ProbeSample)]
    assert len(asked) == (0 if off else 1)
    assert table.submitted is None  # the clock of two samples stands at 50
    grow(table, 1, 100)
    assert table.reason is (Reason.PRICE if off else None)


# The end.


def at_its_soft_deadline(bench: type[Any], spec: str) -> Any:  # noqa: ANN401 - a bench
    """Bring four samples to the soft deadline of the only question."""
    table = bench(spec, 10.0, 1)
    step = table.open()
    assert 8.0 < step.next_wakeup_s < 10.0 - 1.0  # 0.5 s and 50 tokens of a probe are 1 s
    for sample in range(4):
        table.begin(sample)
    return table


def test_at_the_soft_deadline_all_that_run_are_forced(bench: type[Any], write: Write) -> None:
    """All are asked at once, and the answer is out before the hard deadline."""
    table = at_its_soft_deadline(bench, write())
    step = table.wake(table.steps[-1].next_wakeup_s)
    assert [(type(a), a.sample, a.forced, a.reason) for a in step.actions] == [
        (ProbeSample, n, True, Reason.FORCE) for n in range(4)
    ]
    table.now_s += 1.0
    for sample, answer in enumerate("8777"):
        assert table.submitted is None
        tell(table, sample, answer)
    assert (table.submitted.answer, table.reason) == ("7", Reason.SOFT_DEADLINE)
    assert table.now_s < 10.0
    assert [a.sample for a in table.steps[-1].actions if isinstance(a, StopSample)] == [0, 1, 2, 3]


def test_after_the_soft_deadline_nothing_is_started_or_asked_again(
    bench: type[Any], write: Write
) -> None:
    """An end or progress between the forced answers waits for the rest of them."""
    table = at_its_soft_deadline(bench, write())
    table.wake(table.steps[-1].next_wakeup_s)
    assert grow(table, 1, 100).actions == ()
    assert table.finish(0, "9").actions == ()
    for sample in (1, 2, 3):
        tell(table, sample, "7")
    assert (table.submitted.answer, table.reason) == ("9", Reason.SOFT_DEADLINE)


def test_a_forced_answer_that_never_comes_costs_no_answer(bench: type[Any], write: Write) -> None:
    """The hard deadline submits what was forced until then."""
    table = at_its_soft_deadline(bench, write())
    table.wake(table.steps[-1].next_wakeup_s)
    tell(table, 0, "7")
    table.wake(table.steps[-1].next_wakeup_s)
    assert table.now_s == 10.0
    assert (table.submitted.answer, table.reason) == ("7", Reason.HARD_DEADLINE)


def test_the_cap_ends_it(bench: type[Any], write: Write) -> None:
    """The seventh of eight samples goes on, the eighth ends the question."""
    table = bench(write(rule_of(4, NEVER, cap=8)), 100.0, 1)
    table.open()
    for sample in range(8):
        assert table.submitted is None
        table.finish(sample, str(sample))
    assert (table.reason, table.submitted.numbers) == (Reason.CAP, {"finished": 8})
    assert len(table.started) == 8


@pytest.mark.parametrize("total_s", [10.0, 100.0, 1000.0])
@pytest.mark.parametrize("name", profile_names())
def test_forced_answers_arrive_in_time_on_every_bundled_engine(
    write: Write, name: str, total_s: float
) -> None:
    """Whatever the engine costs, endless samples are answered for before the deadline."""
    told = (Checkpoint(10, None, None, probed=True, answer="7"),)
    endless = [LoggedSample(n, 10**7, "8", prompt_tokens=300, checkpoints=told) for n in range(8)]
    question = LoggedQuestion("q", "7", {"default": tuple(endless)}, None, {})
    spec = write(rule_of(8), cut_tokens=10**9)
    budget = TimeBudget(total_s, questions=1)
    (outcome,) = play(parse_policy(spec).build(), budget, read_profile(name), [question])
    assert (outcome.answer, outcome.reason) == ("7", Reason.SOFT_DEADLINE)
    assert outcome.seconds < total_s


# Parameters by question and by path.


def test_a_question_meets_the_rules_of_its_fold(bench: type[Any], tmp_path: Path) -> None:
    """Crossed parameters change with the question: one sample for the first, four for the next."""
    parts = [parameters(rule_of(width, ALWAYS)) for width in (4, 1)]
    path = tmp_path / "crossed.json"
    path.write_text(json.dumps({"folds": parts, "fold_of": {"q0": 1, "q1": 0}}))
    table = bench(f"shadow-price:parameters={path}", 100.0, 5)
    for width in (1, 4, 4):
        table.open(table.now_s)
        assert len(table.started) == width
        table.finish(0, "a")
        assert table.reason is Reason.PRICE


def test_a_path_stands_anywhere_in_a_spec(bench: type[Any], tmp_path: Path, write: Write) -> None:
    """A parameters file may come last, before others, or from a policy's own file."""
    spec = write(rule_of(3))
    path = spec.partition("=")[2]
    own = tmp_path / "policy.json"
    own.write_text(json.dumps({"policy": "shadow-price", "parameters": {"parameters": path}}))
    for text in (spec, f"{spec},price=0.1", f"shadow-price:level=low,parameters={path}", str(own)):
        table = bench(text, 100.0, 5)
        table.open()
        assert len(table.started) == 3


def test_it_knows_which_parameters_suit_a_model() -> None:
    """A model that has none of its own takes those of the transfer."""
    assert policy_class("shadow-price").fitted_to("no-such-model") == "transfer"  # type: ignore[attr-defined] # a fitted one


# What a decision costs.


class Timed(Policy):
    """Passes everything on and notes how long each decision took, in seconds."""

    def __init__(self, inner: Policy) -> None:
        self.progress_every_tokens = inner.progress_every_tokens
        self._inner = inner
        self.took_s: list[float] = []

    def request(self, view: QuestionView) -> Allowance:
        """Pass on."""
        return self._inner.request(view)

    def weigh(self, sample: SampleView) -> float:
        """Pass on."""
        return self._inner.weigh(sample)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Pass on."""
        begun_s = perf_counter()
        actions = self._inner.decide(view)
        self.took_s.append(perf_counter() - begun_s)
        return actions


def test_a_decision_among_64_samples_is_cheap(write: Write) -> None:
    """Median of thirty rounds below a tenth of a ms a call; weighing all evidence below one ms."""
    policy = Timed(parse_policy(write(rule_of(64, cap=200))).build())
    profile = LatencyProfile(name="t", decode=Decode(width=(1,), step_s=(0.01,)))
    scheduler = Scheduler(policy, TimeBudget(inf, questions=1), profile)
    assert len(scheduler.open(QuestionOpened(at_s=0.0, question_id="q")).actions) == 64
    for sample in range(64):
        scheduler.handle(SampleStarted(at_s=0.0, position=0, sample=sample))
    for count in range(1, 31):
        at_s = float(count)
        for sample in range(64):
            event = SampleProgressed(at_s=at_s, position=0, sample=sample, tokens=100 * count)
            assert len(scheduler.handle(event).actions) == 1
        for sample in range(64):
            answer = str((sample + count // 4) % 5)
            event = ProbeAnswered(at_s=at_s, position=0, sample=sample, answer=answer)
            assert not scheduler.handle(event).faults
    assert len(policy.took_s) == 1 + 30 * 2 * 64
    assert median(policy.took_s) <= 100e-6
    policy.took_s.clear()
    for sample in range(64):  # each end weighs everything and fills the place
        event = SampleFinished(
            at_s=31.0, position=0, sample=sample, answer=str(sample % 5), tokens=3000
        )
        assert len(scheduler.handle(event).actions) == 1
    assert len(policy.took_s) == 64
    assert median(policy.took_s) <= 1e-3
