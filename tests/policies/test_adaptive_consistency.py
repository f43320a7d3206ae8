"""Adaptive-consistency: one at a time, until the majority is probably stable."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import beta

from policies.adaptive_consistency import beta_criterion
from scheduler import Reason

PAIRS = [(0, 0), (1, 0), (3, 0), (4, 0), (2, 1), (5, 1), (6, 1), (7, 2), (3, 3), (20, 12), (40, 2)]


@pytest.mark.parametrize(("v1", "v2"), PAIRS)
def test_the_criterion_is_the_published_one(v1: int, v2: int) -> None:
    """It is the mass above one half of Beta(v1 + 1, v2 + 1), as the paper's code integrates it."""
    assert beta_criterion(v1, v2) == pytest.approx(1.0 - beta.cdf(0.5, v1 + 1, v2 + 1), abs=1e-12)


def test_small_counts_by_hand() -> None:
    """Without a rival it is 1 − ½^(v + 1); at a tie it is one half."""
    for votes in range(8):
        assert beta_criterion(votes, 0) == pytest.approx(1.0 - 0.5 ** (votes + 1))
        assert beta_criterion(votes, votes) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("answers", "stops"),
    [("aaa", False), ("aaaa", True), ("abaaaa", False), ("abaaaaa", True), ("-aa-aa", True)],
)
def test_095_is_crossed_from_both_sides(
    bench: type[Any],
    answers: str,
    stops: bool,  # noqa: FBT001
) -> None:
    """3:0 is 0.9375 and 5:1 is 0.9375, both go on; 4:0 is 0.96875 and 6:1 is 0.965, both stop."""
    table = bench("adaptive-consistency")
    table.vote(answers)
    assert (table.submitted is not None) is stops
    if stops:
        counts = answers.count("a"), answers.count("b")
        assert (table.submitted.answer, table.reason) == ("a", Reason.CONFIDENT)
        assert table.submitted.numbers == {"p_stays": beta_criterion(*counts)}


def test_the_probability_must_be_exceeded(bench: type[Any]) -> None:
    """Exactly the confidence asked for is not enough: 3:0 is 15/16."""
    table = bench("adaptive-consistency:confidence=0.9375")
    table.vote("aaa")
    assert table.submitted is None
    table.finish(3, "a")
    assert table.reason is Reason.CONFIDENT


def test_one_runs_at_a_time_up_to_the_cap(bench: type[Any]) -> None:
    """Each starts when the one before has ended, lost ones too; then the leader is taken."""
    table = bench("adaptive-consistency:cap=3")
    table.open()
    assert [s.reason for s in table.started] == [Reason.WIDEN]
    table.fail(0)
    table.finish(1, "a")
    assert [s.reason for s in table.started] == [Reason.WIDEN, Reason.REPLACE, Reason.REPLACE]
    table.finish(2, "b")
    assert (table.submitted.answer, table.reason) == ("a", Reason.CAP)
    assert table.submitted.numbers == {"finished": 2.0}


def test_certainty_is_never_reached(bench: type[Any]) -> None:
    """With the confidence 1 the cap ends every question."""
    assert bench("adaptive-consistency:confidence=1,cap=9").vote("a" * 9).reason is Reason.CAP
