"""A checked trace in memory, and the names of the files it is kept in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from simulations.traces.checks import check_links, check_table
from simulations.traces.digest import content_digest
from simulations.traces.schema import CHECKPOINTS, QUESTIONS, SAMPLES, SEGMENTS, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import polars as pl

    from scheduler.latency import LatencyProfile
    from simulations.traces.header import Header

HEADER_FILE = "header.json"
PROFILE_FILE = "profile.json"
FILES = frozenset({HEADER_FILE, PROFILE_FILE, *(table.file for table in TABLES)})
"""Every file a trace's folder may hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Logged generations that have passed every check, rows in canonical order.

    Attributes:
        path: The folder.
        header: What the trace says about itself.
        samples: A row a sample, columns as in `SAMPLES`.
        checkpoints: A row a checkpoint, columns as in `CHECKPOINTS`; may have no rows.
        questions: A row a question, columns as in `QUESTIONS`, then its features by name.
        segments: A row a segment, columns as in `SEGMENTS`; None: not logged.
        profile: How fast the engine was; None: not measured.
    """

    path: Path
    header: Header
    samples: pl.DataFrame
    checkpoints: pl.DataFrame
    questions: pl.DataFrame
    segments: pl.DataFrame | None = None
    profile: LatencyProfile | None = None

    @property
    def name(self) -> str:
        """A word for tables."""
        return self.header.name

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the tables' content and the model's name."""
        return self.header.digest


def assemble(
    path: Path,
    header: Header,
    frames: Mapping[str, pl.DataFrame],
    profile: LatencyProfile | None,
) -> Trace:
    """Check the tables, sort them and put their digest into the header.

    Args:
        path: The folder, also for errors.
        header: Its digest is replaced.
        frames: Table name to its rows, in any order.
        profile: The latency profile, if there is one.

    Raises:
        TraceError: naming the file, the first bad row (from 1), its column and value.
    """
    canonical = {}
    for table in TABLES:
        if table.name in frames:
            check_table(table, frames[table.name], str(path / table.file))
            canonical[table.name] = table.canonical(frames[table.name])
    check_links(frames, path)
    digest = content_digest(header.model, canonical)
    return Trace(
        path=path,
        header=msgspec.structs.replace(header, digest=digest),
        samples=canonical[SAMPLES.name],
        checkpoints=canonical[CHECKPOINTS.name],
        questions=canonical[QUESTIONS.name],
        segments=canonical.get(SEGMENTS.name),
        profile=profile,
    )
