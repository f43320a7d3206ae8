"""Signals of a sample's certainty, from the log-probabilities of the likeliest next tokens.

An engine shows the k likeliest of some 150,000 tokens. Their share of the entropy is exact, that
of the rest is modelled from its mass and the k-th probability; no size of a vocabulary is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy import float32, float64
    from numpy.typing import NDArray

WINDOW = 128
"""Tokens that tail entropy and confidence look back on."""

_SLACK = 0.01
"""Rounding that is forgiven: a log-probability above 0, a sum of probabilities above 1."""

_TINY = 1e-100
"""Stands for a probability of 0, so that a ratio of two stays finite."""

_PENDING = 1024
"""Batches that are kept unread at most, so that a sample nobody looks at stays small."""


def token_entropy(logprobs: NDArray[float32]) -> NDArray[float64]:
    """Estimate the entropy of each next token over the whole vocabulary, in nats.

    The k likeliest give −Σ p ln p exactly. The rest of the mass, r, gives about r·(−ln p_k +
    (1 + x)·ln(1 + 1/x) + ln(1 + x/k)) with x = r/p_k. Up to the last term that is a geometric
    tail which sets in at p_k and sums to r; the last term is what heavier tails have on top.
    No tail can give less than −r·ln min(p_k, r), and this one doesn't. Where nothing is left it
    adds 0. On Gemma 3 270M, means over 128 tokens correlate with the exact ones at 0.998 (prose)
    and above 0.999 (its own text) for k = 5; those of the exact part alone at 0.76 and 0.95.

    Args:
        logprobs: Natural logarithms before temperature, best first; shape (tokens, k).

    Returns:
        Shape (tokens,); NaN where a row is no part of a distribution.
    """
    logs = _known(logprobs)
    if not logs.shape[1]:
        return np.full(len(logs), np.nan)
    shares = np.exp(logs)
    rest = np.maximum(1.0 - shares.sum(axis=1), _TINY)
    last = logs.min(axis=1)
    ratio = np.maximum(rest / np.maximum(np.exp(last), _TINY), _TINY)
    spread = (1.0 + ratio) * np.log1p(1.0 / ratio) + np.log1p(ratio / logs.shape[1])
    entropy: NDArray[float64] = rest * (spread - last) - (shares * logs).sum(axis=1)
    return entropy


def token_confidence(logprobs: NDArray[float32]) -> NDArray[float64]:
    """Compute DeepConf's token confidence: −mean of the k likeliest log-probabilities.

    Fu et al. 2025, arXiv 2508.15260. Higher is surer; it depends on k.

    Args:
        logprobs: Natural logarithms before temperature, best first; shape (tokens, k).

    Returns:
        Shape (tokens,); NaN where a row is no part of a distribution.
    """
    logs = _known(logprobs)
    if not logs.shape[1]:
        return np.full(len(logs), np.nan)
    confidence: NDArray[float64] = -logs.mean(axis=1)
    return confidence


def score_features(logprobs: Sequence[float], window: int = 16) -> dict[str, float]:
    """Say how surprising a prompt was; what is unknown has no entry.

    Args:
        logprobs: Log-probability (nats) of each prompt token but the first. What is no
            log-probability is left out as if the token weren't there.
        window: Tokens that `prompt_logprob_worst` averages over.

    Returns:
        `prompt_tokens`; `prompt_logprob_mean`; `prompt_logprob_worst`, the lowest mean over any
        `window` consecutive tokens, or over all where they are fewer.
    """
    features = {"prompt_tokens": float(len(logprobs) + 1)}
    values = np.asarray(logprobs, dtype=np.float64)
    values = values[np.isfinite(values) & (values <= _SLACK)]
    if len(values):
        width = min(window, len(values))
        means = np.lib.stride_tricks.sliding_window_view(values, width).mean(axis=1)
        features["prompt_logprob_mean"] = float(values.mean())
        features["prompt_logprob_worst"] = float(means.min())
    return features


class SignalWindow:
    """The signals of one sample, from its log-probabilities as they come.

    Adding only keeps the array; the arithmetic is done when a signal is read, over all that came
    since. So tokens may come one by one, thousands a second, and reading is what costs. Figures
    don't depend on how the tokens were cut into batches, and memory doesn't grow.
    """

    __slots__ = ("_confidences", "_entropies", "_entropy_sum", "_known", "_pending", "_tokens")

    def __init__(self) -> None:
        self._pending: list[NDArray[float32]] = []
        self._tokens = 0
        self._known = 0
        self._entropy_sum = 0.0
        self._entropies = np.empty(0)
        self._confidences = np.empty(0)

    def add(self, logprobs: NDArray[float32]) -> None:
        """Take the log-probabilities of the next tokens; shape (new tokens, k), best first.

        k is the same in every call. The array is not copied: it must not change any more.
        """
        self._pending.append(logprobs)
        if len(self._pending) >= _PENDING:
            self._fold()

    @property
    def tokens(self) -> int:
        """Tokens so far, known or not."""
        self._fold()
        return self._tokens

    @property
    def mean_entropy(self) -> float | None:
        """Mean token entropy so far, in nats; None if unknown."""
        self._fold()
        return self._entropy_sum / self._known if self._known else None

    @property
    def tail_entropy(self) -> float | None:
        """Mean token entropy of the last 128 tokens, in nats; None if unknown."""
        self._fold()
        return _mean_of_known(self._entropies)

    @property
    def confidence(self) -> float | None:
        """DeepConf's token confidence over the last 128 tokens; None if unknown."""
        self._fold()
        return _mean_of_known(self._confidences)

    def _fold(self) -> None:
        """Work through what has come since the last time."""
        if not self._pending:
            return
        logprobs = np.concatenate(self._pending)
        self._pending.clear()
        entropies = token_entropy(logprobs)
        self._tokens += len(entropies)
        self._entropies = np.concatenate((self._entropies, entropies))[-WINDOW:]
        confidences = token_confidence(logprobs[-WINDOW:])
        self._confidences = np.concatenate((self._confidences, confidences))[-WINDOW:]
        known = entropies[~np.isnan(entropies)]
        self._known += len(known)
        # One after another, not pairwise: so the sum is the same for any cut into batches.
        self._entropy_sum = float(np.cumsum(np.append(self._entropy_sum, known))[-1])


def _known(logprobs: NDArray[float32]) -> NDArray[float64]:
    """Set rows to NaN that are no part of a distribution, and undo rounding above 0."""
    logs = np.minimum(np.asarray(logprobs, dtype=np.float64), 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        top = np.max(logprobs, axis=1, initial=-np.inf)
        sums = np.exp(logs).sum(axis=1)
        good = np.isfinite(logprobs).all(axis=1) & (top <= _SLACK) & (sums <= 1.0 + _SLACK)
    return np.where(good[:, None], logs, np.nan)


def _mean_of_known(values: NDArray[float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
