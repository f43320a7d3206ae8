"""What there is to see of a live stream at one moment; from any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.runner import Runner
    from scheduler import QuestionView


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A stream at one moment.

    Attributes:
        at_s: Seconds since it began.
        usable_s: Seconds of the stream, its reserve taken off.
        done: Questions that were answered.
        total: How many come: a number, (at least, at most), or None for unknown.
        tokens: Generated for the open question so far, as far as they are known.
        view: The open question; None if there is none. The core may be at work on it, so that
            reading its votes may raise RuntimeError.
    """

    at_s: float
    usable_s: float
    done: int
    total: int | tuple[int, int] | None
    tokens: int
    view: QuestionView | None

    @property
    def left_s(self) -> float:
        """Seconds left; below 0 once they are over."""
        return self.usable_s - self.at_s


def glance_at(
    runner: Runner,
    clock: Callable[[], float],
    *,
    done: int,
    total: int | tuple[int, int] | None,
) -> Glance:
    """Look at what a runner does.

    Args:
        runner: Whose stream it is.
        clock: Its clock.
        done: As in `Glance`.
        total: The same.
    """
    budget = runner.budget
    return Glance(
        at_s=clock(),
        usable_s=budget.left_s + budget.clock_s,
        done=done,
        total=total,
        tokens=runner.tokens,
        view=runner.view if runner.is_open else None,
    )
