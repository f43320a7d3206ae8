"""What a report is made of: a journal, or the results of a replay; told apart by their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler import CallerError
from simulations.results import Results, decode_results
from simulations.runs import Run, read_run
from simulations.traces.lines import read_lines
from terminal.progress import progress

if TYPE_CHECKING:
    from pathlib import Path


def read_source(path: Path) -> Run | Results:
    """Read a journal or results.

    Raises:
        ValueError: one line that names the file and what is wrong with it.
    """
    first = next((line for _, line in read_lines(path)), b"")
    if not first.strip():
        raise CallerError(f"{path}: is neither a journal nor results of a replay, but empty")
    if _kind(first) is not None:
        size = path.stat().st_size
        with progress(f"reading {path.name}", size) as report:
            return read_run(path, report)
    try:
        return decode_results(path.read_bytes())
    except CallerError as error:
        raise CallerError(
            f"{path}: is neither a journal (no line of one comes first) nor results of a replay "
            f"({error})"
        ) from error


def _kind(line: bytes) -> str | None:
    """Return what kind of a journal's line this is; None if of none."""
    try:
        return msgspec.json.decode(line, type=_Kind).kind
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class _Kind(msgspec.Struct):
    kind: str
