"""Line: evenly spaced cut-off times and guesses before them."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import ProbeSample, Reason

TOTAL_S, QUESTIONS = 18_000.0, 50


def spaced(place: int) -> float:
    """Give the published cut-off time of a place: 15 minutes, then a line to the end."""
    return 900.0 + (place + 1) / QUESTIONS * (TOTAL_S - 900.0)


@pytest.mark.parametrize(
    ("seen", "at_s"), [(0, 0.0), (0, 600.0), (1, 700.0), (1, 1_500.0), (9, 3_900.0), (49, 17_900.0)]
)
def test_a_question_runs_to_its_places_cut_off(bench: type[Any], seen: int, at_s: float) -> None:
    """At most 750 seconds, whatever is left to the cut-off."""
    table = bench("line", TOTAL_S, QUESTIONS)
    for _ in range(seen):
        table.open()
        table.vote_out()
    table.open(at_s)
    assert table.granted_s == pytest.approx(min(spaced(seen) - at_s, 750.0))


def test_past_its_cut_off_a_question_gets_nothing(bench: type[Any]) -> None:
    """The questions after it are still on the line."""
    table = bench("line", TOTAL_S, QUESTIONS)
    table.open(1_300.0)
    assert (table.submitted.answer, table.reason) == (None, Reason.HARD_DEADLINE)


def test_running_samples_guess_twice(bench: type[Any]) -> None:
    """At 90 and at 30 seconds left all that run are asked; then the deadline decides."""
    table = bench("line:width=2", TOTAL_S, QUESTIONS)
    step = table.open()
    for sample in range(2):
        step = table.begin(sample)
    asked = []
    while table.submitted is None:
        step = table.wake(step.next_wakeup_s)
        asked += [(table.now_s, a.sample) for a in step.actions if isinstance(a, ProbeSample)]
    assert asked == [(660.0, 0), (660.0, 1), (720.0, 0), (720.0, 1)]
    assert (table.now_s, table.reason) == (750.0, Reason.HARD_DEADLINE)


@pytest.mark.parametrize(("answers", "stops"), [("aaa", False), ("aaaa", True)])
def test_agreement(bench: type[Any], answers: str, stops: bool) -> None:  # noqa: FBT001
    """Four equal answers end it before its time."""
    table = bench("line", TOTAL_S, QUESTIONS)
    table.vote(answers)
    assert (table.reason is Reason.AGREEMENT) is stops
