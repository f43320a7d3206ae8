"""Lead: stop when the leader is ahead by a fixed number of votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from policies.knobs import Choice, Whole
from scheduler import Allowance, Policy, Reason
from scheduler.checks import require_finite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from policies.knobs import Knob
    from scheduler import AnyAction, QuestionView


class Lead(Policy):
    """Run `width` samples at a time and stop once the leader is `lead` votes ahead.

    A vote that decides by its margin is the sequential test of two answers that are equally
    likely beforehand: A. Wald, "Sequential Tests of Statistical Hypotheses", 1945.

    Args:
        width: Samples at once, at least 1; 1 is one at a time.
        lead: Votes by which the leader must be ahead of the next answer, at least 1.
        cap: Samples in all, at least `width`; where it is larger, a new sample starts
            when one ends.
        cut_tokens: Stop a sample past so many tokens, without a vote; None for never.
    """

    knobs: ClassVar[Mapping[str, Knob]] = {
        "width": Whole(1, 32, log=True),
        "lead": Whole(1, 8),
        "cap": Whole(1, 64, log=True),
        "cut_tokens": Choice((None, 1024, 2048, 4096, 8192, 16384)),
    }

    def __init__(
        self, *, width: int = 16, lead: int = 2, cap: int = 16, cut_tokens: int | None = None
    ) -> None:
        require_finite("width", width, 1)
        require_finite("lead", lead, 1)
        require_finite("cap", cap, width)
        if cut_tokens is not None:
            require_finite("cut_tokens", cut_tokens, 1)
        self._width = width
        self._lead = lead
        self._cap = cap
        self._cut_tokens = cut_tokens

    def request(self, view: QuestionView) -> Allowance:
        """Ask for `width` samples at once, `cap` in all, each cut at `cut_tokens`."""
        del view
        return Allowance(width=self._width, samples=self._cap, tokens_per_sample=self._cut_tokens)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Stop if the lead is there, else fill the free places."""
        margin = view.tally.margin
        if margin >= self._lead:
            return [view.submit(Reason.LEAD, margin=margin)]
        free = min(self._width - view.live, self._cap - view.started)
        if free > 0:
            return view.start(free, Reason.REPLACE if view.started else Reason.WIDEN)
        if not view.live:
            return [view.submit(Reason.CAP, finished=view.tally.finished)]
        return []
