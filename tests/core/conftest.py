"""A plain engine, policies made of functions, and a stream that has just been opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from scheduler import (
    Allowance,
    LatencyProfile,
    Policy,
    QuestionOpened,
    Scheduler,
    Step,
    TimeBudget,
)
from scheduler.latency import Decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import AnyAction, QuestionView, SampleView


# A loaded machine is no failure: time is limited for the whole suite, not for one example.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


class Rule(Policy):
    """A policy made of functions; without any it asks for everything and does nothing."""

    def __init__(
        self,
        decide: Callable[[QuestionView], Any] = lambda _: [],
        request: Callable[[QuestionView], Any] = lambda _: Allowance(),
        weigh: Callable[[SampleView], Any] | None = None,
        wake: Callable[[QuestionView], Any] | None = None,
    ) -> None:
        self._decide = decide
        self._wake = wake
        self._request = request
        self._weigh = weigh

    def request(self, view: QuestionView) -> Allowance:
        """Pass on."""
        wish: Allowance = self._request(view)
        return wish

    def decide(self, view: QuestionView) -> Sequence[AnyAction]:
        """Pass on."""
        actions: Sequence[AnyAction] = self._decide(view)
        return actions

    def next_wakeup_s(self, view: QuestionView) -> float:
        """Pass on."""
        wish_s: float = super().next_wakeup_s(view) if self._wake is None else self._wake(view)
        return wish_s

    def weigh(self, sample: SampleView) -> float:
        """Pass on."""
        return super().weigh(sample) if self._weigh is None else self._weigh(sample)


@pytest.fixture(scope="session")
def rule() -> type[Rule]:
    """The class of policies made of functions."""
    return Rule


@pytest.fixture(scope="session")
def profile() -> LatencyProfile:
    """A hundred tokens a second, whatever runs."""
    return LatencyProfile(name="t", decode=Decode(width=(1,), step_s=(0.01,)))


@pytest.fixture
def begin(profile: LatencyProfile) -> Callable[..., tuple[Scheduler, Step]]:
    """Open the first question of a stream and give the scheduler and the first step."""

    def open_first(
        policy: Policy, *, total_s: float = 100.0, at_s: float = 0.0, questions: int | None = 1
    ) -> tuple[Scheduler, Step]:
        scheduler = Scheduler(policy, TimeBudget(total_s, questions=questions), profile)
        return scheduler, scheduler.open(QuestionOpened(at_s=at_s, question_id="q0"))

    return open_first
