"""The rows that a sweep leaves: one a cell, model and question, in one Parquet file.

A cell is one policy under one setting. Its rows hold sums over streams by question, since
questions are the unit of evidence: whatever is compared later can be paired by question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulations.pool import Pool
    from simulations.results import Settings
    from simulations.sums import PolicySums

COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "cell": (pl.String(), "SHA-256 (hex) of the cell: traces, policy and settings."),
    "policy": (pl.String(), "As it was given."),
    "traces": (pl.String(), "Digests of the traces, joined by commas."),
    "profile": (pl.String(), "Name of the latency profile."),
    "profile_digest": (pl.String(), "SHA-256 (hex) of its content."),
    "total_s": (pl.Float64(), "Seconds a stream; null without a limit."),
    "questions": (pl.Int64(), "Questions a stream."),
    "order": (pl.String(), "In which order questions come."),
    "draw": (pl.String(), "Which logged samples the starts get."),
    "streams": (pl.Int64(), "Streams a model."),
    "seed": (pl.Int64(), "Seed of all draws."),
    "model": (pl.String(), "The model."),
    "question_id": (pl.String(), "The question."),
    "pass_rate": (pl.Float64(), "Share of right ones among its logged samples."),
    "plays": (pl.Int64(), "Times it was played."),
    "correct": (pl.Int64(), "Times it was answered right."),
    "tokens": (pl.Int64(), "Tokens generated for it, over all plays."),
    "seconds": (pl.Float64(), "Seconds from opening to answer, over all plays."),
    "overruns": (pl.Int64(), "Streams of the cell and model that ran past their total."),
    "unanswered": (pl.Int64(), "Questions of the cell and model without a timely submission."),
    "exhausted": (pl.Int64(), "Questions of the cell and model that ran out of logged samples."),
}
"""Column → its type and meaning."""

SCHEMA = pl.Schema({name: dtype for name, (dtype, _) in COLUMNS.items()})


def cell_rows(
    cell: str,
    policy: str,
    traces: str,
    settings: Settings,
    pools: Sequence[Pool],
    sums: Mapping[str, PolicySums],
) -> pl.DataFrame:
    """Return the rows of one cell.

    Args:
        cell: The cell's name.
        policy: As it was given.
        traces: Digests of the traces.
        settings: What was played.
        pools: One a model.
        sums: What it came to, by model.
    """
    frames = []
    for pool in pools:
        one = sums[pool.model]
        rows = pl.DataFrame(
            {
                "question_id": [question.question_id for question in pool.questions],
                "pass_rate": [pool.pass_rate(index) for index in range(len(pool.questions))],
                "plays": one.count.astype(int),
                "correct": one.correct.astype(int),
                "tokens": one.tokens.astype(int),
                "seconds": one.seconds,
            }
        ).with_columns(
            cell=pl.lit(cell),
            policy=pl.lit(policy),
            traces=pl.lit(traces),
            profile=pl.lit(settings.profile),
            profile_digest=pl.lit(settings.profile_digest),
            total_s=pl.lit(settings.total_s, dtype=pl.Float64),
            questions=pl.lit(settings.questions),
            order=pl.lit(settings.order),
            draw=pl.lit(settings.draw),
            streams=pl.lit(settings.streams),
            seed=pl.lit(settings.seed),
            model=pl.lit(pool.model),
            overruns=pl.lit(one.overruns),
            unanswered=pl.lit(one.unanswered),
            exhausted=pl.lit(one.exhausted),
        )
        frames.append(rows.filter(pl.col("plays") > 0).select(SCHEMA.names()).cast(SCHEMA))
    return pl.concat(frames)
