"""How long a caller may wait: all but what later questions keep, and by the cap."""

from __future__ import annotations

from typing import Any

import pytest

from engine.kaggle.limits import Limits

TOTAL: dict[str, Any] = {"total_s": 110.0, "reserve_s": 10.0, "floor_s": 5.0, "cap_s": 30.0}


@pytest.mark.parametrize(
    ("questions", "asked", "share_s", "most_s"),
    [
        (5, 1, 20.0, 80.0),
        (5, 5, 100.0, 100.0),
        (5, 7, 100.0, 100.0),
        ((2, 5), 1, 20.0, 80.0),
        (None, 4, 20.0, 80.0),
        (50, 1, 2.0, 2.0),
    ],
)
def test_later_questions_keep_their_floor(
    questions: Any,  # noqa: ANN401 - a number, a range or none
    asked: int,
    share_s: float,
    most_s: float,
) -> None:
    """An unknown number is planned as twice what came; a floor that is too high is a share."""
    limits = Limits(questions=questions, **TOTAL)
    assert limits.share_s(0.0, asked) == pytest.approx(share_s)
    assert limits.most_s(0.0, asked, capped=False) == pytest.approx(most_s)
    assert limits.most_s(0.0, asked, capped=True) == pytest.approx(min(most_s, 30.0))


@pytest.mark.parametrize(("capped", "loads_s"), [(False, 75.0), (True, 25.0)])
def test_loading_leaves_a_floor_to_be_asked_in(*, capped: bool, loads_s: float) -> None:
    """Of all that a question may take."""
    limits = Limits(questions=5, **TOTAL)
    assert limits.loading_s(0.0, 1, capped=capped) == pytest.approx(loads_s)


def test_nothing_is_waited_for_once_the_time_is_over() -> None:
    """Neither before nor after the reserve."""
    limits = Limits(questions=5, **TOTAL)
    for at_s in (100.0, 105.0, 200.0):
        assert limits.share_s(at_s, 2) == 0.0
        assert limits.most_s(at_s, 2, capped=False) == 0.0
        assert limits.loading_s(at_s, 2, capped=False) == 0.0
