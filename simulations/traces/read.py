"""Reading a trace, strictly: what is not exactly a trace of a known format is refused."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from scheduler.errors import CallerError
from scheduler.latency import LatencyProfile, decode_profile
from simulations.traces.errors import TraceError, shown
from simulations.traces.folder import HEADER_FILE, PROFILE_FILE, Trace, assemble
from simulations.traces.header import decode_header
from simulations.traces.schema import SEGMENTS, TABLES

if TYPE_CHECKING:
    from os import PathLike


def read_trace(path: str | PathLike[str]) -> Trace:
    """Read and check a trace's folder.

    Raises:
        TraceError: one line that names the file and, where they apply, the row (from 1), the
            column and the value; for example `…/samples.parquet row 17, column tokens: must be
            at least 0, got -3`.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise TraceError(f"{folder}: must be a trace's folder, and is none")
    header_path = folder / HEADER_FILE
    header = decode_header(_bytes(header_path), str(header_path))
    frames = {
        table.name: _frame(folder / table.file)
        for table in TABLES
        if table is not SEGMENTS or (folder / table.file).exists()
    }
    profile_path = folder / PROFILE_FILE
    profile = read_profile_file(profile_path) if profile_path.exists() else None
    trace = assemble(folder, header, frames, profile)
    if header.digest != trace.digest:
        raise TraceError(
            f"{header_path}, field digest: must be {trace.digest} as the content's, "
            f"got {shown(header.digest)}"
        )
    return trace


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TraceError(f"{path}: is missing") from None
    except OSError as error:
        raise TraceError(f"{path}: cannot be read: {error.strerror}") from error


def _frame(path: Path) -> pl.DataFrame:
    raw = _bytes(path)
    try:
        # From memory, because polars would take `*`, `[` and `=` in a path for patterns.
        return pl.read_parquet(BytesIO(raw))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = " ".join(str(error).split())
        raise TraceError(f"{path}: is no whole parquet file: {reason}") from error


def read_profile_file(path: Path) -> LatencyProfile:
    """Read a latency profile.

    Raises:
        TraceError: naming the file and what is wrong.
    """
    try:
        return decode_profile(_bytes(path))
    except CallerError as error:
        raise TraceError(f"{path}: {error}") from error
