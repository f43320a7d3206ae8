"""Describing sums a trace up in numbers that can be checked by hand."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import msgspec
import pytest
from rich.console import Console

from simulations.traces import (
    QUESTIONS,
    SAMPLES,
    Header,
    Trace,
    describe,
    description_table,
    read_trace,
    write_trace,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import polars as pl

Row = tuple[str, str | None, int, str | None]


@pytest.fixture
def voted(
    tmp_path: Path, header: Header, tables: dict[str, pl.DataFrame]
) -> Callable[[Sequence[Row]], Trace]:
    """Make a trace of samples (question, answer, tokens, finish_reason); every gold is `1`."""

    def make(rows: Sequence[Row]) -> Trace:
        questions, answers, tokens, reasons = zip(*rows, strict=True)
        samples = SAMPLES.frame(
            {
                "question_id": questions,
                "arm": ["a"] * len(rows),
                "sample": range(len(rows)),
                "answer": answers,
                "tokens": tokens,
                "finish_reason": reasons,
            }
        )
        names = ["q1", "q2", "q3"]
        gold = QUESTIONS.frame({"question_id": names, "position": [0, 1, 2], "gold": ["1"] * 3})
        return write_trace(tmp_path / "t", header, samples, tables["checkpoints"].clear(), gold)

    return make


def test_small_trace_by_hand(folder: Path) -> None:
    """Every number of the description, and that JSON can hold it."""
    description = describe(read_trace(folder))
    assert json.loads(json.dumps(description)) == {
        "name": "small",
        "model": "Tiny-1B",
        "digest": read_trace(folder).digest,
        "questions": 2,
        "samples": 3,
        "checkpoints": 4,
        "samples_per_question": {"min": 1, "median": 1.5, "max": 2},
        "arms": {"plain": 2, "tool": 1},
        "tokens": {"mean": pytest.approx(2800 / 3), "median": 900, "p90": 1140, "max": 1200},
        "finish_reasons": {
            "stop": pytest.approx(1 / 3),
            "stopped": pytest.approx(1 / 3),
            "unknown": pytest.approx(1 / 3),
        },
        "pass_at_1": 0.5,
        "majority_accuracy": 0.5,
        "known": {
            "entropy": pytest.approx(2 / 3),
            "checkpoint_entropy": 0.5,
            "probes": 3,
            "segments": 3,
            "features": ["length"],
            "prompt_tokens": pytest.approx(2 / 3),
            "times": pytest.approx(2 / 3),
            "profile": True,
        },
    }


def test_pass_at_1_weighs_questions_alike(voted: Callable[[Sequence[Row]], Trace]) -> None:
    """A question with many samples counts no more than one with few; null is wrong."""
    description = describe(
        voted(
            [("q1", "1", 5, None), ("q2", "1", 5, None), ("q2", None, 5, None)]
            + [("q2", "2", 5, None)] * 2
        )
    )
    assert description["pass_at_1"] == pytest.approx((1 + 0.25) / 2)
    assert description["samples_per_question"] == {"min": 0, "median": 1.0, "max": 4}


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([("q1", "1", 9, None), ("q1", "1", 9, None), ("q1", "2", 1, None)], 1.0),
        ([("q1", "1", 5, None), ("q1", "2", 6, None)], 1.0),
        ([("q1", "1", 7, None), ("q1", "2", 6, None)], 0.0),
        ([("q1", "2", 5, None), ("q1", "1", 5, None)], 0.0),
        ([("q1", None, 1, None), ("q1", None, 2, None), ("q1", "1", 9, None)], 1.0),
        ([("q1", None, 1, None)], 0.0),
        ([("q1", "1", 9, "stop"), ("q1", "2", 1, "stopped"), ("q1", "2", 2, "stopped")], 1.0),
    ],
)
def test_majority(
    voted: Callable[[Sequence[Row]], Trace], rows: Sequence[Row], right: float
) -> None:
    """Most votes win, a tie goes to the fewest tokens, null and stopped samples don't vote."""
    assert describe(voted(rows))["majority_accuracy"] == right


def test_nothing_finished_is_unknown(voted: Callable[[Sequence[Row]], Trace]) -> None:
    """Where every sample was stopped, accuracy is None and not zero."""
    description = describe(voted([("q1", "1", 5, "stopped")]))
    assert (description["pass_at_1"], description["majority_accuracy"]) == (None, None)
    assert description["known"]["checkpoint_entropy"] == 0.0


def test_table_shows_traces_side_by_side(folder: Path) -> None:
    """The table has a column a trace, and a name in brackets is no markup."""
    first = describe(read_trace(folder))
    second = msgspec.convert(msgspec.to_builtins(first) | {"name": "[bold]"}, type(first))
    console = Console(file=StringIO(), width=120)
    console.print(description_table([first, second]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]" in text
    assert text.count("Tiny-1B") == 2
    assert "50.0%" in text
