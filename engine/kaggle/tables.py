"""What the command of this room shows at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_MS = 1000.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        question_id: Of the question.
        answer: That was handed over.
        gold: The right one; None where unknown.
        seconds: From asking to the answer.
    """

    question_id: str
    answer: str
    gold: str | None
    seconds: float

    @property
    def is_right(self) -> bool | None:
        """Whether the answer is right; None where that is unknown."""
        return None if self.gold is None else self.answer == self.gold


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run.

    Attributes:
        answers: A row a call.
        right: Answers that are known to be right.
        known: Answers whose gold is known.
        seconds: Of all calls.
        left_s: Seconds of the stream that were left, the reserve taken off; 0 where it was over.
    """

    answers: tuple[Row, ...]
    right: int
    known: int
    seconds: float
    left_s: float

    @classmethod
    def of(cls, answers: Sequence[Row], left_s: float) -> Outcome:
        """Add the answers up."""
        return cls(
            answers=tuple(answers),
            right=sum(row.is_right is True for row in answers),
            known=sum(row.is_right is not None for row in answers),
            seconds=sum(row.seconds for row in answers),
            left_s=max(0.0, left_s),
        )

    def _left(self) -> str:
        return f"{self.left_s:,.0f} s were left" if self.left_s > 0.0 else "no time was left"

    def table(self) -> Table:
        """Show how each question ended, and the sums."""
        table = Table(title="questions", caption=self._left())
        for name in ("question", "answer", "gold", "right?", "s"):
            table.add_column(name, justify="left" if name in {"question", "right?"} else "right")
        words = {None: "", True: "right", False: "wrong"}
        for row in self.answers:
            table.add_row(
                row.question_id,
                row.answer,
                row.gold or "?",
                words[row.is_right],
                f"{row.seconds:.2f}",
            )
        table.add_section()
        table.add_row(
            "all",
            str(len(self.answers)),
            str(self.known),
            f"{self.right} right",
            f"{self.seconds:.2f}",
        )
        return table


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What calls cost beside the answering, in milliseconds.

    Attributes:
        calls: How many.
        min_ms: The least.
        median_ms: Of all of them.
        p99_ms: 99 of 100 cost no more.
        max_ms: The most.
    """

    calls: int
    min_ms: float
    median_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, costs_s: Sequence[float]) -> Cost:
        """Sum costs up, given in seconds."""
        least, median, p99, most = np.percentile(np.asarray(costs_s) * _MS, [0, 50, 99, 100])
        return cls(
            calls=len(costs_s),
            min_ms=float(least),
            median_ms=float(median),
            p99_ms=float(p99),
            max_ms=float(most),
        )

    def table(self) -> Table:
        """Show them."""
        table = Table(title="what the gateway costs a call")
        figures = {"min": self.min_ms, "median": self.median_ms, "p99": self.p99_ms}
        figures["max"] = self.max_ms
        table.add_column("calls", justify="right")
        for name in figures:
            table.add_column(f"{name} ms", justify="right")
        table.add_row(str(self.calls), *(f"{value:.3f}" for value in figures.values()))
        return table
