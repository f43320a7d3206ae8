"""Null: no attempt."""

from __future__ import annotations

from typing import Any

from scheduler import Reason


def test_it_submits_nothing_at_once(bench: type[Any]) -> None:
    """One action, at the opening, without a sample and without a second spent."""
    table = bench("null")
    step = table.open(3.0)
    assert len(step.actions) == 1
    assert (table.submitted.answer, table.reason) == (None, Reason.NO_ATTEMPT)
    assert table.scheduler.budget.rows[-1].spent_s == 0.0
