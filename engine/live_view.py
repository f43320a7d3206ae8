"""What a terminal shows of a live stream; without a terminal, a line a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rich.console import RenderableType

    from engine.answer import Answer
    from engine.runner import Runner

_SHOWN = 5
"""Answers of the tally that are shown."""


class LiveView:
    """Shows the budget, the votes and the running samples four times a second.

    Args:
        runner: Whose stream is shown.
        clock: Seconds since the stream began.
        total: Questions of the stream.
    """

    def __init__(self, runner: Runner, clock: Callable[[], float], *, total: int) -> None:
        self._runner = runner
        self._clock = clock
        self._total = total
        self._done = 0
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None

    async def __aenter__(self) -> Self:
        """Begin to show."""
        if self._console.is_terminal:
            self._live = Live(console=self._console, get_renderable=self._picture, transient=True)
            self._live.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        if self._live is not None:
            self._live.stop()

    def answered(self, answer: Answer) -> None:
        """Write a line about a question that has ended."""
        self._done += 1
        self._console.print(
            Text(
                f"{self._done}/{self._total} {answer.question_id}: {answer.answer or 'no answer'} "
                f"({answer.reason.value}) after {answer.seconds:.1f} of {answer.granted_s:.0f} s, "
                f"{answer.samples} samples; {max(0.0, self._left_s()):.0f} s left"
            )
        )

    def _left_s(self) -> float:
        budget = self._runner.budget
        return budget.left_s + budget.clock_s - self._clock()

    def _picture(self) -> RenderableType:
        budget, now_s = self._runner.budget, self._clock()
        total_s = budget.left_s + budget.clock_s
        grid = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(total_s, 1e-9), completed=min(now_s, total_s), width=40)
        grid.add_row("time", bar, Text(f"{now_s:.0f} of {total_s:.0f} s"))
        bar = ProgressBar(total=max(self._total, 1), completed=self._done, width=40)
        grid.add_row("questions", bar, Text(f"{self._done} of {self._total}"))
        return Group(grid, Text(self._votes()))

    def _votes(self) -> str:
        view = self._runner.view
        if view is None:
            return "waiting for the first question"
        weights = sorted(view.tally.weights.items(), key=lambda item: -item[1])[:_SHOWN]
        votes = ", ".join(f"{answer}: {weight:g}" for answer, weight in weights) or "none yet"
        return f"{self._runner.session.live} samples run, {view.started} started; votes: {votes}"
