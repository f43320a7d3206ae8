"""Every draw is addressed: (seed, stream, purpose, question), never a position in a sequence.

So two policies compared on one seed meet the same samples in the same order, adding a question
changes nothing for the others, and a run is the same in any number of processes.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b

import numpy as np


class Purpose(IntEnum):
    """What a generator is drawn for."""

    ORDER = 1
    SAMPLES = 2
    BOOTSTRAP = 3


def generator(seed: int, stream: int, purpose: Purpose, address: int = 0) -> np.random.Generator:
    """Return the generator of one address (Philox, a counter-based generator).

    Args:
        seed: Seed of the run, 0 … 2⁶⁴ − 1.
        stream: Number of the stream.
        purpose: What is drawn.
        address: What it is drawn for, 64 bits (`address_of`).
    """
    key = np.array([seed, stream], dtype=np.uint64)
    counter = np.array([0, 0, purpose, address], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def address_of(*names: str) -> int:
    """Return 64 bits that stand for a name, the same on every machine."""
    digest = blake2b(digest_size=8)
    for name in names:
        raw = name.encode()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return int.from_bytes(digest.digest(), "little")
