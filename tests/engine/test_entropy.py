"""Signals from log-probabilities: estimates against exact entropies, and windows over tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.entropy import WINDOW, SignalWindow, score_features, token_confidence, token_entropy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNKNOWN = [
    [math.nan, -1.0],
    [-0.5, -math.inf],
    [math.inf, -1.0],
    [3.0, -1.0],
    [-0.1, -0.1],  # probabilities that sum to 1.8
]


def _distributions(rng: np.random.Generator, rows: int, vocabulary: int) -> NDArray[np.float64]:
    """Softmaxes of normal logits at many temperatures, likeliest first; float64 logarithms."""
    logits = rng.normal(size=(rows, vocabulary)) * rng.uniform(0.5, 6.0, size=(rows, 1))
    logits = -np.sort(-logits, axis=1)
    logits -= logits[:, :1]
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _rows(seed: int, tokens: int, k: int) -> NDArray[np.float32]:
    """Log-probabilities as an engine gives them, about one row in six of them garbage."""
    rng = np.random.default_rng(seed)
    rows = _distributions(rng, tokens, 200)[:, :k].astype(np.float32)
    rows[rng.random(tokens) < 1 / 6, rng.integers(k)] = rng.choice([np.nan, -np.inf, 5.0])
    return rows


@given(seed=st.integers(0, 2**32), vocabulary=st.integers(1, 60))
def test_entropy_is_exact_when_every_token_is_shown(seed: int, vocabulary: int) -> None:
    """With k = the vocabulary no tail is left to guess."""
    logs = _distributions(np.random.default_rng(seed), 5, vocabulary)
    exact = -(np.exp(logs) * logs).sum(axis=1)
    assert token_entropy(logs.astype(np.float32)) == pytest.approx(exact, abs=1e-4)


@given(seed=st.integers(0, 2**32), k=st.integers(1, 20))
def test_entropy_keeps_above_what_no_tail_can_undercut(seed: int, k: int) -> None:
    """The rest of the mass has at least −r·ln min(p_k, r), and the estimate knows it."""
    logs = _distributions(np.random.default_rng(seed), 20, 500)[:, :k]
    shares = np.exp(logs)
    rest = 1 - shares.sum(axis=1)
    least = -(shares * logs).sum(axis=1) - rest * np.log(np.minimum(shares[:, -1], rest))
    assert np.all(token_entropy(logs.astype(np.float32)) >= least - 1e-5)


@pytest.mark.parametrize(
    ("k", "off", "correlation"), [(1, 0.5, 0.90), (5, 0.2, 0.98), (20, 0.1, 0.99)]
)
def test_entropy_is_close_for_distributions_like_a_models(
    k: int, off: float, correlation: float
) -> None:
    """Zipf's law with many exponents, over 20,000 tokens: more of the likeliest, nearer."""
    rng = np.random.default_rng(1)
    exponents = rng.uniform(1.3, 3.5, size=(400, 1))
    logs = -exponents * np.log(np.arange(1, 20_001))
    logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
    exact = -(np.exp(logs) * logs).sum(axis=1)
    estimate = token_entropy(logs[:, :k].astype(np.float32))
    assert abs(np.mean(estimate - exact)) < off
    assert np.corrcoef(estimate, exact)[0, 1] > correlation


def test_entropy_of_a_sure_token_is_zero() -> None:
    """A token that takes everything leaves nothing to be unsure of."""
    sure = np.array([[0.0, -60.0, -200.0]], dtype=np.float32)
    assert token_entropy(sure) == pytest.approx([0.0], abs=1e-12)


def test_confidence_is_minus_the_mean_log_probability() -> None:
    """DeepConf's definition, by hand for two tokens."""
    rows = np.array([[-0.5, -1.5], [-0.1, -4.1]], dtype=np.float32)
    assert token_confidence(rows) == pytest.approx([1.0, 2.1], abs=1e-6)


@pytest.mark.parametrize("row", _UNKNOWN)
def test_garbage_is_unknown_and_harms_no_neighbour(row: list[float]) -> None:
    """A row that is no part of a distribution gives NaN, the row beside it its figure."""
    rows = np.array([row, [-0.5, -2.0]], dtype=np.float32)
    for measure in (token_entropy, token_confidence):
        values = measure(rows)
        assert np.isnan(values[0])
        assert values[1] == measure(rows[1:])[0]


def test_no_log_probabilities_are_unknown() -> None:
    """An engine that shows none of them gives nothing to measure."""
    nothing = np.empty((3, 0), dtype=np.float32)
    assert np.isnan(token_entropy(nothing)).all()
    assert np.isnan(token_confidence(nothing)).all()


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    k=st.sampled_from([1, 5, 20]),
    sizes=st.lists(st.integers(0, 200), max_size=8),
    reads=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_signals_do_not_depend_on_batches(
    seed: int, k: int, sizes: list[int], reads: list[bool]
) -> None:
    """One by one, in batches read in between, or all at once: the figures are the same."""
    rows = _rows(seed, sum(sizes), k)
    windows = [SignalWindow() for _ in range(3)]
    windows[0].add(rows)
    for row in rows:
        windows[1].add(row[None])
    for size, end, read in zip(sizes, np.cumsum(sizes), reads, strict=False):
        windows[2].add(rows[end - size : end])
        if read:
            assert windows[2].tokens == end
    for one in windows[1:]:
        assert one.tokens == windows[0].tokens
        for figure in ("mean_entropy", "tail_entropy", "confidence"):
            wanted = getattr(windows[0], figure)
            wanted = None if wanted is None else pytest.approx(wanted, rel=1e-12)
            assert getattr(one, figure) == wanted


@given(seed=st.integers(0, 2**32), tokens=st.integers(1, 400))
def test_windows_look_back_on_the_last_128_tokens(seed: int, tokens: int) -> None:
    """Mean over all, tails over the last 128; unknown tokens take a place but never count."""
    rows = _rows(seed, tokens, 5)
    window = SignalWindow()
    window.add(rows)
    entropies, confidences = token_entropy(rows), token_confidence(rows)
    wanted = (entropies, entropies[-WINDOW:], confidences[-WINDOW:])
    got = (window.mean_entropy, window.tail_entropy, window.confidence)
    assert window.tokens == tokens
    for values, figure in zip(wanted, got, strict=True):
        known = values[~np.isnan(values)]
        assert figure == (pytest.approx(known.mean(), rel=1e-12) if len(known) else None)


def test_nothing_known_is_none() -> None:
    """Before the first token, and where all were garbage, there is no figure."""
    window = SignalWindow()
    assert (window.tokens, window.mean_entropy) == (0, None)
    window.add(np.full((2, 5), np.nan, dtype=np.float32))
    assert window.tokens == 2
    assert (window.mean_entropy, window.tail_entropy, window.confidence) == (None, None, None)


def test_an_unread_window_does_not_grow() -> None:
    """Ten thousand tokens that nobody asks about are worked through on the way."""
    window = SignalWindow()
    row = np.array([[-0.5, -2.0]], dtype=np.float32)
    for _ in range(10_000):
        window.add(row)
    assert len(window._pending) < 2_000
    assert len(window._entropies) == len(window._confidences) == WINDOW
    assert window.tokens == 10_000


def test_prompt_features_find_the_worst_stretch() -> None:
    """The worst 16 tokens in a row count, not the worst token."""
    logprobs = [-1.0] * 40 + [-3.0] * 16 + [-1.0] * 40
    features = score_features(logprobs)
    assert features["prompt_tokens"] == 97
    assert features["prompt_logprob_mean"] == pytest.approx(-128 / 96)
    assert features["prompt_logprob_worst"] == pytest.approx(-3.0)


def test_prompt_features_of_a_short_prompt_average_over_all() -> None:
    """With fewer tokens than the window there is one stretch: all of them."""
    features = score_features([-1.0, -2.0])
    assert features["prompt_logprob_worst"] == features["prompt_logprob_mean"] == -1.5


@pytest.mark.parametrize("bad", [math.nan, -math.inf, math.inf, 2.0])
def test_prompt_features_leave_garbage_out(bad: float) -> None:
    """What is no log-probability is passed over; with nothing left only the count remains."""
    assert score_features([-1.0, bad, -2.0]) == {**score_features([-1.0, -2.0]), "prompt_tokens": 4}
    assert score_features([bad]) == {"prompt_tokens": 2.0}
    assert score_features([]) == {"prompt_tokens": 1.0}
