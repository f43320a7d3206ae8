"""The fault campaign's slice, and that it would notice what it looks for.

`campaign.py` plays all of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest
from campaign import main, play_streams
from failing_engines import EngineFault
from fault_streams import (
    FAULTS,
    NO_FAULT,
    QUESTIONS,
    ClockFault,
    FaultStream,
    GatewayFault,
)
from ledgers import imbalance_of

from scheduler import Reason, TimeBudget

if TYPE_CHECKING:
    from enum import StrEnum
    from pathlib import Path

    from fault_streams import Outcome

SLICE = 200


def play(*faults: StrEnum, number: int = 0) -> Outcome:
    """Play a stream that meets these faults."""
    return FaultStream(7, number, frozenset(faults)).play()


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Play the slice."""
    return play_streams(0, 0, SLICE)


def test_whatever_goes_wrong_all_is_answered_in_time(outcomes: list[Outcome]) -> None:
    """No overrun, nothing unanswered, no wrong shape, no broken deadline, journal or repeat."""
    assert [mishap for outcome in outcomes for mishap in outcome.mishaps] == []
    assert sum(outcome.overruns for outcome in outcomes) == 0
    assert sum(outcome.unanswered for outcome in outcomes) == 0
    assert sum(outcome.wrong_shapes for outcome in outcomes) == 0
    assert all(outcome.calls >= QUESTIONS for outcome in outcomes)
    assert all(outcome.left_s > 0.0 for outcome in outcomes)


def test_the_slice_meets_every_fault_and_none(outcomes: list[Outcome]) -> None:
    """Also streams in which nothing goes wrong, whose answers are right like their samples."""
    met = {fault for outcome in outcomes for fault in outcome.faults}
    assert met == {NO_FAULT, *map(str, FAULTS)}
    sound = [outcome for outcome in outcomes if outcome.faults == (NO_FAULT,)]
    assert sum(outcome.right for outcome in sound) > 0.8 * sum(outcome.calls for outcome in sound)


@pytest.mark.parametrize(
    "fault", [EngineFault.BLOCKS, EngineFault.EXITS, GatewayFault.CHANGED_TYPES, ClockFault.KILLED]
)
def test_a_stream_is_the_same_each_time(fault: StrEnum) -> None:
    """So a number is all that it takes to see a mishap again."""
    assert play(fault) == play(fault)


# What it looks for is seen.


def test_an_overrun_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that waits for a blocked engine past the total."""
    monkeypatch.setattr("engine.kaggle.limits.LATE_S", 1e9)
    monkeypatch.setattr("engine.kaggle.limits._LATE_SHARE", 2.0)
    outcomes = [play(EngineFault.BLOCKS_FOR_GOOD, number=number) for number in range(3)]
    assert sum(outcome.overruns for outcome in outcomes)
    assert sum(outcome.late for outcome in outcomes)


def test_a_floor_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first call that takes all, though there is no engine."""
    monkeypatch.setattr("engine.kaggle.limits._FLOOR_SHARE", 0.0)
    assert sum(play(EngineFault.START_HANGS, number=n).late for n in range(3)) > 0


def test_a_question_without_an_answer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `predict` that raises."""

    def raises(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("engine.kaggle.predict.answer_frame", raises)
    assert play().unanswered == QUESTIONS


@pytest.mark.parametrize(
    "answer",
    [
        7,
        {"id": ["a"], "answer": [7]},
        pl.DataFrame({"answer": [7]}),
        pl.DataFrame({"id": ["a"], "answer": [7]}),
        pl.DataFrame({"id": ["0a", "0a"], "answer": [7, 7]}),
        pl.DataFrame({"id": ["0a"], "answer": ["7"]}),
        pl.DataFrame({"id": ["0a"], "answer": [100_000]}),
        pl.DataFrame({"id": ["0a"], "answer": [None]}, schema_overrides={"answer": pl.Int64}),
    ],
)
def test_a_wrong_shape_is_noticed(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:  # noqa: ANN401 - anything
    """Whatever is not one row of the types that are due."""
    monkeypatch.setattr("engine.kaggle.predict.answer_frame", lambda *_: answer)
    assert play().wrong_shapes == QUESTIONS


def test_answers_that_are_not_kept_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that another telling changes, and those that the journal lacks."""
    with monkeypatch.context() as patch:
        patch.setattr("engine.kaggle.stream.Stream._ask_safely", lambda *_: next(numbers))
        numbers = iter(range(10**4))
        patch.setattr("engine.kaggle.stream._key", lambda text: f"{text} {next(numbers)}")
        assert play(GatewayFault.REPEATED_TEXT).changed > 1
    monkeypatch.setattr("engine.kaggle.record.Record.write", lambda *_: None)
    assert play().changed == 1


def test_a_ledger_that_does_not_add_up_is_noticed() -> None:
    """A second that no row has, one that two have, and another total."""
    budget = TimeBudget(100.0, questions=2, reserve_s=10.0)
    for at_s in (1.0, 3.0):
        budget.open("q", at_s)
        budget.close(at_s + 1.0, Reason.LEAD)
    saved = budget.save()
    assert imbalance_of(saved, 5.0, 90.0) is None
    assert imbalance_of(saved, 5.0, 91.0) is not None
    for number, field, by_s in ((1, "spent_s", 1.0), (3, "opened_s", -1.0)):
        broken = msgspec.json.decode(saved)
        broken["rows"][number][field] += by_s
        assert imbalance_of(msgspec.json.encode(broken), 5.0, 90.0) is not None


# The command.


def test_the_command_shows_a_row_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same as JSON; a broken promise is its exit code and names its stream."""
    target = tmp_path / "campaign.json"
    assert main(["--streams", "2", "--json", str(target)]) == 0
    found = json.loads(target.read_bytes())
    assert found["all"]["calls"] == sum(one["calls"] for one in found["outcomes"])
    said = capsys.readouterr()
    assert all(row["fault"] in said.out for row in found["by_fault"])
    assert "2 streams of 50 questions, seed 0" in said.out
    monkeypatch.setattr("engine.kaggle.predict.answer_frame", lambda *_: None)
    assert main(["--streams", "1"]) == 1
    assert "stream 0: call 1 at " in capsys.readouterr().err
