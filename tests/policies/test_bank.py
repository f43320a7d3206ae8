"""Bank: a base for every question, more from what was saved."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Reason

AVERAGE_S = 360.0
TOTAL_S = 50 * AVERAGE_S


@pytest.mark.parametrize(
    ("seen", "at_s", "seconds"),
    [
        (0, 0.0, 350.0),
        (1, 350.0, 350.0),
        (1, 250.0, 450.0),
        (1, 140.0, 560.0),
        (2, 100.0, 560.0),
        (2, 650.0, 400.0),
        (2, 900.0, 350.0),
    ],
)
def test_the_published_rule(bench: type[Any], seen: int, at_s: float, seconds: float) -> None:
    """350 s, and up to 210 s more of what earlier questions left of their 350."""
    table = bench("bank", TOTAL_S, 50)
    for _ in range(seen):
        table.open()
        table.vote_out()
    table.open(at_s)
    assert table.granted_s == pytest.approx(seconds)


def test_saved_time_is_counted_once(bench: type[Any]) -> None:
    """However easy or hard, the stream ends in time: the buffer is what the clock says."""
    table = bench("bank", TOTAL_S, 50)
    for number in range(50):
        table.open(table.now_s)
        if number % 3:
            table.wake(table.scheduler.hard_at_s)
        else:
            table.vote_out()
        assert table.submitted is not None
    assert table.now_s <= TOTAL_S


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("aaa", None),
        ("aaaa", Reason.AGREEMENT),
        ("aaabbbccc", None),
        ("aaabbbcccd", Reason.ENOUGH),
        ("---------", None),
        ("----------", Reason.ENOUGH),
    ],
)
def test_agreement_and_stragglers(bench: type[Any], answers: str, reason: Reason | None) -> None:
    """Four equal answers end it, and so do ten of twelve ended samples."""
    table = bench("bank")
    table.vote(answers)
    assert len(table.started) == 12
    assert table.reason is reason
