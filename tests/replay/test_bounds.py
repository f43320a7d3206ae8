"""The bounds of regret, on votes small enough to count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.tally import MutableTally
from simulations.bounds import best_stopping, pool_majority
from simulations.pool import LoggedSample


def samples(*answers: str | None) -> list[LoggedSample]:
    """Log samples of ten tokens each."""
    return [LoggedSample(sample=i, tokens=10, answer=answer) for i, answer in enumerate(answers)]


@pytest.mark.parametrize(
    ("answers", "tokens"),
    [
        (("1",), 10),
        (("2", "1", "1"), 30),
        (("1", "2", "2"), 10),
        (("2", "1"), None),
        ((None, "1"), 20),
        (("2", "2", "1"), None),
        ((), None),
    ],
)
def test_best_stopping_is_the_first_moment_at_which_the_leader_is_right(
    answers: tuple[str | None, ...], tokens: int | None
) -> None:
    """It stops as soon as the right answer leads, and never where it never leads."""
    assert best_stopping(samples(*answers), "1") == tokens


@given(st.lists(st.sampled_from(["1", "2", "3", None]), max_size=12))
def test_best_stopping_sees_the_leader_that_the_core_sees(answers: list[str | None]) -> None:
    """At every prefix the leader is the tally's, ties included."""
    tally = MutableTally()
    expected = None
    for place, answer in enumerate(answers):
        tally.vote(place, answer, 1.0)
        if tally.leader == "1":
            expected = 10 * (place + 1)
            break
    assert best_stopping(samples(*answers), "1") == expected


def test_pool_majority_breaks_ties_by_the_shortest_sample() -> None:
    """Among equals the answer of the shortest sample wins, since it would have finished first."""
    pool = [LoggedSample(0, 90, "1"), LoggedSample(1, 30, "2"), LoggedSample(2, 10, None)]
    assert pool_majority(pool) == "2"
    assert pool_majority(pool[2:]) is None
