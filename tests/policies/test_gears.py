"""Gears: more samples when time is plenty, fewer when it runs short."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from policies.gears import Gears
from scheduler import Reason

AVERAGE_S = 356.4


@pytest.mark.parametrize(
    ("share_s", "gear"),
    [
        (299.0, 0),
        (301.0, 1),
        (344.0, 1),
        (346.0, 2),
        (369.0, 2),
        (371.0, 3),
        (419.0, 3),
        (421.0, 4),
    ],
)
def test_the_published_limits(share_s: float, gear: int) -> None:
    """300, 345, 370 and 420 seconds part five gears, on streams of any length."""
    assert Gears.gear(share_s, AVERAGE_S) == gear
    assert Gears.gear(share_s / 7.0, AVERAGE_S / 7.0) == gear


def test_without_a_limit_the_highest_gear_counts() -> None:
    """Endless time is plenty."""
    assert Gears.gear(inf, inf) == 4


def test_it_shifts_from_the_thirtieth_question_on(bench: type[Any]) -> None:
    """The first gear holds for 29 questions; the 30th, 32nd, 34th … may shift."""
    table = bench("gears", 50 * AVERAGE_S, 50)
    widths = []
    for _ in range(33):
        table.open()
        widths.append(len(table.started))
        table.vote_out()
    assert widths == [15] * 29 + [17] * 4
    for _ in range(3):
        table.open(13_500.0)  # 254 s a question are left
        widths.append(len(table.started))
        table.vote_out()
    assert widths[33:] == [10, 10, 10]


@pytest.mark.parametrize(
    ("answers", "stops"),
    [
        ("aaa", False),
        ("aaaa", True),
        ("aaba", False),
        ("aabaa", True),
        ("bbaaa", False),
        ("bbaaaa", True),
        ("abcabac", False),
        ("aabbaba", False),
        ("a-a-aa", True),
        ("abaabba", False),
        ("abaabaa", True),
        ("aabbacaca", False),
        ("aabcabaca", False),
    ],
)
def test_early_agreement(bench: type[Any], answers: str, stops: bool) -> None:  # noqa: FBT001
    """4 of the first 4, 4 of the last 5, 5 of the first 7, 6 of the first 9 answers."""
    table = bench("gears")
    table.vote(answers)
    assert (table.reason is Reason.AGREEMENT) is stops
