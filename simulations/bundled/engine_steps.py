"""From logged chunks to engine steps: how many samples ran, over how much context, how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from simulations.bundled.measured import Load, Run

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_CLOCK_SLACK_S = 1e-5
"""Rounding of the logged times: a first token belongs to the chunk just handled."""

_MISMATCH = 0.01
"""Share of steps that may differ by a sample: now and then a handler saw two steps as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The engine steps of one stage, first one left out.

    Attributes:
        stage: Run and stage, for messages.
        width: Samples that gained a token.
        context: Sum of their contexts in tokens.
        engine_s: Seconds since the step before, by the engine's stamps.
        client_s: The same as the client's handler saw it.
        arrivals: Samples whose first token this step brought.
        quiet: False where a sample arrived in the step, the one before or the two after; the
            step before an arrival is the one that holds its prefill.
    """

    stage: str
    width: Ints
    context: Floats
    engine_s: Floats
    client_s: Floats
    arrivals: Ints
    quiet: Bools


def stages_of(run: Run) -> Iterator[tuple[str, Load]]:
    """Give each stage that was decoded under load, with its name in `steps.parquet`."""
    for load in run.stages.width:
        yield f"width_w{load.width}_r{load.rep}", load
    for load in run.stages.stagger:
        yield f"stagger_w{load.width}", load


def read_steps(runs: Mapping[str, Run], chunks: pl.DataFrame) -> list[Steps]:
    """Join the chunks of `steps.parquet` into steps and rebuild the context of each.

    Raises:
        ValueError: if a stage has no chunks, or its samples don't add up to what was handled.
    """
    return [
        _stage_steps(f"{name} {stage}", load, _chunks_of(chunks, name, stage))
        for name, run in runs.items()
        for stage, load in stages_of(run)
    ]


def _chunks_of(chunks: pl.DataFrame, run: str, stage: str) -> pl.DataFrame:
    return (
        chunks.filter((pl.col("run") == run) & (pl.col("stage") == stage))
        .group_by("engine_s", maintain_order=True)
        .agg(
            pl.col("n_requests").sum().alias("width"),
            pl.col("frontend_s").min().alias("handled_first_s"),
            pl.col("frontend_s").max().alias("handled_s"),
        )
    )


def _stage_steps(stage: str, load: Load, steps: pl.DataFrame) -> Steps:
    count = len(steps)
    width = steps["width"].to_numpy()
    handled = steps["handled_first_s"].to_numpy()
    context, running = np.zeros(count), np.zeros(count, dtype=np.int64)
    arrivals = np.zeros(count, dtype=np.int64)
    for sample in load.samples:
        found = int(np.searchsorted(handled, sample.t_first + _CLOCK_SLACK_S, side="right")) - 1
        first, last = max(found, 0), max(found, 0) + sample.n
        if last > count:
            raise ValueError(f"steps.parquet: {stage} ends before its samples do")
        arrivals[first] += 1
        running[first:last] += 1
        context[first:last] += sample.prompt_tokens + np.arange(sample.n)
    if np.count_nonzero(running != width) > _MISMATCH * count:
        raise ValueError(f"steps.parquet: {stage} doesn't add up to the samples of timings.json")
    quiet = np.ones(count, dtype=np.bool_)
    for step in np.flatnonzero(arrivals):
        quiet[max(step - 2, 0) : step + 2] = False
    return Steps(
        stage=stage,
        width=width[1:],
        context=context[1:],
        engine_s=np.diff(steps["engine_s"].to_numpy()),
        client_s=np.diff(steps["handled_s"].to_numpy()),
        arrivals=arrivals[1:],
        quiet=quiet[1:],
    )
