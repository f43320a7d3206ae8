"""The checks every trace passes when it is read and when it is written, vectorised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import polars as pl

from simulations.traces.errors import TraceError, shown
from simulations.traces.schema import CHECKPOINTS, QUESTIONS, SAMPLES, SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from simulations.traces.schema import Column, Table

_SAMPLE_KEY = list(SAMPLES.key)
_PAIRS = (("candidate_first", "candidate_second"), ("parent", "parent_arm"))


def check_table(table: Table, frame: pl.DataFrame, where: str) -> None:
    """Check one table by itself: columns, types, nulls, ranges and unique rows.

    Args:
        table: What the frame has to be.
        frame: The rows.
        where: The file's name, for errors.

    Raises:
        TraceError: naming the file, the first bad row (from 1), its column and value.
    """
    columns = table.columns_for(frame.columns)
    names = [column.name for column in columns]
    for column in columns:
        if column.name not in frame.columns:
            raise TraceError(f"{where}, column {column.name}: is missing")
        if (dtype := frame.schema[column.name]) != column.dtype:
            raise TraceError(
                f"{where}, column {column.name}: must be {column.dtype.__name__}, got {dtype}"
            )
    for name in frame.columns:
        if name not in names:
            raise TraceError(f"{where}, column {shown(name)}: is unknown")
    if table.needs_rows and not frame.height:
        raise TraceError(f"{where}: must have at least one row, got 0")
    for column in columns:
        _check_values(column, frame, where)
    *within, last = table.key
    again = ~pl.struct(table.key).is_first_distinct()
    _refuse(again, frame, where, last, _unique_rule(within))


def check_links(frames: Mapping[str, pl.DataFrame], folder: Path) -> None:
    """Check what one table says about another, and columns against each other.

    Args:
        frames: Table name to its rows, each having passed `check_table`.
        folder: The trace's folder, for errors.

    Raises:
        TraceError: naming the file, the first bad row (from 1), its column and value.
    """
    samples = frames[SAMPLES.name]
    where = str(folder / SAMPLES.file)
    known = frames[QUESTIONS.name]["question_id"].implode()
    stranger = ~pl.col("question_id").is_in(known)
    _refuse(stranger, samples, where, "question_id", f"must be in {QUESTIONS.file}")
    backwards = pl.col("ended_s") < pl.col("started_s")
    _refuse(backwards, samples, where, "ended_s", "must not be before started_s")
    _check_pairs(samples, where)
    _check_checkpoints(frames[CHECKPOINTS.name], samples, str(folder / CHECKPOINTS.file))
    if SEGMENTS.name in frames:
        _check_segments(frames[SEGMENTS.name], samples, str(folder / SEGMENTS.file))


def _check_values(column: Column, frame: pl.DataFrame, where: str) -> None:
    values = pl.col(column.name)
    if not column.nullable:
        _refuse(values.is_null(), frame, where, column.name, "must not be null")
    if column.dtype == pl.Float64:
        _refuse(~values.is_finite(), frame, where, column.name, "must be finite")
    if column.low is not None:
        _refuse(values < column.low, frame, where, column.name, f"must be at least {column.low}")
    if column.choices:
        rule = f"must be one of {', '.join(column.choices)}"
        _refuse(~values.is_in(column.choices), frame, where, column.name, rule)
    if column.filled:
        _refuse(values == "", frame, where, column.name, "must not be empty")


def _check_pairs(samples: pl.DataFrame, where: str) -> None:
    """Check the columns that say something only together, and that parents are there."""
    for one, other in _PAIRS:
        if one not in samples.columns and other not in samples.columns:
            continue
        for name in (one, other):
            if name not in samples.columns:
                raise TraceError(f"{where}, column {name}: is missing")
        half = pl.col(one).is_null() != pl.col(other).is_null()
        _refuse(half, samples, where, other, f"must be null where {one} is, and only there")
    if "parent" in samples.columns:
        keys = samples.select(
            "question_id", parent_arm="arm", parent="sample", known=pl.lit(value=True)
        )
        joined = samples.join(
            keys, on=["question_id", "parent_arm", "parent"], how="left", maintain_order="left"
        )
        orphan = pl.col("parent").is_not_null() & pl.col("known").is_null()
        _refuse(orphan, joined, where, "parent", "must have a row of its own in parent_arm")


def _check_checkpoints(checkpoints: pl.DataFrame, samples: pl.DataFrame, where: str) -> None:
    unasked = ~pl.col("probed") & pl.col("answer").is_not_null()
    _refuse(unasked, checkpoints, where, "answer", "must be null where probed is false")
    joined = _with_sample_tokens(checkpoints, samples, where)
    late = pl.col("tokens") > pl.col("sample_tokens")
    _refuse(late, joined, where, "tokens", "must be at most the tokens of its sample")


def _check_segments(segments: pl.DataFrame, samples: pl.DataFrame, where: str) -> None:
    joined = _with_sample_tokens(segments, samples, where)
    decoded = pl.col("tokens").filter(pl.col("kind") == "decode").sum().over(_SAMPLE_KEY)
    rule = "must sum over the sample's decode segments to its tokens"
    _refuse(decoded != pl.col("sample_tokens"), joined, where, "tokens", rule)


def _with_sample_tokens(rows: pl.DataFrame, samples: pl.DataFrame, where: str) -> pl.DataFrame:
    """Add `sample_tokens` to rows that name a sample, and refuse a row whose sample is absent."""
    tokens = samples.select(*_SAMPLE_KEY, pl.col("tokens").alias("sample_tokens"))
    joined = rows.join(tokens, on=_SAMPLE_KEY, how="left", maintain_order="left")
    orphan = pl.col("sample_tokens").is_null()
    _refuse(orphan, joined, where, "sample", f"must have a row in {SAMPLES.file}")
    return joined


def _unique_rule(within: list[str]) -> str:
    return f"must be unique within {' × '.join(within)}" if within else "must be unique"


def _refuse(bad: pl.Expr, frame: pl.DataFrame, where: str, column: str, rule: str) -> None:
    """Raise for the first row where `bad` is true (null counts as false)."""
    hits = frame.select(bad.alias("bad")).to_series()
    if hits.any():
        _fail(frame, where, hits.arg_true()[0], column, rule)


def _fail(frame: pl.DataFrame, where: str, row: int, column: str, rule: str) -> NoReturn:
    value = frame[column][row]
    raise TraceError(f"{where} row {row + 1}, column {column}: {rule}, got {shown(value)}")
