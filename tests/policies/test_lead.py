"""Lead: a margin of votes ends the question."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Reason


@pytest.mark.parametrize(
    ("lead", "answers", "stops"),
    [
        (1, "a", True),
        (1, "-", False),
        (2, "a", False),
        (2, "aa", True),
        (2, "ab", False),
        (2, "aba", False),
        (2, "abaa", True),
        (2, "-a-a", True),
        (3, "aabaa", True),
        (3, "aabcac", False),
    ],
)
def test_the_margin_is_crossed_from_both_sides(
    bench: type[Any],
    lead: int,
    answers: str,
    stops: bool,  # noqa: FBT001
) -> None:
    """One vote short goes on, the full margin stops, whatever else was said."""
    table = bench(f"lead:lead={lead},width=1,cap=64")
    table.vote(answers)
    assert (table.submitted is not None) is stops
    if stops:
        assert (table.submitted.answer, table.reason) == ("a", Reason.LEAD)
        assert table.submitted.numbers == {"margin": float(lead)}


def test_places_are_filled_up_to_the_cap(bench: type[Any]) -> None:
    """Two run at a time; a new one starts when one ends, until five have started."""
    table = bench("lead:lead=5,width=2,cap=5")
    table.open()
    assert [s.reason for s in table.started] == [Reason.WIDEN, Reason.WIDEN]
    for sample, running in enumerate((3, 4, 5, 5)):
        table.finish(sample, str(sample))
        assert len(table.started) == running
    assert {s.reason for s in table.started[2:]} == {Reason.REPLACE}
    table.finish(4, "4")
    assert (table.submitted.answer, table.reason) == ("0", Reason.CAP)


def test_a_failed_sample_is_replaced(bench: type[Any]) -> None:
    """Its place is free, and it counts towards the cap."""
    table = bench("lead:lead=2,width=1,cap=2")
    table.open()
    table.fail(0)
    assert len(table.started) == 2
    table.fail(1)
    assert (table.submitted.answer, table.reason) == (None, Reason.CAP)


@pytest.mark.parametrize(("setting", "limit"), [("", None), (",cut_tokens=500", 500)])
def test_samples_are_cut_where_asked(bench: type[Any], setting: str, limit: int | None) -> None:
    """Each start carries the limit of tokens, if there is one."""
    table = bench("lead:width=2,cap=3" + setting)
    table.open()
    table.finish(0, None)
    assert [s.max_tokens for s in table.started] == [limit] * 3
