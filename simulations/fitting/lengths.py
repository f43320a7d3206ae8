"""How long a model's samples become, and where it pays to cut them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import CensoredData, ecdf

from scheduler import FinishReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulations.pool import LoggedSample, Pool
    from simulations.sums import Floats

PROBES_A_UNIT = 12
"""Samples are probed about so often in the time of a median sample."""

_CUT_QUANTILES = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_BUDGET_SAMPLES = 16
_DRAWS = 40


def unit_tokens(pools: Sequence[Pool]) -> float:
    """Return the median length of all samples, those that were stopped taken as censored."""
    return float(_length_quantiles(pools, [0.5])[0])


def mean_tokens(pools: Sequence[Pool]) -> float:
    """Return the mean of the logged lengths."""
    return float(np.mean([sample.tokens for sample in _samples(pools)]))


def fewest_samples(pools: Sequence[Pool]) -> int:
    """Return how many samples every question has at least: what can be played."""
    return min(len(pool.samples_of(i)) for pool in pools for i in range(len(pool.questions)))


def probe_interval(pools: Sequence[Pool], unit: float) -> int:
    """Return tokens between probes: a twelfth of a unit, on the grid of what was logged."""
    gaps = Counter(
        after - before
        for sample in _samples(pools)
        for before, after in pairwise(c.tokens for c in sample.checkpoints if c.probed)
    )
    grid = gaps.most_common(1)[0][0] if gaps else 1
    return max(1, round(unit / PROBES_A_UNIT / grid)) * grid


def has_probes(pools: Sequence[Pool]) -> bool:
    """Whether any sample was probed."""
    return any(c.probed for sample in _samples(pools) for c in sample.checkpoints)


def has_entropy(pools: Sequence[Pool]) -> bool:
    """Whether entropies were logged."""
    return any(c.mean_entropy is not None for sample in _samples(pools) for c in sample.checkpoints)


def best_cut(pools: Sequence[Pool], luck: np.random.Generator) -> int:
    """Return the length past which a sample is better given up.

    For each candidate (quantiles of the length, and the longest), samples of a question are drawn
    until a budget of sixteen mean lengths is used, cut ones charged at the cut and without a
    vote; the candidate whose plurality is right most often is taken, the longer one among equals.

    Args:
        pools: One a model; each weighs the same.
        luck: For the draws.
    """
    lengths = [sample.tokens for sample in _samples(pools)]
    longest = max(lengths)
    candidates = [*_length_quantiles(pools, _CUT_QUANTILES).round().astype(int), longest]
    candidates = sorted({int(min(cut, longest)) for cut in candidates})
    budget = _BUDGET_SAMPLES * float(np.mean(lengths))
    right = np.zeros(len(candidates))
    for pool in pools:
        for index, question in enumerate(pool.questions):
            samples = pool.samples_of(index)
            tokens = np.array([sample.tokens for sample in samples])
            for _ in range(_DRAWS):
                order = luck.permutation(len(samples))
                for place, cut in enumerate(candidates):
                    spent = np.cumsum(np.minimum(tokens[order], cut))
                    drawn = order[: max(1, int(np.searchsorted(spent, budget)))]
                    votes = [samples[i].answer for i in drawn if tokens[i] <= cut]
                    right[place] += (_plurality(votes) == question.gold) / len(pool.questions)
    best: int = candidates[len(candidates) - 1 - int(np.argmax(right[::-1]))]
    return best


def _plurality(answers: Sequence[str | None]) -> str | None:
    counts = Counter(answer for answer in answers if answer is not None)
    return counts.most_common(1)[0][0] if counts else None


def _length_quantiles(pools: Sequence[Pool], shares: Sequence[float]) -> Floats:
    """Return lengths below which these shares of samples end (Kaplan and Meier, 1958)."""
    ended = [s.tokens for s in _samples(pools) if s.finish_reason is not FinishReason.STOPPED]
    stopped = [s.tokens for s in _samples(pools) if s.finish_reason is FinishReason.STOPPED]
    law = ecdf(CensoredData(uncensored=ended, right=stopped)).cdf
    places = np.searchsorted(law.probabilities, shares)
    quantiles: Floats = law.quantiles[np.minimum(places, len(law.quantiles) - 1)]
    return quantiles


def _samples(pools: Sequence[Pool]) -> Iterator[LoggedSample]:
    for pool in pools:
        for index in range(len(pool.questions)):
            yield from pool.samples_of(index)
