"""Uncatchable leader: stop when the running samples can't change the vote."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Reason


@pytest.mark.parametrize(
    ("answers", "stops"),
    [
        ("aaa", False),
        ("aaaa", True),
        ("aab", False),
        ("aabaa", True),
        ("abab", False),
        ("-", False),
    ],
)
def test_second_and_running_against_the_leader(
    bench: type[Any],
    answers: str,
    stops: bool,  # noqa: FBT001
) -> None:
    """Of eight: 0 + 5 > 3 goes on, 0 + 4 ≤ 4 stops; 1 + 5 > 2 goes on, 1 + 3 ≤ 4 stops."""
    table = bench("uncatchable-leader")
    table.vote(answers)
    assert (table.submitted is not None) is stops
    if stops:
        assert (table.submitted.answer, table.reason) == ("a", Reason.SETTLED)


def test_failures_count_as_ended(bench: type[Any]) -> None:
    """A lost sample can't catch up either."""
    table = bench("uncatchable-leader:width=4")
    table.open()
    table.finish(0, "a")
    table.fail(1)
    assert table.submitted is None
    table.fail(2)
    assert (table.submitted.answer, table.reason) == ("a", Reason.SETTLED)


def test_an_empty_answer_can_lead(bench: type[Any]) -> None:
    """An answer is any string; only null never votes."""
    table = bench("uncatchable-leader:width=2")
    table.vote(["", ""])
    assert (table.submitted.answer, table.reason) == ("", Reason.SETTLED)
    assert table.steps[-1] is table.steps[1]


def test_its_time_is_the_equal_share(bench: type[Any]) -> None:
    """Time left by questions left."""
    table = bench("uncatchable-leader", 100.0, 4)
    table.open(20.0)
    assert table.granted_s == 20.0
