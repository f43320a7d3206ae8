"""Showing how far long work is, on stderr and never in the way of what follows."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from terminal.duration import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVERY_S = 10.0


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress with the time left: a bar on a terminal, else a line every ten seconds.

    Short work therefore writes nothing at all where nobody watches.

    Args:
        what: What is being done.
        total: How much there is to do, in any unit.

    Yields:
        What to call with how much has been done so far.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        yield _line_by_line(console, what, total)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    times = (TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _line_by_line(console: Console, what: str, total: int) -> Callable[[int], None]:
    started_s = said_s = monotonic()

    def report(done: int) -> None:
        nonlocal said_s
        now_s = monotonic()
        if now_s - said_s < _EVERY_S:
            return
        said_s = now_s
        left_s = (now_s - started_s) * (total - done) / max(done, 1)
        console.print(Text(f"{what}: {done / max(total, 1):.0%}, {spell(left_s)} left"))

    return report
