"""The lines of a file, plain or gzip."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from simulations.traces.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_LINES_PER_REPORT = 256


def read_lines(
    source: Path, progress: Callable[[int], object] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Read the lines, their ends included, with their numbers from 1.

    Args:
        source: The file; whether it is gzip is seen from its first bytes.
        progress: Called now and then with the number of bytes of `source` read so far.

    Raises:
        TraceError: `<source> line <n>: …` where gzip breaks off, or if it cannot be read.
    """
    number = 0
    try:
        with source.open("rb") as raw:
            packed = raw.peek(2).startswith(_GZIP_MAGIC)
            for line in gzip.GzipFile(fileobj=raw) if packed else raw:
                number += 1
                yield number, line
                if progress is not None and number % _LINES_PER_REPORT == 0:
                    progress(raw.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TraceError(
            f"{source} line {number + 1}: gzip is broken off or bad: {error}"
        ) from error
    except OSError as error:
        raise TraceError(f"{source}: cannot be read: {error.strerror}") from error
