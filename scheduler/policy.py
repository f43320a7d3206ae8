"""The base class of every policy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf
from typing import TYPE_CHECKING

from scheduler.allowance import Allowance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler.actions import AnyAction
    from scheduler.signals import SampleView
    from scheduler.view import QuestionView

FORCED_WEIGHT = 0.01
"""Weight of a forced answer beside a finished one: it decides only where nothing finished."""


class Policy(ABC):
    """A rule that asks for an allowance and decides on each event.

    One object serves one stream, one question at a time. The core calls `request` once when a
    question opens and then `decide` whenever something has been revealed: the opening itself,
    progress (if asked for), a tool call or return, a probe's answer, a sample's end, a wake-up
    that it asked for, or a deadline. Whatever a policy keeps for one question it resets in
    `request`.

    A policy that raises, returns something else than actions, or asks for what it may not have
    never endangers the answer: refused actions are reported in the step, and a policy that
    raised is not asked again for that question.

    Attributes:
        progress_every_tokens: Report a sample each time it has grown by so many tokens; None
            (the default) for never, which costs nothing.
    """

    progress_every_tokens: int | None = None

    def request(self, view: QuestionView) -> Allowance:
        """Ask for what the question may spend; the default asks for all that the grant holds.

        Args:
            view: The question before its first sample, with the grant.

        Returns:
            The wish; the core trims its deadlines to the grant.
        """
        del view
        return Allowance()

    @abstractmethod
    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Decide what to do after `view.event`.

        Returns:
            Actions, made by the builders of `view`, in the order in which they are to happen.
            Those after a submit are refused. An empty sequence means to wait; where nothing
            runs there is nothing to wait for, and the core submits.
        """

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Say when to ask again though nothing happens; the default is never.

        The core asks after each decision. The deadlines need no wake-up of the policy's own.

        Returns:
            Seconds since the stream began; one that is not at least a millisecond ahead is
            put there. Infinity for never.
        """
        del view
        return inf

    def weigh(self, sample: SampleView) -> float:
        """Weigh the vote of a sample that has finished, or whose forced answer has come.

        The default: 1, or `FORCED_WEIGHT` for a forced answer.

        Returns:
            The weight, from 0 to 1.
        """
        return FORCED_WEIGHT if sample.forced else 1.0
