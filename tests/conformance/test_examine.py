"""`examine` finds each way in which a policy can break what it owes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from policies.lead import Lead
from scheduler import Allowance, Policy, Reason
from simulations.conformance import SCENARIOS, examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scheduler import AnyAction, QuestionView


class Sound(Policy):
    """Two samples, then the leader."""

    width = 2

    def request(self, view: QuestionView) -> Allowance:
        """Ask for both."""
        del view
        return Allowance(width=2, samples=2)

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start both, wait for both."""
        if not view.started:
            return view.start(self.width, Reason.WIDEN)
        return [] if view.live else [view.submit(Reason.CAP, margin=view.tally.margin)]


class Raising(Sound):
    """Fails at its first vote."""

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Raise."""
        if view.started and view.live < view.started:
            raise RuntimeError("no idea")
        return super().decide(view)


class Greedy(Sound):
    """Starts more than it asked for."""

    width = 3


class Waiting(Sound):
    """Never says that it has enough."""

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Start, and no more."""
        return [] if view.started else super().decide(view)


class Moody(Sound):
    """Decides by how often it was made."""

    made = count()

    def __init__(self) -> None:
        self.width = 1 + next(self.made) % 2


def test_a_sound_policy_breaks_nothing() -> None:
    """A rule of four lines and one that ships pass every scenario."""
    for build in (Sound, Lead):
        assert examine(build) == {name: [] for name in SCENARIOS}


@pytest.mark.parametrize(
    ("build", "where", "said"),
    [
        (Raising, "plain", "it raised or was refused: "),
        (Greedy, "plain", "it asked to go outside its allowance: wider than 2"),
        (Waiting, "infinite seconds", "without a limit of time its own rule did not end"),
        (Moody, "plain", "played again, it decided otherwise"),
    ],
)
def test_a_breach_is_named(build: type[Sound], where: str, said: str) -> None:
    """A policy that raises, trespasses, never ends or isn't reproducible is told so in words."""
    assert any(breach.startswith(said) for breach in examine(build)[where])
