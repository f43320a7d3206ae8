"""Making a trace from JSON lines, one sample a line, plain or gzip."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from simulations.traces.errors import TraceError
from simulations.traces.header import Header
from simulations.traces.jsonl_line import sample_decoder
from simulations.traces.jsonl_rows import Rows
from simulations.traces.lines import read_lines
from simulations.traces.schema import CHECKPOINTS, QUESTIONS, SAMPLES
from simulations.traces.typed_json import decode_typed
from simulations.traces.write import require_replaceable, write_trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from simulations.traces.folder import Trace

_SUFFIXES = re.compile(r"(\.(jsonl|ndjson|json|gz))+$")


def import_jsonl(
    src: str | PathLike[str],
    dst: str | PathLike[str],
    model: str | None = None,
    *,
    progress: Callable[[int], object] | None = None,
) -> Trace:
    """Make a trace of a file that has one sample a line.

    Args:
        src: The file; its fields are those of `SampleRecord`. Whether it is gzip is seen from
            its first bytes. Blank lines are passed over.
        dst: The trace's folder; a trace that is there already is replaced.
        model: The model that generated; by default the file's name without `.jsonl.gz`.
        progress: Called now and then with the number of bytes of `src` read so far.

    Returns:
        The trace as written.

    Raises:
        TraceError: `<src> line <n>, field <name>: <what is wrong>, got <value>`. Nothing is
            written then.
        OSError: if the disk refuses.
    """
    source = Path(src)
    require_replaceable(Path(dst))
    rows = Rows()
    for number, line in read_lines(source, progress):
        if line.strip():
            where = f"{source} line {number}"
            rows.add(decode_typed(line.rstrip(), sample_decoder, where), where, number)
    if not rows.samples["sample"]:
        raise TraceError(f"{source}: must have at least one sample, got none")
    name = _SUFFIXES.sub("", source.name) or source.name
    header = Header(
        name=name,
        model=name if model is None else model,
        source=source.name,
        created_by="simulations.traces import",
    )
    return write_trace(
        dst,
        header,
        SAMPLES.frame(rows.samples),
        CHECKPOINTS.frame(rows.checkpoints),
        QUESTIONS.frame(rows.questions()),
    )
