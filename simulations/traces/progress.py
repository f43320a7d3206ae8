"""Showing how far a long import is, on stderr and never in the way of what follows."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_EVERY_S = 10.0


@contextmanager
def file_progress(source: Path) -> Iterator[Callable[[int], None]]:
    """Show the progress through a file: a bar on a terminal, else a line every ten seconds.

    A short import therefore writes nothing at all.

    Yields:
        What to call with the number of bytes read so far.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    total = source.stat().st_size if source.is_file() else 0
    if not console.is_terminal:
        yield _line_by_line(console, source, total)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    times = (TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=console, transient=True) as bar:
        task = bar.add_task(f"importing {source.name}", total=total)
        yield lambda done: bar.update(task, completed=done)


def _line_by_line(console: Console, source: Path, total: int) -> Callable[[int], None]:
    started_s = said_s = monotonic()

    def report(done: int) -> None:
        nonlocal said_s
        now_s = monotonic()
        if now_s - said_s < _EVERY_S:
            return
        said_s = now_s
        left_s = (now_s - started_s) * (total - done) / max(done, 1)
        text = f"importing {source.name}: {done / max(total, 1):.0%}, {left_s:.0f} s left"
        console.print(Text(text))

    return report
