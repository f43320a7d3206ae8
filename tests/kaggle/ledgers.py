"""Whether a ledger that a journal holds adds up."""

from __future__ import annotations

from itertools import pairwise
from math import isclose

from scheduler import TimeBudget


def imbalance_of(saved: bytes, at_s: float, usable_s: float) -> str | None:
    """Say where a ledger does not add up; None if it does."""
    ledger = TimeBudget.resume(saved, at_s)
    rows = ledger.rows
    spent_s = sum(row.spent_s for row in rows)
    if not isclose(spent_s, ledger.clock_s, abs_tol=1e-6):
        return f"rows of {spent_s} s, the clock says {ledger.clock_s}"
    if not isclose(ledger.left_s + ledger.clock_s, usable_s, abs_tol=1e-6):
        return f"{ledger.left_s} s left at {ledger.clock_s} of {usable_s}"
    for row, following in pairwise(rows):
        if not isclose(row.opened_s + row.spent_s, following.opened_s, abs_tol=1e-6):
            return f"a gap after {row.opened_s + row.spent_s} s"
    return None
