"""Forced answers: making every running sample answer before the time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler import Reason, SampleState

if TYPE_CHECKING:
    from scheduler import ProbeSample, QuestionView

SLACK_S = 1e-6
"""Forced answers are to come before a deadline, not at it."""


def lead_time_s(view: QuestionView, width: int) -> float:
    """Return how long before a deadline `width` samples must be asked, by the latency profile."""
    return view.latency.probe_s(width) + SLACK_S


def force_all(view: QuestionView) -> list[ProbeSample]:
    """Build forced probes of all running samples."""
    return [
        view.probe(sample.sample, Reason.FORCE, forced=True)
        for sample in view.live_samples()
        if sample.state is not SampleState.ASKED
    ]


def all_answered(view: QuestionView) -> bool:
    """Whether no forced answer is under way."""
    return not any(sample.probe_pending for sample in view.live_samples())
