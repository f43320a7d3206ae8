"""Writing a trace: checked as when reading, in one order of rows, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from scheduler.latency import encode_profile
from simulations.traces.errors import TraceError, shown
from simulations.traces.folder import FILES, HEADER_FILE, PROFILE_FILE, Trace, assemble
from simulations.traces.header import Header, encode_header
from simulations.traces.schema import CHECKPOINTS, QUESTIONS, SAMPLES, SEGMENTS

if TYPE_CHECKING:
    from os import PathLike

    import polars as pl

    from scheduler.latency import LatencyProfile


def write_trace(
    path: str | PathLike[str],
    header: Header,
    samples: pl.DataFrame,
    checkpoints: pl.DataFrame,
    questions: pl.DataFrame,
    segments: pl.DataFrame | None = None,
    profile: LatencyProfile | None = None,
) -> Trace:
    """Check a trace and write its folder; a trace that is there already is replaced.

    Args:
        path: The folder; its parents are made.
        header: Its digest is filled in.
        samples: Columns as in `SAMPLES`, rows in any order; likewise the other tables.
        checkpoints: Columns as in `CHECKPOINTS`.
        questions: Columns as in `QUESTIONS`, and any `feature_<name>`.
        segments: Columns as in `SEGMENTS`; None: not logged.
        profile: How fast the engine was; None: not measured.

    Returns:
        The trace as `read_trace` would read it.

    Raises:
        TraceError: if the content is wrong, naming the file that would hold it, the row of the
            frame given (from 1), the column and the value; or if `path` holds anything else
            than a trace. Nothing is written then.
        OSError: if the disk refuses.
    """
    folder = Path(path)
    require_replaceable(folder)
    frames = {SAMPLES.name: samples, CHECKPOINTS.name: checkpoints, QUESTIONS.name: questions}
    if segments is not None:
        frames[SEGMENTS.name] = segments
    trace = assemble(folder, header, frames, profile)
    _write_files(trace, encode_header(trace.header, str(folder / HEADER_FILE)))
    return trace


def require_replaceable(folder: Path) -> None:
    """Refuse a target that holds anything but a trace; an empty folder or none is fine.

    Raises:
        TraceError: naming what is in the way.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise TraceError(f"{folder}: must be a folder to be replaced by a trace")
    found = sorted(folder.iterdir())
    for entry in found:
        if entry.name not in FILES or not entry.is_file():
            raise TraceError(
                f"{folder}: won't be replaced, for it holds {shown(entry.name)}, "
                "which is no part of a trace"
            )
    if found and folder / HEADER_FILE not in found:
        raise TraceError(f"{folder}: won't be replaced, for it holds no {HEADER_FILE}")


def _write_files(trace: Trace, header: bytes) -> None:
    """Write beside the target and rename, so that no reader ever meets half a trace."""
    target = trace.path.resolve()  # a link keeps pointing where it did
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.parent / f".{target.name}.{uuid4().hex}"
    fresh.mkdir()
    try:
        tables = {
            SAMPLES: trace.samples,
            CHECKPOINTS: trace.checkpoints,
            QUESTIONS: trace.questions,
            SEGMENTS: trace.segments,
        }
        for table, frame in tables.items():
            if frame is not None:
                frame.write_parquet(fresh / table.file, compression="zstd")
        (fresh / HEADER_FILE).write_bytes(header)
        if trace.profile is not None:
            (fresh / PROFILE_FILE).write_bytes(encode_profile(trace.profile))
        _swap(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _swap(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    old = fresh.with_name(f"{fresh.name}.old")
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old)
