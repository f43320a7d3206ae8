"""Reading refuses whatever isn't exactly a trace, and says where it went wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from simulations.traces import TraceError, read_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BAD_VALUES = [
    ("samples", 2, "tokens", -3, "must be at least 0, got -3"),
    ("samples", 2, "sample", -1, "must be at least 0, got -1"),
    ("samples", 2, "sample", 0, "must be unique within question_id × arm, got 0"),
    ("samples", 3, "question_id", "q9", "must be in questions.parquet, got 'q9'"),
    ("samples", 1, "question_id", None, "must not be null, got null"),
    ("samples", 1, "arm", "", "must not be empty, got ''"),
    ("samples", 1, "tokens", None, "must not be null, got null"),
    ("samples", 3, "mean_entropy", math.nan, "must be finite, got nan"),
    ("samples", 3, "tail_entropy", math.inf, "must be finite, got inf"),
    ("samples", 1, "mean_entropy", -0.5, "must be at least 0, got -0.5"),
    ("samples", 1, "prompt_tokens", -8, "must be at least 0, got -8"),
    ("samples", 2, "started_s", -1.0, "must be at least 0, got -1.0"),
    ("samples", 2, "ended_s", 0.25, "must not be before started_s, got 0.25"),
    (
        "samples",
        1,
        "finish_reason",
        "abort",
        "must be one of stop, length, stopped, error, got 'abort'",
    ),
    ("checkpoints", 1, "tokens", 0, "must be at least 1, got 0"),
    ("checkpoints", 2, "tokens", 1201, "must be at most the tokens of its sample, got 1201"),
    (
        "checkpoints",
        2,
        "tokens",
        500,
        "must be unique within question_id × arm × sample, got 500",
    ),
    ("checkpoints", 3, "sample", 6, "must have a row in samples.parquet, got 6"),
    ("checkpoints", 4, "answer", "7", "must be null where probed is false, got '7'"),
    ("checkpoints", 1, "confidence", math.nan, "must be finite, got nan"),
    ("segments", 2, "kind", "wait", "must be one of decode, tool, got 'wait'"),
    ("segments", 2, "duration_s", -1.5, "must be at least 0, got -1.5"),
    ("segments", 1, "sample", 4, "must have a row in samples.parquet, got 4"),
    (
        "segments",
        3,
        "segment",
        1,
        "must be unique within question_id × arm × sample, got 1",
    ),
    ("questions", 2, "gold", "", "must not be empty, got ''"),
    ("questions", 2, "question_id", "q1", "must be unique, got 'q1'"),
    ("questions", 1, "feature_length", math.nan, "must be finite, got nan"),
]


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "rule"),
    BAD_VALUES,
)
def test_bad_value_is_named_with_file_row_and_column(
    spoil: Callable[..., str], table: str, row: int, column: str, value: object, rule: str
) -> None:
    """One bad value gives one line with the file, the row, the column, the rule and the value."""
    assert spoil(table, row, column, value) == f"{table}.parquet row {row}, column {column}: {rule}"


def test_answer_without_a_probe_is_refused(spoil: Callable[..., str]) -> None:
    """A checkpoint that was not probed has no answer."""
    expected = (
        "checkpoints.parquet row 1, column answer: must be null where probed is false, got '144'"
    )
    assert spoil("checkpoints", 1, "probed", value=False) == expected


def test_decode_segments_must_sum_to_the_tokens_of_their_sample(spoil: Callable[..., str]) -> None:
    """Decoded tokens that don't add up are named at the sample's first segment."""
    expected = (
        "segments.parquet row 1, column tokens: "
        "must sum over the sample's decode segments to its tokens, got 300"
    )
    assert spoil("segments", 3, "tokens", 399) == expected


def test_tool_tokens_are_not_decoded(folder: Path, read_error: Callable[[], str]) -> None:
    """A sample whose segments are tools alone has decoded nothing."""
    path = folder / "segments.parquet"
    pl.read_parquet(path).filter(pl.col("kind") == "tool").write_parquet(path)
    assert read_error().startswith("segments.parquet row 1, column tokens: must sum over")


@pytest.mark.parametrize("table", ["samples", "checkpoints", "segments", "questions"])
def test_truncated_parquet_is_one_line(
    folder: Path, read_error: Callable[[], str], table: str
) -> None:
    """A file that was cut off is named, in one line."""
    path = folder / f"{table}.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    assert read_error().startswith(f"{table}.parquet: is no whole parquet file: ")


def test_corrupted_parquet_never_reads_as_another_trace(folder: Path) -> None:
    """Whatever byte of the data flips, reading fails or gives the same content."""
    path = folder / "samples.parquet"
    whole = path.read_bytes()
    digest = read_trace(folder).digest
    refused = 0
    for at in range(4, len(whole) // 2, 17):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            assert read_trace(folder).digest == digest
        except TraceError:
            refused += 1
    assert refused > 10


@pytest.mark.parametrize(
    "file", ["samples.parquet", "checkpoints.parquet", "questions.parquet", "header.json"]
)
def test_missing_file_is_named(folder: Path, read_error: Callable[[], str], file: str) -> None:
    """Every file but the segments and the profile is needed."""
    (folder / file).unlink()
    assert read_error() == f"{file}: is missing"


def test_folder_in_place_of_a_file_is_refused(folder: Path, read_error: Callable[[], str]) -> None:
    """A file that can't be read is named with the reason."""
    (folder / "samples.parquet").unlink()
    (folder / "samples.parquet").mkdir()
    assert read_error() == "samples.parquet: cannot be read: Is a directory"


def test_missing_column_is_named(folder: Path, read_error: Callable[[], str]) -> None:
    """A table needs all of its columns, the nullable ones too."""
    path = folder / "samples.parquet"
    pl.read_parquet(path).drop("tail_entropy").write_parquet(path)
    assert read_error() == "samples.parquet, column tail_entropy: is missing"


@pytest.mark.parametrize(
    ("table", "name"),
    [("samples", "temperature"), ("samples", "feature_x"), ("questions", "feature_")],
)
def test_unknown_column_is_named(
    folder: Path, read_error: Callable[[], str], table: str, name: str
) -> None:
    """A column nobody documented is refused; features belong to questions and have names."""
    path = folder / f"{table}.parquet"
    pl.read_parquet(path).with_columns(pl.lit(0.5).alias(name)).write_parquet(path)
    assert read_error() == f"{table}.parquet, column {name!r}: is unknown"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"parent": 0}, ", column parent_arm: is missing"),
        ({"candidate_second": "7"}, ", column candidate_first: is missing"),
        (
            {"candidate_first": "7", "candidate_second": None},
            (
                " row 1, column candidate_second: must be null where candidate_first is, "
                "and only there, got null"
            ),
        ),
        (
            {"parent": 99, "parent_arm": "default"},
            " row 1, column parent: must have a row of its own in parent_arm, got 99",
        ),
    ],
)
def test_optional_columns_come_in_pairs(
    folder: Path, read_error: Callable[[], str], columns: dict[str, Any], said: str
) -> None:
    """Two candidates or none; a parent with its arm, and with a row."""
    path = folder / "samples.parquet"
    types = {"parent": pl.Int64}
    added = {
        name: pl.lit(value, dtype=types.get(name, pl.String)) for name, value in columns.items()
    }
    pl.read_parquet(path).with_columns(**added).write_parquet(path)
    assert read_error() == f"samples.parquet{said}"


@pytest.mark.parametrize(
    ("table", "column", "dtype", "rule"),
    [
        ("samples", "tokens", pl.Int32(), "must be Int64, got Int32"),
        ("samples", "tokens", pl.Float64(), "must be Int64, got Float64"),
        ("samples", "mean_entropy", pl.Float32(), "must be Float64, got Float32"),
        ("checkpoints", "probed", pl.Int64(), "must be Boolean, got Int64"),
        ("questions", "gold", pl.Categorical(), "must be String, got Categorical"),
        ("questions", "feature_length", pl.String(), "must be Float64, got String"),
    ],
)
def test_wrong_dtype_is_named_with_the_needed_one(
    folder: Path,
    read_error: Callable[[], str],
    table: str,
    column: str,
    dtype: pl.DataType,
    rule: str,
) -> None:
    """No dtype is converted silently, not even without loss."""
    path = folder / f"{table}.parquet"
    pl.read_parquet(path).with_columns(pl.col(column).cast(dtype)).write_parquet(path)
    assert read_error() == f"{table}.parquet, column {column}: {rule}"


@pytest.mark.parametrize("table", ["samples", "questions", "segments"])
def test_empty_table_is_refused(folder: Path, read_error: Callable[[], str], table: str) -> None:
    """Only checkpoints may have no rows."""
    path = folder / f"{table}.parquet"
    pl.read_parquet(path).clear().write_parquet(path)
    assert read_error() == f"{table}.parquet: must have at least one row, got 0"


def test_empty_folder_lacks_its_header(tmp_path: Path) -> None:
    """A folder without files is told apart by what it lacks first."""
    with pytest.raises(TraceError, match=r"header\.json: is missing$"):
        read_trace(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is no trace."""
    with pytest.raises(TraceError, match=r"nowhere: must be a trace's folder, and is none$"):
        read_trace(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 2, "novelty": True}, "header.json, field format: must be 1, got 2"),
        ({"format": "1"}, "header.json, field format: must be int, got '1'"),
        ({"novelty": True}, "header.json, field novelty: is unknown"),
        ({"model": ""}, "header.json, field model: must not be empty, got ''"),
        ({"model": None}, "header.json, field model: must be str, got null"),
        ({"seeds": [1, "two"]}, "header.json, field seeds[1]: must be int, got 'two'"),
        ({"arms": {"a": 5}}, "header.json, field arms: must be object, got {'a': 5}"),
    ],
)
def test_bad_header_field_is_named(
    edit_header: Callable[..., None],
    read_error: Callable[[], str],
    fields: dict[str, object],
    message: str,
) -> None:
    """A header of another format, or with a bad field, is refused by the field's name."""
    edit_header(**fields)
    assert read_error() == message


def test_header_that_is_no_json_is_refused(folder: Path, read_error: Callable[[], str]) -> None:
    """A header cut off in the middle is one line."""
    path = folder / "header.json"
    path.write_bytes(path.read_bytes()[:20])
    assert read_error() == "header.json: is no JSON: Input data was truncated"


def test_header_without_a_format_is_refused(folder: Path, read_error: Callable[[], str]) -> None:
    """The format has no default in a file."""
    (folder / "header.json").write_text('{"name": "x", "model": "y"}')
    assert read_error() == "header.json, field format: is missing"


def test_digest_that_does_not_match_is_refused(
    folder: Path, edit_header: Callable[..., None], read_error: Callable[[], str]
) -> None:
    """The header's digest is the content's, or the trace has been tampered with."""
    true = read_trace(folder).digest
    edit_header(digest="0" * 64)
    expected = f"header.json, field digest: must be {true} as the content's, got '{'0' * 28}"
    assert read_error().startswith(expected[:-2])


def test_changed_answer_changes_the_digest(spoil: Callable[..., str]) -> None:
    """A value that is allowed, but not the one that was written, is found by the digest."""
    assert spoil("samples", 1, "answer", "205").startswith("header.json, field digest: must be ")


def test_bad_profile_is_refused(folder: Path, read_error: Callable[[], str]) -> None:
    """The latency profile is checked with the trace it belongs to."""
    (folder / "profile.json").write_text('{"name": "x"}')
    assert read_error().startswith("profile.json: ")
