"""The digest of a trace: SHA-256 of what it says, whoever wrote it and however it is stored."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FLAVOUR = b"adaptive-compute-scheduler trace 1"
_NUMBERS: dict[pl.DataType, str] = {pl.Int64(): "<i8", pl.Float64(): "<f8", pl.Boolean(): "u1"}


def content_digest(model: str, frames: Mapping[str, pl.DataFrame]) -> str:
    """Digest the model's name and all values.

    Fixed for ever by format 1: every piece is preceded by its length, a column is its name, its
    nulls (a byte a row) and its values (little-endian, null as 0), and strings are their lengths
    and then their UTF-8. So the digest knows no polars version, compression or float formatting.

    Args:
        model: The model's name.
        frames: Table name to its rows, in the canonical order of `Table.canonical`.

    Returns:
        64 hexadecimal digits.
    """
    digest = sha256()
    for piece in _pieces(model, frames):
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()


def _pieces(model: str, frames: Mapping[str, pl.DataFrame]) -> Iterator[bytes]:
    yield _FLAVOUR
    yield model.encode()
    for name, frame in sorted(frames.items()):
        yield name.encode()
        for column in frame.iter_columns():
            yield column.name.encode()
            yield column.is_null().to_numpy().astype("u1").tobytes()
            yield from _values(column)


def _values(column: pl.Series) -> Iterator[bytes]:
    if column.dtype == pl.String:
        texts = column.fill_null("")
        yield texts.str.len_bytes().to_numpy().astype("<u8").tobytes()
        yield "".join(texts.to_list()).encode()
        return
    numbers = column.fill_null(value=False) if column.dtype == pl.Boolean else column.fill_null(0)
    # Adding 0 makes -0.0 into 0.0: they are equal, so they must digest alike.
    yield (numbers.to_numpy().astype(_NUMBERS[column.dtype]) + 0).tobytes()
