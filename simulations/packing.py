"""Pools on their way to a worker: packed once here, unpacked once there."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from simulations.pool import Pool

_UNPACKED = 8
"""Sets of pools that a worker keeps."""


@dataclass(frozen=True, slots=True)
class PackedPools:
    """Pools as bytes; equal where their names are.

    Attributes:
        name: What they were made of: digests of traces, and the model where it is but one.
        raw: The pools in MessagePack, compressed.
    """

    name: str
    raw: bytes = field(compare=False, repr=False)


def pack(name: str, pools: list[Pool]) -> PackedPools:
    """Pack pools under a name that no others have."""
    return PackedPools(name, zlib.compress(msgspec.msgpack.encode(pools), 1))


@lru_cache(maxsize=_UNPACKED)
def unpack(packed: PackedPools) -> list[Pool]:
    """Return the pools; a process unpacks the same ones once."""
    return msgspec.msgpack.decode(zlib.decompress(packed.raw), type=list[Pool])
