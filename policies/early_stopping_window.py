"""Early-stopping self-consistency (ESC): stop at the first window of equal answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Whole
from scheduler import Allowance, Policy, Reason, SampleState
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class EarlyStoppingWindow(Policy):
    """Sample in windows; stop when one window agrees with itself.

    `window` samples start at once. When all have ended, the question ends if they gave one and
    the same answer (the window's answers have entropy 0); otherwise the next window starts, up
    to `cap` samples. The majority of all samples is submitted. Li et al., "Escape Sky-high Cost:
    Early-stopping Self-Consistency for Multi-step Reasoning", ICLR 2024, arXiv 2401.10480.

    A sample without an answer agrees with nothing, and a last window cut short by `cap` decides
    nothing.

    Args:
        window: Samples a window, at least 1.
        cap: Samples in all, at least `window`; the last window may be smaller.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "window": Whole(1, 16, log=True),
        "cap": Whole(1, 64, log=True),
    }

    def __init__(self, *, window: int = 8, cap: int = 64) -> None:
        require_finite("window", window, 1)
        require_finite("cap", cap, window)
        self._window = window
        self._cap = cap

    def request(self, view: QuestionView) -> Allowance:
        """Ask for one window at a time."""
        del view
        return Allowance(width=self._window, samples=self._cap)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """When a window has ended, stop or start the next."""
        if view.live:
            return []
        started = view.started
        if started:
            first = (started - 1) // self._window * self._window
            answers = {
                sample.answer if sample.state is SampleState.FINISHED else None
                for sample in view.samples[first:]
            }
            whole = started - first == self._window
            if whole and len(answers) == 1 and None not in answers:
                return [view.submit(Reason.AGREEMENT, window=started - first)]
        size = min(self._window, self._cap - started)
        if size > 0:
            return view.start(size, Reason.REPLACE if started else Reason.WIDEN)
        return [view.submit(Reason.CAP, finished=view.tally.finished)]
