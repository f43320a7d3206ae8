"""Reading the files of sweeps, strictly: whatever is compared has been checked here.

Rows of one cell may stand in several files, since sweeps are merged and copied; then they must
be the same, and count once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from scheduler import CallerError
from simulations.sweep_table import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CONTEXT_COLUMNS = (
    "traces",
    "profile",
    "profile_digest",
    "questions",
    "order",
    "draw",
    "streams",
    "seed",
)
"""What must be equal for cells to be comparable."""

_KEY = ("cell", "model", "question_id")
_PER_CELL = ("policy", "total_s", *CONTEXT_COLUMNS)
_PER_MODEL = ("overruns", "unanswered", "exhausted")
_AT_LEAST_ONE = ("questions", "streams", "plays")
_FILE, _ROW = "_file", "_row"


def read_rows(paths: Sequence[Path]) -> pl.DataFrame:
    """Read and merge the files.

    Args:
        paths: Parquet files, at least one.

    Returns:
        Rows as in `SCHEMA`, all different, in the order of their first appearance.

    Raises:
        CallerError: one line with file, row (from 1), column and value.
    """
    frames = [
        _read_file(path).with_row_index(_ROW, offset=1).with_columns(pl.lit(place).alias(_FILE))
        for place, path in enumerate(paths)
    ]
    rows = pl.concat(frames)
    merged = rows.unique(list(SCHEMA), keep="first", maintain_order=True)
    _refuse_contradictions(merged, paths)
    _refuse_parts(rows, merged, paths)
    return merged.select(SCHEMA.names())


def _read_file(path: Path) -> pl.DataFrame:
    try:
        with path.open("rb") as file:
            rows = pl.read_parquet(file)
    except OSError as error:
        raise CallerError(f"{path}: {error.strerror or error}") from error
    except pl.exceptions.PolarsError as error:
        raise CallerError(f"{path}: is no Parquet file: {error}") from error
    _refuse_columns(rows.schema, path)
    if rows.is_empty():
        raise CallerError(f"{path}: holds no rows")
    for column, good, words in _rules():
        bad = rows.select(pl.arg_where(~good)).to_series()
        if len(bad):
            row = bad.item(0)
            value = rows[column][row]
            raise CallerError(f"{path}, row {row + 1}, column {column}: {words}, got {value!r}")
    return rows.select(SCHEMA.names())


def _refuse_columns(schema: pl.Schema, path: Path) -> None:
    for column, dtype in SCHEMA.items():
        if column not in schema:
            raise CallerError(f"{path}: column {column} is missing")
        if schema[column] != dtype:
            raise CallerError(f"{path}, column {column}: must be {dtype}, got {schema[column]}")
    for column in schema:
        if column not in SCHEMA:
            raise CallerError(f"{path}, column {column}: is none of a sweep's")


def _rules() -> Iterator[tuple[str, pl.Expr, str]]:
    """Yield what every row must obey: column, rule and the rule in words."""
    for name, dtype in SCHEMA.items():
        column = pl.col(name)
        if name != "total_s":
            yield name, column.is_not_null(), "must not be null"
        if dtype == pl.Float64:
            yield name, column.is_finite() & (column >= 0.0), "must be finite and at least 0"
        if dtype == pl.Int64:
            least = int(name in _AT_LEAST_ONE)
            yield name, column >= least, f"must be at least {least}"
    yield "pass_rate", pl.col("pass_rate") <= 1.0, "must be at most 1"
    yield "correct", pl.col("correct") <= pl.col("plays"), "must be at most the plays"


def _refuse_contradictions(merged: pl.DataFrame, paths: Sequence[Path]) -> None:
    """Refuse rows that say different things of the same."""
    for column in SCHEMA:
        if column not in _KEY:
            _refuse_two_values(merged, _KEY, column, paths)
    for column in _PER_CELL:
        _refuse_two_values(merged, ("cell",), column, paths)
    for column in _PER_MODEL:
        _refuse_two_values(merged, ("cell", "model"), column, paths)
    question = (*CONTEXT_COLUMNS, "model", "question_id")
    _refuse_two_values(merged, question, "pass_rate", paths)


def _refuse_two_values(
    rows: pl.DataFrame, key: Sequence[str], column: str, paths: Sequence[Path]
) -> None:
    first = rows.with_columns(
        *(pl.col(name).first().over(key).alias(f"{name}_1") for name in (column, _FILE, _ROW))
    )
    bad = first.filter(pl.col(column).ne_missing(pl.col(f"{column}_1")))
    if bad.is_empty():
        return
    row = bad.row(0, named=True)
    unit = "question" if "question_id" in key else "cell"
    raise CallerError(
        f"{paths[row[_FILE]]}, row {row[_ROW]}, column {column}: {row[column]!r} contradicts "
        f"{row[f'{column}_1']!r} of the same {unit} in {paths[row[f'{_FILE}_1']]}, "
        f"row {row[f'{_ROW}_1']}"
    )


def _refuse_parts(rows: pl.DataFrame, merged: pl.DataFrame, paths: Sequence[Path]) -> None:
    """Refuse a cell of which a file holds less than all files do together."""
    whole = merged.group_by("cell").agg(whole=pl.len())
    sizes = rows.unique([*SCHEMA, _FILE]).group_by("cell", _FILE).agg(size=pl.len())
    parts = sizes.join(whole, on="cell").filter(pl.col("size") < pl.col("whole"))
    if parts.is_empty():
        return
    row = parts.sort("cell", _FILE).row(0, named=True)
    raise CallerError(
        f"{paths[row[_FILE]]}, column cell: {row['cell']!r} has {row['size']} rows here "
        f"and {row['whole']} with the other files"
    )
