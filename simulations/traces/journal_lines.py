"""The lines of a journal's file, the header first, each with its place for errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from scheduler import CallerError, JournalHeader, decode_line
from simulations.traces.errors import TraceError, shown
from simulations.traces.lines import read_lines
from simulations.traces.typed_json import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scheduler import JournalLine


def journal_lines(
    path: Path, notes: list[str], progress: Callable[[int], object] | None = None
) -> Iterator[tuple[str, JournalLine]]:
    """Read a journal, plain or gzip; the first line is its only header.

    Args:
        path: The file.
        notes: Where it is said that an unfinished last line, as a kill leaves it, was left out.
        progress: Called now and then with the number of bytes read so far.

    Yields:
        Where a line stands, for errors, and the line.

    Raises:
        TraceError: one line that names the file, and the line where there is one.
    """
    begun = False
    for number, raw in read_lines(path, progress):
        where = f"{path} line {number}"
        if not raw.endswith(b"\n"):
            notes.append(f"{where}: is unfinished, left out")
            break
        line = _decode(raw.removesuffix(b"\n"), where)
        if begun == isinstance(line, JournalHeader):
            rule = "must be no second header" if begun else "must be the header"
            raise TraceError(f"{where}: {rule}, got {shown(raw.decode())}")
        begun = True
        yield where, line
    if not begun:
        raise TraceError(f"{path}: must begin with a journal's header, is empty")


def _decode(raw: bytes, where: str) -> JournalLine:
    try:
        return decode_line(raw)
    except CallerError as error:
        cause = error.__cause__
        if isinstance(cause, msgspec.ValidationError) and str(cause).startswith("Expected"):
            raise TraceError(where + explain(cause, raw)) from None
        raise TraceError(f"{where}: {error}") from None
