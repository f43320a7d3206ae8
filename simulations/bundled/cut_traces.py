"""Cuts the bundled trace out of a measurement folder: one arm, no texts, no probes.

The probes stay out because they were placed knowing each sample's length, and only some questions
have them. A checkpoint stands every 128 tokens while the sample still goes on, so that none tells
where it will end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from simulations.bundled.measured import read_table
from simulations.traces.header import Header
from simulations.traces.schema import CHECKPOINTS, QUESTIONS, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from polars._typing import PolarsDataType

ARM = "cot"
WINDOW_TOKENS = 32
CHECKPOINT_TOKENS = 128
"""Distance of checkpoints, and the stretch that a tail looks back over."""
_DECIMALS = 4

_KEY = ["question_id", "arm", "sample"]
_SAMPLE_COLUMNS: Mapping[str, PolarsDataType] = {
    "question_id": pl.String,
    "arm": pl.String,
    "sample": pl.Int64,
    "level": pl.Int64,
    "gold": pl.String,
    "answer": pl.String,
    "completion_tokens": pl.Int64,
    "finish_reason": pl.String,
    "prompt_tokens": pl.Int64,
    "mean_entropy": pl.Float64,
}
_WINDOW_COLUMNS: Mapping[str, PolarsDataType] = {
    "question_id": pl.String,
    "arm": pl.String,
    "sample": pl.Int64,
    "completion_tokens": pl.Int64,
    "win_entropy": pl.List(pl.Float64),
    "win_conf": pl.List(pl.Float64),
}

HEADER = Header(
    name="qwen2.5-coder-1.5b",
    model="Qwen2.5-Coder-1.5B-Instruct",
    quantisation="Q4_K_M weights served in bf16",
    engine="vllm",
    engine_version="0.26.0",
    gpu="NVIDIA H100 80GB HBM3",
    arms={
        ARM: {
            "temperature": 0.8,
            "top_p": 0.95,
            "max_tokens": 2048,
            "logprobs": 20,
            "prompt": "{question}\n\nThe answer is an integer. Please reason step by step, and put "
            "your final answer within \\boxed{}.",
        }
    },
    source=(
        "Logged 2026-11-24 on one GPU: 64 samples on each of 200 questions with integer answers "
        "from GSM8K, MATH-500, AMC 2023 and AIME 2024 (question texts left out). Entropies "
        "in nats from the top 20 tokens, the rest counted as one; confidence is minus the mean log "
        "probability of the top 20."
    ),
    created_by="python -m simulations.bundled.build",
)


class Cut(NamedTuple):
    """The tables of the trace."""

    samples: pl.DataFrame
    checkpoints: pl.DataFrame
    questions: pl.DataFrame


def cut_traces(folder: Path) -> Cut:
    """Cut the arm's samples, checkpoints and questions out of a measurement folder.

    Raises:
        ValueError: one line naming the file, if one is missing or its columns are others.
    """
    of_arm = pl.col("arm") == ARM
    logged = read_table(folder / "samples.parquet", _SAMPLE_COLUMNS).filter(of_arm)
    windows = _running(read_table(folder / "checkpoints.parquet", _WINDOW_COLUMNS).filter(of_arm))
    if logged.is_empty():
        raise ValueError(f"{folder / 'samples.parquet'}: has no samples of arm {ARM}")
    return Cut(_samples(logged, windows), _checkpoints(windows), _questions(logged))


def _running(logged: pl.DataFrame) -> pl.DataFrame:
    """Give a row per window: tokens at its end, and the means over all and over the last 128."""
    ends = pl.int_range(1, pl.len() + 1) * WINDOW_TOKENS
    windows = (
        logged.explode("win_entropy", "win_conf")
        .with_columns(pl.min_horizontal(ends.over(_KEY), "completion_tokens").alias("tokens"))
        .with_columns(
            (pl.col("tokens") - pl.col("tokens").shift(1, fill_value=0).over(_KEY)).alias("size")
        )
    )
    return windows.with_columns(
        _mean_so_far("win_entropy").alias("mean_entropy"),
        _mean_of_tail("win_entropy").alias("tail_entropy"),
        _mean_of_tail("win_conf").alias("confidence"),
    )


def _mean_so_far(column: str) -> pl.Expr:
    return ((pl.col(column) * pl.col("size")).cum_sum().over(_KEY) / pl.col("tokens")).round(
        _DECIMALS
    )


def _mean_of_tail(column: str) -> pl.Expr:
    """Mean over the last 128 tokens; the window that they only reach into counts by its part."""
    back = CHECKPOINT_TOKENS // WINDOW_TOKENS
    total, weight = pl.lit(0.0), pl.lit(0)
    for age in range(back + 1):
        end = pl.col("tokens").shift(age).over(_KEY)
        size = pl.col("size").shift(age).over(_KEY)
        begin = pl.max_horizontal(end - size, pl.col("tokens") - CHECKPOINT_TOKENS)
        taken = (end - begin).clip(0).fill_null(0)
        total = total + pl.col(column).shift(age, fill_value=0.0).over(_KEY) * taken
        weight = weight + taken
    return (total / weight).round(_DECIMALS)


def _samples(logged: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    ended = windows.filter(pl.col("tokens") == pl.col("completion_tokens"))
    return SAMPLES.canonical(
        logged.join(ended.select(*_KEY, "tail_entropy"), on=_KEY, how="left").select(
            *_KEY,
            pl.col("answer").replace("", None),
            pl.col("completion_tokens").alias("tokens"),
            "finish_reason",
            "prompt_tokens",
            pl.col("mean_entropy").round(_DECIMALS),
            "tail_entropy",
            pl.lit(None, dtype=pl.Float64).alias("started_s"),
            pl.lit(None, dtype=pl.Float64).alias("ended_s"),
        )
    )


def _checkpoints(windows: pl.DataFrame) -> pl.DataFrame:
    due = (pl.col("tokens") % CHECKPOINT_TOKENS == 0) & (
        pl.col("tokens") < pl.col("completion_tokens")
    )
    return CHECKPOINTS.canonical(
        windows.filter(due).select(
            *_KEY,
            "tokens",
            "mean_entropy",
            "tail_entropy",
            "confidence",
            pl.lit(value=False).alias("probed"),
            pl.lit(None, dtype=pl.String).alias("answer"),
        )
    )


def _questions(logged: pl.DataFrame) -> pl.DataFrame:
    level = pl.when(pl.col("level") > 0).then(pl.col("level")).cast(pl.Float64)
    return QUESTIONS.canonical(
        logged.unique("question_id")
        .sort("question_id")
        .select(
            "question_id",
            pl.int_range(pl.len(), dtype=pl.Int64).alias("position"),
            pl.lit(None, dtype=pl.String).alias("question"),
            "gold",
            level.alias("feature_level"),
        )
    )
