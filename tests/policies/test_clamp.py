"""Clamp: the time rule of the AIMO 3 public notebooks."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from scheduler import Reason

LIMIT_S, QUESTIONS, BASE_S, HIGH_S = 17_400.0, 50, 300.0, 900.0


@pytest.mark.parametrize(
    ("seen", "at_s"),
    [
        (0, 0.0),
        (0, 1_500.0),
        (0, 2_000.0),
        (1, 900.0),
        (3, 2_700.0),
        (3, 3_300.0),
        (25, 8_000.0),
        (25, 9_850.0),
        (25, 11_000.0),
        (49, 16_000.0),
        (49, 16_700.0),
        (49, 17_300.0),
    ],
)
def test_the_published_formula(bench: type[Any], seen: int, at_s: float) -> None:
    """min(max(left − (n − 1)·300, 300), 900) on 17,400 s for 50, within what is left at all."""
    table = bench("clamp", LIMIT_S, QUESTIONS)
    for _ in range(seen):
        table.open()
        table.vote_out()
    table.open(at_s)
    left_s, later = LIMIT_S - at_s, QUESTIONS - seen - 1
    published_s = min(max(left_s - later * BASE_S, BASE_S), HIGH_S)
    assert table.granted_s == pytest.approx(min(published_s, left_s))


@pytest.mark.parametrize(
    ("at_s", "seconds"), [(0.0, 900.0), (1_800.0, 900.0), (2_100.0, 600.0), (2_400.0, 300.0)]
)
def test_first_questions_by_hand(bench: type[Any], at_s: float, seconds: float) -> None:
    """All high at first, then what later ones can spare, then the base."""
    table = bench("clamp", LIMIT_S, QUESTIONS)
    table.open(at_s)
    assert table.granted_s == pytest.approx(seconds)


@pytest.mark.parametrize(("total_s", "questions"), [(1_740.0, 5), (34_800.0, 50), (100.0, 4)])
def test_the_defaults_scale_with_the_stream(
    bench: type[Any], total_s: float, questions: int
) -> None:
    """Base and high are 300/348 and 900/348 of the average time a question."""
    table = bench("clamp", total_s, questions)
    table.open()
    average_s = total_s / questions
    base_s, high_s = average_s * 300 / 348, average_s * 900 / 348
    expected = min(max(total_s - (questions - 1) * base_s, base_s), high_s)
    assert table.granted_s == pytest.approx(expected)


def test_seconds_that_are_given_count_as_they_are(bench: type[Any]) -> None:
    """The other published setting, 240 and 840 s."""
    table = bench("clamp:base_s=240,high_s=840", LIMIT_S, QUESTIONS)
    table.open(5_000.0)
    assert table.granted_s == pytest.approx(12_400.0 - 49 * 240.0)


def test_a_late_start_does_not_overrun(bench: type[Any]) -> None:
    """The published rule ends 600 s late when every question is hard; the grant prevents it."""
    table = bench("clamp", LIMIT_S, QUESTIONS, floor_s=60.0)
    table.open(3_000.0)
    for number in range(QUESTIONS):
        table.wake(table.scheduler.hard_at_s)
        assert table.submitted is not None
        if number < QUESTIONS - 1:
            table.open(table.now_s)
    assert table.now_s <= LIMIT_S + 1e-9
    assert Reason.NO_TIME not in {row.reason for row in table.scheduler.budget.rows}


def test_without_a_limit_it_takes_its_high(bench: type[Any]) -> None:
    """Endless time is no reason to go beyond the ceiling that was given."""
    table = bench("clamp:base_s=300,high_s=900", inf, None)
    table.open()
    assert table.granted_s == 900.0


@pytest.mark.parametrize(
    ("answers", "reason", "answer"),
    [
        ("aaa", None, None),
        ("aaaa", Reason.AGREEMENT, "a"),
        ("abcabab", None, None),
        ("abcababa", Reason.AGREEMENT, "a"),
        ("aabbccdd", Reason.CAP, "a"),
        ("--------", Reason.CAP, None),
    ],
)
def test_four_of_eight_equal_answers_end_it(
    bench: type[Any], answers: str, reason: Reason | None, answer: str | None
) -> None:
    """Eight start at once, none is replaced; the fourth equal answer or the last sample ends it."""
    table = bench("clamp")
    submit = table.vote(answers)
    assert len(table.started) == 8
    assert table.reason is reason
    assert submit is None or submit.answer == answer


def test_the_deadline_submits_the_leader(bench: type[Any]) -> None:
    """With the time over the vote is taken as it stands."""
    table = bench("clamp", LIMIT_S, QUESTIONS)
    table.vote("ab")
    table.wake(900.0)
    assert (table.submitted.answer, table.reason) == ("a", Reason.HARD_DEADLINE)
