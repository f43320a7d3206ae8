"""What a trace's tables hold: every column with its type, unit, range and meaning.

A trace is a folder of `samples.parquet`, `checkpoints.parquet`, `questions.parquet` and
`header.json`; `segments.parquet` and `profile.json` may be absent. What is unknown is null,
never zero, and no number is NaN or infinite. The description below is the whole of it: readers,
writers and the import take types, ranges and keys from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMAT = 1
"""Version of the layout of a trace."""

UNNAMED_ARM = "default"
"""Name of the arm where a log does not say one."""

FEATURE_PREFIX = "feature_"
"""Begins the name of every column of `questions` that holds a feature."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: As in the parquet file.
        dtype: The exact polars type.
        nullable: Whether the value may be unknown.
        doc: Meaning and unit.
        low: The least allowed number, where there is one.
        choices: The only allowed strings; empty: any.
        filled: Whether the empty string is refused.
        optional: Whether it may be absent, which says as much as null in every row.
    """

    name: str
    dtype: type[pl.DataType]
    nullable: bool
    doc: str
    low: int | None = None
    choices: tuple[str, ...] = ()
    filled: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a trace.

    Attributes:
        name: What the table is called; its file is `<name>.parquet`.
        doc: What one row is.
        columns: The columns, in the order they are written.
        key: Columns that together name a row; rows are sorted by them and none comes twice.
        needs_rows: Whether an empty table is refused.
        has_features: Whether any number of `feature_<name>` columns may follow.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    needs_rows: bool = True
    has_features: bool = False

    @property
    def file(self) -> str:
        """Name of the table's file in the folder."""
        return f"{self.name}.parquet"

    def columns_for(self, names: Sequence[str]) -> tuple[Column, ...]:
        """Give the columns of a frame that has `names`: the table's, then its features by name.

        Optional columns are among them where `names` has them.
        """
        columns = tuple(c for c in self.columns if c.name in names or not c.optional)
        if not self.has_features:
            return columns
        return columns + tuple(_feature(name) for name in sorted(names) if _is_feature(name))

    def frame(self, values: Mapping[str, Sequence[object]]) -> pl.DataFrame:
        """Build a frame with the table's types from lists; a column not given is all null.

        Args:
            values: Column name to values, all of one length. An optional column that is not given
                is left out. Names the table lacks are kept, so
                that the checks can refuse them.

        Raises:
            TypeError: if a value doesn't fit its column's type.
        """
        rows = max((len(column) for column in values.values()), default=0)
        columns = {column.name: column.dtype for column in self.columns_for(tuple(values))}
        filled = {name: values.get(name, [None] * rows) for name in (*columns, *values)}
        return pl.DataFrame(filled, schema_overrides=columns)

    def canonical(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Bring columns and rows of a checked frame into the one order that is written."""
        names = [column.name for column in self.columns_for(frame.columns)]
        return frame.select(names).sort(self.key)


def _is_feature(name: str) -> bool:
    return name.startswith(FEATURE_PREFIX) and name != FEATURE_PREFIX


def _feature(name: str) -> Column:
    return Column(name, pl.Float64, nullable=True, doc="A number known before the first sample.")


_QUESTION = Column("question_id", pl.String, nullable=False, doc="The question.", filled=True)
_ARM = Column("arm", pl.String, nullable=False, doc="How it was sampled.", filled=True)
_SAMPLE = Column(
    "sample",
    pl.Int64,
    nullable=False,
    doc="Number of the sample within its question and arm, in start order where the run had one.",
    low=0,
)
_MEAN_ENTROPY = Column(
    "mean_entropy",
    pl.Float64,
    nullable=True,
    doc="Entropy of the next token in nats, mean over all tokens so far.",
    low=0,
)
_TAIL_ENTROPY = Column(
    "tail_entropy",
    pl.Float64,
    nullable=True,
    doc="Entropy of the next token in nats, mean over the last 128 tokens.",
    low=0,
)

SAMPLES = Table(
    name="samples",
    doc="A row is a sample: one generation for a question, from one arm.",
    columns=(
        _QUESTION,
        _ARM,
        _SAMPLE,
        Column(
            "answer",
            pl.String,
            nullable=True,
            doc="The final answer; null where nothing was parsable, which never votes.",
        ),
        Column("tokens", pl.Int64, nullable=False, doc="All generated tokens.", low=0),
        Column(
            "finish_reason",
            pl.String,
            nullable=True,
            doc="Why it ended; `stopped` means censored: it never finished.",
            choices=("stop", "length", "stopped", "error"),
        ),
        Column("prompt_tokens", pl.Int64, nullable=True, doc="Tokens of the prompt.", low=0),
        _MEAN_ENTROPY,
        _TAIL_ENTROPY,
        Column(
            "started_s",
            pl.Float64,
            nullable=True,
            doc="Seconds from the opening of the question to the start (live runs only).",
            low=0,
        ),
        Column(
            "ended_s",
            pl.Float64,
            nullable=True,
            doc="Seconds from the opening of the question to the end (live runs only).",
            low=0,
        ),
        Column(
            "candidate_first",
            pl.String,
            nullable=True,
            doc="The first of the two answers that the sample was to judge; null: it judged none.",
            optional=True,
        ),
        Column(
            "candidate_second",
            pl.String,
            nullable=True,
            doc="The second of them.",
            optional=True,
        ),
        Column(
            "parent",
            pl.Int64,
            nullable=True,
            doc="Number of the sample that it builds on, within that one's arm; null: on none, or "
            "on one that was left out.",
            low=0,
            optional=True,
        ),
        Column(
            "parent_arm",
            pl.String,
            nullable=True,
            doc="Arm of the sample that it builds on.",
            filled=True,
            optional=True,
        ),
    ),
    key=("question_id", "arm", "sample"),
)

CHECKPOINTS = Table(
    name="checkpoints",
    doc="A row is a point of a sample where something was measured or asked.",
    columns=(
        _QUESTION,
        _ARM,
        _SAMPLE,
        Column(
            "tokens",
            pl.Int64,
            nullable=False,
            doc="Tokens generated before the checkpoint, at most the sample's.",
            low=1,
        ),
        _MEAN_ENTROPY,
        _TAIL_ENTROPY,
        Column(
            "confidence",
            pl.Float64,
            nullable=True,
            doc="Confidence on the engine's own scale; higher is surer.",
        ),
        Column("probed", pl.Boolean, nullable=False, doc="Whether an answer was asked for."),
        Column(
            "answer",
            pl.String,
            nullable=True,
            doc="The probe's answer; null where it wasn't parsable or nothing was asked.",
        ),
    ),
    key=("question_id", "arm", "sample", "tokens"),
    needs_rows=False,
)

SEGMENTS = Table(
    name="segments",
    doc="A row is a stretch of a sample: decoding, or waiting for a tool.",
    columns=(
        _QUESTION,
        _ARM,
        _SAMPLE,
        Column("segment", pl.Int64, nullable=False, doc="Number in order of time.", low=0),
        Column(
            "kind",
            pl.String,
            nullable=False,
            doc="`decode`: the engine generates; `tool`: the sample waits for a tool.",
            choices=("decode", "tool"),
        ),
        Column(
            "tokens",
            pl.Int64,
            nullable=False,
            doc="Tokens generated (decode; they sum to the sample's), or tokens that the tool's "
            "output put into the context (tool).",
            low=0,
        ),
        Column("duration_s", pl.Float64, nullable=True, doc="Seconds the tool took.", low=0),
    ),
    key=("question_id", "arm", "sample", "segment"),
)

QUESTIONS = Table(
    name="questions",
    doc="A row is a question; its features stand in columns `feature_<name>`.",
    columns=(
        _QUESTION,
        Column("position", pl.Int64, nullable=False, doc="Place in the run, from 0.", low=0),
        Column("question", pl.String, nullable=True, doc="The text of the question."),
        Column(
            "gold",
            pl.String,
            nullable=True,
            doc="The right answer; null where unknown (live runs only), which no replay scores.",
            filled=True,
        ),
    ),
    key=("question_id",),
    has_features=True,
)

TABLES = (SAMPLES, CHECKPOINTS, SEGMENTS, QUESTIONS)
"""Every table of a trace; only `segments` may be absent."""
