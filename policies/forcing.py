"""Forced answers: making every running sample answer before the time is over."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from scheduler import Reason, SampleState

if TYPE_CHECKING:
    from scheduler import ProbeSample, QuestionView

SLACK_S = 1e-6
"""Forced answers are to come before a deadline, not at it."""


PROMPT_TOKENS = 4096
"""A prompt is taken to hold at most so many; what is longer may come too late."""


def lead_time_s(view: QuestionView, width: int, hard_s: float) -> float:
    """Return how long before a deadline `width` samples must be asked, by the latency profile.

    Samples and probes are taken to hold all the context that they can by then: the tokens that
    a sample alone decodes in `hard_s`.
    """
    latency = view.latency
    longest = PROMPT_TOKENS + (hard_s / latency.base_step_s(1) if hard_s < inf else 0.0)
    context = 2 * width * longest
    if latency.kv_cache_tokens is not None:
        context = min(context, latency.kv_cache_tokens)
    return latency.probe_s(width, context) + SLACK_S


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
