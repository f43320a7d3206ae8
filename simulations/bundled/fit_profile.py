"""Fits a latency profile to a measurement of an engine that logged 20 logprobs a token.

Each figure is read from the stage that shows it alone; nothing is tuned on wall times. Steps are
weighed by relative error and otherwise alike: on one machine the same step drifts by some 8 %
over seconds (the host, not the GPU, limits narrow batches), so a stage counts by how long it was.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean, median
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from scheduler.latency import Decode, LatencyProfile, Prefill, Probe
from simulations.bundled.engine_steps import read_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from simulations.bundled.engine_steps import Floats, Ints, Steps
    from simulations.bundled.measured import Abort, Load, Run, Ttft

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Points of the table of step times."""

CLIENT_LIMITED_ABOVE = 256
"""Wider batches outrun the Python client, whose pace is then the pace of the samples."""

KV_CACHE_TOKENS = 2_393_568
BLOCK_TOKENS = 16
"""vLLM's prefix cache keeps whole blocks; the rest of a cached prompt is computed anew."""

NAME = "measured-h100-qwen2.5-coder-1.5b"
_MODEL = "Qwen2.5-Coder-1.5B-Instruct"
_CONTEXT_UNIT = 1e5  # tokens; keeps the least squares well scaled
_SIGNIFICANT = 4


def fit_profile(
    runs: Mapping[str, Run], chunks: pl.DataFrame, probe_tokens: Sequence[int] = ()
) -> LatencyProfile:
    """Fit all fields of a profile.

    Args:
        runs: The runs of `timings.json` to fit to, by name.
        chunks: `steps.parquet`.
        probe_tokens: Tokens of each logged probe; empty: probes cost their first token only.

    Raises:
        ValueError: if the steps contradict the timings, or a stage that is needed is missing.
    """
    every = [run.stages for run in runs.values()]
    ttft = [one for stages in every for one in stages.ttft]
    aborts = [one for stages in every for one in stages.abort]
    if not ttft or not aborts:
        raise ValueError("timings.json: no run has both stages ttft and abort")
    steps = read_steps(runs, chunks)
    base_s, context_s_per_token = fit_decode(steps)
    prefill = fit_prefill(ttft, runs.values(), fit_stall(steps))
    return LatencyProfile(
        name=NAME,
        description=_description(tuple(runs)),
        model=_MODEL,
        gpu="NVIDIA H100 80GB HBM3",
        engine="vllm 0.26.0",
        decode=Decode(
            width=WIDTHS,
            step_s=tuple(_rounded(value) for value in base_s),
            context_s_per_token=_rounded(context_s_per_token),
        ),
        prefill=prefill,
        probe=Probe(
            base_s=_rounded(median(one.ttft_s for one in ttft if one.hit)),
            # The first token has come when base_s is over.
            tokens=max(round(median(probe_tokens)) - 1, 0) if probe_tokens else 0,
        ),
        stop_s=_rounded(fit_stop(aborts)),
        startup_s=_rounded(fmean(run.engine_start_s + run.import_all_s for run in runs.values())),
        max_sequences=min(run.engine_args.max_num_seqs for run in runs.values()),
        kv_cache_tokens=KV_CACHE_TOKENS,
    )


def fit_decode(steps: Sequence[Steps]) -> tuple[Floats, float]:
    """Fit step times at `WIDTHS` and seconds per token of context, by least relative squares.

    Steps near an arrival are left out. The table is fitted as a first value and rises that can't
    be negative, so it never falls with width.
    """
    width = np.concatenate([stage.width[stage.quiet] for stage in steps])
    context = np.concatenate([stage.context[stage.quiet] for stage in steps])
    seconds = np.concatenate(
        [
            np.where(stage.width > CLIENT_LIMITED_ABOVE, stage.client_s, stage.engine_s)[
                stage.quiet
            ]
            for stage in steps
        ]
    )
    columns = np.column_stack([_ramps(width), context / _CONTEXT_UNIT])
    weight = 1.0 / _typical(width, seconds)
    found, _ = nnls(columns * weight[:, None], seconds * weight)
    return np.cumsum(found[:-1]), float(found[-1] / _CONTEXT_UNIT)


def _ramps(width: Ints) -> Floats:
    """One column for the table's first value, and one for the rise to each further point."""
    rises = [np.clip((width - low) / (high - low), 0.0, 1.0) for low, high in pairwise(WIDTHS)]
    return np.column_stack([np.ones(len(width)), *rises])


def _typical(width: Ints, seconds: Floats) -> Floats:
    """Give each step the median of the steps between the same two points of the table."""
    between = np.searchsorted(WIDTHS, width)
    medians = np.ones(len(WIDTHS) + 1)
    for point in np.unique(between):
        medians[point] = np.median(seconds[between == point])
    return medians[between]


def fit_prefill(ttft: Sequence[Ttft], runs: Iterable[Run], stall_s: float) -> Prefill:
    """Fit the time to the first token: alone, by new tokens of the prompt, and within a burst.

    `stall_s` is the part of it in which nothing else decodes, at most the whole wait. Every
    situation (idle, beside 16 or 64 samples, slots refilled at 16 or 64) weighs the same.
    """
    stages = [run.stages for run in runs]
    new: list[float] = []
    seconds: list[float] = []
    weight: list[float] = []
    loads = sorted({one.load for one in ttft})
    for load in loads:
        kinds = sorted({(one.prompt_tokens, one.hit) for one in ttft if one.load == load})
        for tokens, hit in kinds:
            alike = [
                one.ttft_s
                for one in ttft
                if (one.load, one.prompt_tokens, one.hit) == (load, tokens, hit)
            ]
            new.append(_new_tokens(tokens, cached=hit))
            seconds.append(median(alike))
            weight.append(1.0 / len(kinds))
    for stage in (stage for one in stages for stage in one.stagger):
        later = stage.samples[stage.width :]  # the first ones came in a burst
        # The questions of the loads come again and again, so their prompts were cached.
        new.append(median(_new_tokens(one.prompt_tokens, cached=True) for one in later))
        seconds.append(median(one.t_first - one.t_submit for one in later))
        weight.append(1.0)
    root = np.sqrt(np.array(weight))
    columns = np.column_stack([np.ones(len(new)), np.array(new)])
    (base_s, s_per_token), _ = nnls(columns * root[:, None], np.array(seconds) * root)
    bursts = [stage for one in stages for stage in one.width if stage.width > 1]
    return Prefill(
        base_s=_rounded(base_s),
        s_per_token=_rounded(s_per_token),
        request_s=_rounded(_request_s(bursts, float(base_s))),
        stall_s=min(_rounded(stall_s), _rounded(base_s)),
    )


def _new_tokens(tokens: int, *, cached: bool) -> int:
    """Count the tokens of a prompt to compute; the last one always is."""
    return (tokens - 1) % BLOCK_TOKENS + 1 if cached else tokens


def _request_s(bursts: Sequence[Load], base_s: float) -> float:
    """Give the median, over bursts, of the seconds each request delays the last first token."""
    return median(
        max(max(one.t_first for one in burst.samples) - base_s, 0.0) / (burst.width - 1)
        for burst in bursts
    )


def fit_stop(aborts: Sequence[Abort]) -> float:
    """Give the mean seconds from a stop until the first step without the stopped began."""
    return fmean(
        max(one.first_light_step_after_abort_s - one.step_ms_after / 1e3, 0.0) for one in aborts
    )


def fit_stall(steps: Sequence[Steps]) -> float:
    """Fit the mean seconds by which an arrival holds up the samples that run.

    Read from the slots refilled one by one: what the steps near arrivals took beyond the quiet
    ones. 0 where no run has such a stage.
    """
    excess, arrivals = 0.0, 0
    for stage in steps:
        if "stagger" not in stage.stage:
            continue
        full = stage.width >= stage.width.max() - 1
        loud = full & ~stage.quiet
        quiet_s = stage.engine_s[full & stage.quiet].mean()
        excess += float((stage.engine_s[loud] - quiet_s).sum())
        arrivals += int(np.count_nonzero(stage.arrivals[loud]))
    return max(0.0, excess / arrivals) if arrivals else 0.0


def _rounded(value: float) -> float:
    """Keep four significant digits: more were never measured."""
    return float(f"{value:.{_SIGNIFICANT}g}")


def _description(runs: tuple[str, ...]) -> str:
    return (
        f"Measured on one H100 80GB (16 CPU cores) with vLLM 0.26.0 in one Python process, "
        f"bf16 from Q4_K_M weights, temperature 0.8, logprobs=20, {' and '.join(runs)}, "
        f"2026-11-24. Steps from the engine's time stamps by width and context, above width "
        f"{CLIENT_LIMITED_ABOVE} from the client's, which is the limit there; prefill and probe "
        f"from times to the first token, stalls from slots refilled one by one, stops from aborts. "
        f"The host drifts: the same step varies by about 8 % (1 sd) within seconds and 10 % "
        f"between stages, most at width 16 and below."
    )
