"""From vLLM's flat log-probabilities to one array, without an object for each number.

vLLM's `FlatLogprobs` holds all positions in one list; position i lies in
`logprobs[start_indices[i]:end_indices[i]]`. The sampler puts the token that was drawn first and
the k likeliest after it, best first, so a position has k + 1 entries and the drawn token may be
there twice. Where the reader lagged and vLLM joined two outputs, positions passed through a dict
by token on the way: a drawn token among the k likeliest is there once, in front, and the position
has k entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class FlatLogprobs(Protocol):
    """What is read of vLLM's class of this name."""

    start_indices: list[int]
    end_indices: list[int]
    logprobs: list[float]


def likeliest(flat: FlatLogprobs, count: int) -> NDArray[np.float32]:
    """Return the `count` highest at each position, best first; shape (positions, count)."""
    rows = np.empty((len(flat.start_indices), count), dtype=np.float32)
    spans = zip(flat.start_indices, flat.end_indices, strict=True)
    for row, (start, end) in zip(rows, spans, strict=True):
        if end - start > count:
            row[:] = flat.logprobs[start + 1 : end]
        else:
            row[:] = sorted(flat.logprobs[start:end], reverse=True)
    return rows
