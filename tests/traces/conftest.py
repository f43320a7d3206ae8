"""A small whole trace, and the means to spoil it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from scheduler.latency import Decode, LatencyProfile
from simulations.traces import (
    CHECKPOINTS,
    QUESTIONS,
    SAMPLES,
    SEGMENTS,
    Header,
    TraceError,
    read_trace,
    write_trace,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    """Two questions, three samples, four checkpoints and two segments, every column used."""
    return {
        "samples": SAMPLES.frame(
            {
                "question_id": ["q1", "q1", "q2"],
                "arm": ["plain", "plain", "tool"],
                "sample": [0, 1, 0],
                "answer": ["204", None, "7"],
                "tokens": [1200, 900, 700],
                "finish_reason": ["stop", "stopped", None],
                "prompt_tokens": [80, 80, None],
                "mean_entropy": [0.5, None, 0.25],
                "tail_entropy": [0.125, None, 0.0],
                "started_s": [0.0, 0.5, None],
                "ended_s": [30.0, 12.5, None],
            }
        ),
        "checkpoints": CHECKPOINTS.frame(
            {
                "question_id": ["q1", "q1", "q1", "q2"],
                "arm": ["plain", "plain", "plain", "tool"],
                "sample": [0, 0, 1, 0],
                "tokens": [500, 1000, 500, 500],
                "mean_entropy": [0.5, 0.25, None, None],
                "tail_entropy": [0.5, 0.25, None, None],
                "confidence": [-1.5, 2.0, None, None],
                "probed": [True, True, True, False],
                "answer": ["144", "204", None, None],
            }
        ),
        "segments": SEGMENTS.frame(
            {
                "question_id": ["q2", "q2", "q2"],
                "arm": ["tool", "tool", "tool"],
                "sample": [0, 0, 0],
                "segment": [0, 1, 2],
                "kind": ["decode", "tool", "decode"],
                "tokens": [300, 40, 400],
                "duration_s": [None, 1.5, None],
            }
        ),
        "questions": QUESTIONS.frame(
            {
                "question_id": ["q1", "q2"],
                "position": [1, 0],
                "question": ["How many?", None],
                "gold": ["204", "8"],
                "feature_length": [9.0, None],
            }
        ),
    }


@pytest.fixture
def header() -> Header:
    """A header with nothing but what it must have, and sampling parameters."""
    return Header(name="small", model="Tiny-1B", arms={"plain": {"temperature": 0.7}}, seeds=[3])


@pytest.fixture
def folder(tmp_path: Path, header: Header, tables: dict[str, pl.DataFrame]) -> Path:
    """The small trace, written."""
    path = tmp_path / "small"
    profile = LatencyProfile(name="flat", decode=Decode(width=(1,), step_s=(0.01,)))
    write_trace(path, header, **tables, profile=profile)
    return path


@pytest.fixture
def read_error(folder: Path) -> Callable[[], str]:
    """Give the message of reading `folder`, without the folder."""

    def message() -> str:
        with pytest.raises(TraceError) as caught:
            read_trace(folder)
        text = str(caught.value)
        assert text.startswith(str(folder))
        assert "\n" not in text
        return text.removeprefix(f"{folder}/")

    return message


@pytest.fixture
def spoil(folder: Path, read_error: Callable[[], str]) -> Callable[..., str]:
    """Put a value into a file of `folder` (row from 1), and give the message of reading it."""

    def spoiled(table: str, row: int, column: str, value: object) -> str:
        path = folder / f"{table}.parquet"
        frame = pl.read_parquet(path)
        values = frame[column].to_list()
        values[row - 1] = value
        kept = frame.schema[column]
        frame.with_columns(pl.Series(column, values, dtype=kept)).write_parquet(path)
        return read_error()

    return spoiled


@pytest.fixture
def edit_header(folder: Path) -> Callable[..., None]:
    """Change fields of the header's file."""

    def edit(**fields: object) -> None:
        path = folder / "header.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return edit
