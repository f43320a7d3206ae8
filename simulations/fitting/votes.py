"""What a running sample's latest answer should count beside a finished vote."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from policies.pricing import Vote
from simulations.fitting.recording import record
from simulations.fitting.values import weights_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from policies.pricing import Parameters
    from scheduler import LatencyProfile
    from simulations.pool import Pool

CANDIDATES = (
    Vote(),
    Vote(first=0.0, fresh=0.01, steady=0.03),
    Vote(first=0.01, fresh=0.01, steady=0.01),
    Vote(first=0.02, fresh=0.2, steady=0.6),
    Vote(first=0.1, fresh=0.3, steady=1.0),
)
"""Weights to choose among; the first is kept unless another is clearly better."""

CLEARLY = 0.003
"""Accuracy by which another must be better."""

_DRAWS = 2
_LATEST_UNITS = 1.5  # later on finished votes decide


def plays_of(pools: Sequence[Pool]) -> int:
    """Return how often a question is played to find the weights."""
    return len(CANDIDATES) * _DRAWS * sum(len(pool.questions) for pool in pools)


def _after(done: int, advance: Callable[[int], None], questions: int) -> None:
    advance(done + _DRAWS * questions)


def best_vote(
    pools: Sequence[Pool],
    parameters: Parameters,
    profile: LatencyProfile,
    *,
    width: int,
    seed: int,
    jobs: int,
    advance: Callable[[int], None],
) -> Vote:
    """Return the weights under which the leader is right most often while samples still run.

    Each candidate plays the same draws; all decisions of the first one and a half units count
    the same, and so does each model.

    Args:
        pools: One a model.
        parameters: Everything but the vote.
        profile: What things cost.
        width: Samples at once.
        seed: Of the draws.
        jobs: Processes.
        advance: Told how many of `plays_of(pools)` are done.
    """
    rates = []
    each = plays_of(pools) // len(CANDIDATES)
    for place, vote in enumerate(CANDIDATES):
        runs = record(
            pools,
            replace(parameters, vote=vote),
            profile,
            name=" ".join(parameters.traces),
            width=width,
            draws=_DRAWS,
            seed=seed,
            jobs=jobs,
            advance=partial(_after, place * each, advance),
        )
        early = [run.right[run.units <= _LATEST_UNITS] for run in runs]
        seen = [
            (run.model, right.mean()) for run, right in zip(runs, early, strict=True) if len(right)
        ]
        weight = weights_of([model for model, _ in seen])
        rates.append(float(weight @ np.array([rate for _, rate in seen])))
    best = int(np.argmax(rates))
    return CANDIDATES[best] if rates[best] > rates[0] + CLEARLY else CANDIDATES[0]
