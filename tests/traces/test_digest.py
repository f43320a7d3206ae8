"""The digest is the content's, fixed for ever by format 1."""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest

from simulations.traces import read_trace, write_trace

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.traces import Header


def digest_of(path: Path, header: Header, tables: dict[str, Any]) -> str:
    """Write the tables and give the digest."""
    return write_trace(path, header, **tables).digest


def test_digest_of_the_small_trace_never_changes(
    tmp_path: Path, header: Header, tables: dict[str, Any]
) -> None:
    """A trace written today is recognised by every later version of this code."""
    assert digest_of(tmp_path / "t", header, tables) == (
        "0e81caa28b02278b18a3de67a35fa36033d68a8937d7418ff5c91d5b19f040eb"
    )


def slow_digest(model: str, tables: dict[str, Any]) -> str:
    """Compute the digest of sorted tables as its docstring says, in plain Python."""
    pieces = [b"adaptive-compute-scheduler trace 1", model.encode()]
    for name in sorted(tables):
        pieces.append(name.encode())
        for column in tables[name].iter_columns():
            values = column.to_list()
            pieces += [column.name.encode(), bytes(value is None for value in values)]
            if column.dtype == pl.String:
                texts = [(value or "").encode() for value in values]
                pieces.append(b"".join(struct.pack("<Q", len(text)) for text in texts))
                pieces.append(b"".join(texts))
            else:
                code = {pl.Int64: "<q", pl.Float64: "<d", pl.Boolean: "<B"}[type(column.dtype)]
                pieces.append(b"".join(struct.pack(code, value or 0) for value in values))
    return sha256(b"".join(struct.pack("<Q", len(p)) + p for p in pieces)).hexdigest()


def test_digest_is_the_documented_one(
    tmp_path: Path, header: Header, tables: dict[str, Any]
) -> None:
    """An implementation that shares no code gives the same digits."""
    assert digest_of(tmp_path / "t", header, tables) == slow_digest("Tiny-1B", tables)


@pytest.mark.parametrize("seed", range(5))
def test_row_and_column_order_do_not_matter(
    tmp_path: Path, header: Header, tables: dict[str, Any], seed: int
) -> None:
    """Shuffled rows and reversed columns give the same digest and the same frames."""
    shuffled = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed).select(frame.columns[::-1])
        for name, frame in tables.items()
    }
    straight = write_trace(tmp_path / "a", header, **tables)
    crooked = write_trace(tmp_path / "b", header, **shuffled)
    assert straight.digest == crooked.digest
    assert straight.samples.equals(crooked.samples)


def test_storage_does_not_matter(folder: Path) -> None:
    """Another compression, other row groups and other row orders leave the digest."""
    digest = read_trace(folder).digest
    for path in folder.glob("*.parquet"):
        pl.read_parquet(path).reverse().write_parquet(path, compression="gzip", row_group_size=1)
    assert read_trace(folder).digest == digest


def test_minus_zero_is_zero(tmp_path: Path, header: Header, tables: dict[str, Any]) -> None:
    """Numbers that are equal digest alike."""
    before = digest_of(tmp_path / "a", header, tables)
    negated = pl.when(pl.col("started_s") == 0).then(-0.0).otherwise("started_s")
    tables["samples"] = tables["samples"].with_columns(started_s=negated)
    assert digest_of(tmp_path / "b", header, tables) == before


def test_null_is_not_zero(tmp_path: Path, header: Header, tables: dict[str, Any]) -> None:
    """What is unknown is another content than a zero."""
    before = digest_of(tmp_path / "a", header, tables)
    tables["samples"] = tables["samples"].with_columns(pl.col("tail_entropy").fill_null(0.0))
    assert digest_of(tmp_path / "b", header, tables) != before


def test_letters_do_not_slide_between_rows(
    tmp_path: Path, header: Header, tables: dict[str, Any]
) -> None:
    """The same letters cut differently into answers are another content."""
    digests = set()
    for golds in (["ab", "c"], ["a", "bc"]):
        tables["questions"] = tables["questions"].with_columns(gold=pl.Series(golds))
        digests.add(digest_of(tmp_path / "a", header, tables))
    assert len(digests) == 2


def test_model_counts_and_the_rest_of_the_header_does_not(
    tmp_path: Path, header: Header, tables: dict[str, Any]
) -> None:
    """The digest covers who generated, not who wrote it down."""
    before = digest_of(tmp_path / "a", header, tables)
    renamed = msgspec.structs.replace(header, name="other", commit="abc", digest="stale")
    assert digest_of(tmp_path / "a", renamed, tables) == before
    other_model = msgspec.structs.replace(header, model="Tiny-2B")
    assert digest_of(tmp_path / "a", other_model, tables) != before


def test_segments_count(tmp_path: Path, header: Header, tables: dict[str, Any]) -> None:
    """A trace without its segments is another trace."""
    before = digest_of(tmp_path / "a", header, tables)
    del tables["segments"]
    assert digest_of(tmp_path / "a", header, tables) != before
