"""Strict reading: every refusal names the file and what is wrong in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from scheduler import CallerError
from simulations.compare.contexts import contexts_of
from simulations.compare.reading import read_rows
from simulations.sweep_table import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Rows = Callable[..., pl.DataFrame]
    Save = Callable[..., Path]


def in_row(rows: pl.DataFrame, row: int, column: str, value: object) -> pl.DataFrame:
    """Return the rows with one value exchanged."""
    values = rows[column].to_list()
    values[row] = value
    return rows.with_columns(pl.Series(column, values, dtype=SCHEMA[column]))


def test_what_a_sweep_writes_is_read_back(sweep: Rows, saved: Save) -> None:
    """Good rows come back as they were."""
    rows = sweep()
    assert read_rows([saved(rows)]).equals(rows)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("seconds", float("nan"), "must be finite and at least 0, got nan"),
        ("seconds", float("inf"), "must be finite and at least 0, got inf"),
        ("pass_rate", 1.5, "must be at most 1, got 1.5"),
        ("total_s", -1.0, "must be finite and at least 0, got -1.0"),
        ("tokens", -3, "must be at least 0, got -3"),
        ("plays", 0, "must be at least 1, got 0"),
        ("correct", 1000, "must be at most the plays, got 1000"),
        ("policy", None, "must not be null, got None"),
    ],
)
def test_a_bad_value_is_named_with_its_row(
    sweep: Rows, saved: Save, column: str, value: object, words: str
) -> None:
    """File, row, column, rule and value are all in the line."""
    path = saved(in_row(sweep(), 4, column, value))
    with pytest.raises(CallerError) as error:
        read_rows([path])
    assert str(error.value) == f"{path}, row 5, column {column}: {words}"


def test_columns_must_be_those_of_a_sweep(sweep: Rows, saved: Save) -> None:
    """A column that is missing, of another type or unknown is refused by name."""
    rows = sweep()
    with pytest.raises(CallerError, match="column tokens is missing"):
        read_rows([saved(rows.drop("tokens"))])
    with pytest.raises(CallerError, match="column tokens: must be Int64, got Float64"):
        read_rows([saved(rows.with_columns(pl.col("tokens").cast(pl.Float64)))])
    with pytest.raises(CallerError, match="column mood: is none of a sweep's"):
        read_rows([saved(rows.with_columns(mood=pl.lit(1)))])


def test_files_without_rows_or_of_another_kind_are_refused(
    sweep: Rows, saved: Save, tmp_path: Path
) -> None:
    """An empty table, a text and a missing file each give a line of their own."""
    with pytest.raises(CallerError, match="holds no rows"):
        read_rows([saved(sweep().clear())])
    text = tmp_path / "notes.parquet"
    text.write_text("not a table")
    with pytest.raises(CallerError, match="is no Parquet file"):
        read_rows([text])
    with pytest.raises(CallerError, match="No such file"):
        read_rows([tmp_path / "nowhere.parquet"])


def test_a_cell_that_two_files_share_counts_once(sweep: Rows, saved: Save) -> None:
    """Equal duplicates are merged and keep the order of their first appearance."""
    rows = sweep()
    both = [saved(rows, "one.parquet"), saved(rows.reverse(), "two.parquet")]
    assert read_rows(both).equals(rows)


def test_files_that_contradict_each_other_are_refused(sweep: Rows, saved: Save) -> None:
    """Both places of the contradiction are named."""
    rows = sweep()
    one = saved(rows, "one.parquet")
    two = saved(in_row(rows, 7, "tokens", 1), "two.parquet")
    with pytest.raises(
        CallerError, match=r"two\.parquet, row 8, column tokens: 1 contradicts"
    ) as e:
        read_rows([one, two])
    assert f"{one}, row 8" in str(e.value)


def test_half_a_cell_is_refused(sweep: Rows, saved: Save) -> None:
    """A file that lacks some rows of a cell is not filled up from another one."""
    rows = sweep()
    one, two = saved(rows, "one.parquet"), saved(rows.head(5), "two.parquet")
    with pytest.raises(CallerError, match=r"two\.parquet, column cell: .* has 5 rows here and 24"):
        read_rows([one, two])


def test_a_cell_is_one_policy_with_one_count_a_model(sweep: Rows, saved: Save) -> None:
    """What a cell's rows must share is checked, and so is a question's pass rate."""
    rows = sweep()
    for column, value in (("policy", "other"), ("unanswered", 99), ("pass_rate", 0.123)):
        with pytest.raises(CallerError, match=f"row 30, column {column}: .* contradicts"):
            read_rows([saved(in_row(rows, 29, column, value))])


def test_contexts_are_told_apart(sweep: Rows) -> None:
    """Another order of the questions is another context, with cells of its own."""
    rows = pl.concat([sweep(), sweep(terms={"order": "hard-first"})])
    contexts = contexts_of(rows)
    assert [context.terms.order for context in contexts] == ["random", "hard-first"]
    assert [len(context.cells) for context in contexts] == [8, 8]
    assert contexts[0].totals == [3000.0, None]


def test_cells_of_one_context_were_asked_the_same(sweep: Rows) -> None:
    """A cell without a question that others have cannot be paired."""
    with pytest.raises(CallerError, match="lacks model 'small', question 'q03'"):
        contexts_of(sweep().with_row_index().filter(pl.col("index") != 3).drop("index"))


def test_cells_that_only_differ_in_secret_are_refused(sweep: Rows) -> None:
    """Two cells of the same policy and total differ in what rows do not tell."""
    rows = sweep()
    twin = rows.with_columns(cell=pl.col("cell").str.reverse())
    with pytest.raises(CallerError, match="differ in settings that their rows do not tell"):
        contexts_of(pl.concat([rows, twin]))
