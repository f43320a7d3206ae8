"""Self-consistency: all samples at once, the majority of all."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Reason


def test_all_start_at_once_and_the_last_is_awaited(bench: type[Any]) -> None:
    """However clear the vote is, every sample ends; then the majority is the answer."""
    table = bench("self-consistency:k=4")
    table.open()
    assert [(s.sample, s.reason, s.max_tokens) for s in table.started] == [
        (n, Reason.WIDEN, None) for n in range(4)
    ]
    for sample in range(3):
        table.finish(sample, "7")
        assert table.submitted is None
    table.finish(3, "8")
    assert (table.submitted.answer, table.reason) == ("7", Reason.CAP)
    assert table.submitted.numbers == {"finished": 4.0}
    assert len(table.started) == 4


@pytest.mark.parametrize(
    ("answers", "majority"), [("abb", "b"), ("ab-", "a"), ("-b-", "b"), ("---", None)]
)
def test_the_majority(bench: type[Any], answers: str, majority: str | None) -> None:
    """Null answers don't vote, and the first vote wins a tie."""
    assert bench("self-consistency:k=3").vote(answers).answer == majority


def test_failures_are_not_replaced(bench: type[Any]) -> None:
    """A lost sample is no reason to start another."""
    table = bench("self-consistency:k=2")
    table.open()
    table.fail(0)
    table.finish(1, "7")
    assert (table.submitted.answer, table.reason, len(table.started)) == ("7", Reason.CAP, 2)


def test_it_takes_all_the_time_that_the_stream_gives(bench: type[Any]) -> None:
    """Its deadline is the grant's."""
    table = bench("self-consistency:k=2", total_s=1000.0, questions=10, floor_s=20.0)
    table.open(100.0)
    assert table.granted_s == 900.0 - 9 * 20.0
