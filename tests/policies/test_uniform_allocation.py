"""Uncertainty-aware allocation: the greedy split of a budget of samples."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.uniform_allocation import greedy_split
from scheduler import Reason


def solved(p_success: list[float], extra: tuple[int, ...] | list[int]) -> float:
    """Give the expected number of questions that at least one sample solves."""
    return sum(1.0 - (1.0 - p) ** (1 + n) for p, n in zip(p_success, extra, strict=True))


@given(
    p_success=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4),
    budget=st.integers(0, 6),
)
def test_the_greedy_split_is_the_best_one(p_success: list[float], budget: int) -> None:
    """No other split of the same budget solves more questions on average."""
    split = greedy_split(p_success, budget)
    assert sum(split) == budget
    assert min(split) >= 0
    every = product(range(budget + 1), repeat=len(p_success))
    best = max(solved(p_success, other) for other in every if sum(other) == budget)
    assert solved(p_success, split) == pytest.approx(best, abs=1e-12)
    assert prod(split) >= 0


def test_without_entropies_the_split_is_even(bench: type[Any]) -> None:
    """Eight samples each: one first, then seven more at once, then the majority."""
    table = bench("uniform-allocation", questions=3)
    for _ in range(3):
        table.open()
        assert len(table.started) == 1
        table.finish(0, "a")
        assert len(table.started) == 8
        for sample in range(1, 8):
            assert table.submitted is None
            table.finish(sample, "b")
        assert (table.submitted.answer, table.reason) == ("b", Reason.CAP)


@pytest.mark.parametrize("p", [0.0, 1.0, 1.0 - 1e-9])
def test_where_nothing_can_be_gained_the_split_is_even(p: float) -> None:
    """Questions that are alike get alike, also where a further sample is worth nothing."""
    assert greedy_split([p] * 4, 400) == [100] * 4
