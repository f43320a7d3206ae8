"""Early-stopping self-consistency: the first window of equal answers."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Reason


@pytest.mark.parametrize(
    ("answers", "waits_for", "reason", "answer"),
    [
        ("aaa", 3, Reason.AGREEMENT, "a"),
        ("aabaaa", 6, Reason.AGREEMENT, "a"),
        ("aa-aaa", 6, Reason.AGREEMENT, "a"),
        ("aaba-aaab-", 9, Reason.CAP, "a"),
        ("abbabbabb-", 9, Reason.CAP, "b"),
        ("------bbb-", 9, Reason.AGREEMENT, "b"),
        ("----------", 9, Reason.CAP, None),
    ],
)
def test_a_window_must_agree_with_itself(
    bench: type[Any], answers: str, waits_for: int, reason: Reason, answer: str | None
) -> None:
    """Windows of three, nine samples in all; the majority of all samples is the answer."""
    table = bench("early-stopping-window:window=3,cap=9")
    submit = table.vote(answers)
    assert (len(table.steps) - 1, submit.reason, submit.answer) == (waits_for, reason, answer)


def test_a_window_starts_when_the_last_has_ended(bench: type[Any]) -> None:
    """Nothing is replaced within a window, and lost samples agree with nothing."""
    table = bench("early-stopping-window:window=2,cap=5")
    table.open()
    table.finish(0, "a")
    assert len(table.started) == 2
    table.fail(1)
    assert len(table.started) == 4
    table.finish(2, "a")
    table.finish(3, "a")
    assert (table.submitted.answer, table.reason) == ("a", Reason.AGREEMENT)
