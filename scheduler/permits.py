"""Which actions a question may take: the allowance and the states of its samples decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.actions import Action, ProbeSample, StartSample, StopSample, SubmitAnswer
from scheduler.reasons import Reason
from scheduler.states import SampleState

if TYPE_CHECKING:
    from scheduler.view import QuestionView


def refusal(action: object, view: QuestionView) -> str | None:
    """Say why an open question may not take an action; None if it may.

    Args:
        action: What the policy returned, action or not.
        view: The question before the action.
    """
    malformed = _malformed(action)
    if malformed is not None:
        return malformed
    if isinstance(action, StartSample):
        return _start_refusal(action, view)
    if isinstance(action, SubmitAnswer):
        leader = view.tally.leader
        if action.answer != leader:
            return f"the tally names {leader!r}, not {action.answer!r}"
        return None
    if not isinstance(action, StopSample | ProbeSample):
        return "is no action"
    if not 0 <= action.sample < view.started:
        return f"sample {action.sample} was never started"
    sample = view.samples[action.sample]
    if not sample.live:
        return f"sample {action.sample} is {sample.state.value}"
    if isinstance(action, ProbeSample) and sample.state is SampleState.ASKED:
        return f"sample {action.sample} has not begun"
    return None


def _malformed(action: object) -> str | None:
    """Say which field has a type that a journal could not hold."""
    if not isinstance(action, Action):
        return "is no action"
    if type(action.reason) is not Reason:
        return f"reason must be a Reason, got {action.reason!r}"
    numbers = action.numbers
    if type(numbers) is not dict or not all(
        type(name) is str and isinstance(value, int | float) for name, value in numbers.items()
    ):
        return f"numbers must be numbers by name, got {numbers!r}"
    if isinstance(action, StartSample | StopSample | ProbeSample) and not _whole(action.sample):
        return f"sample must be a whole number, got {action.sample!r}"
    if isinstance(action, ProbeSample) and type(action.forced) is not bool:
        return f"forced must be true or false, got {action.forced!r}"
    if isinstance(action, StartSample):
        if type(action.arm) is not str:
            return f"arm must be a string, got {action.arm!r}"
        if type(action.candidates) is not tuple or not all(
            type(text) is str for text in action.candidates
        ):
            return f"candidates must be a tuple of strings, got {action.candidates!r}"
    return None


def _start_refusal(action: StartSample, view: QuestionView) -> str | None:
    allowance = view.allowance
    if action.sample != view.started:
        return f"the next sample is {view.started}, not {action.sample}"
    if allowance.width is not None and view.live >= allowance.width:
        return f"the allowance holds {allowance.width} samples at once"
    if allowance.samples is not None and view.started >= allowance.samples:
        return f"the allowance holds {allowance.samples} samples"
    if action.max_tokens is not None and not _whole(action.max_tokens):
        return f"max_tokens must be a whole number, got {action.max_tokens!r}"
    if action.max_tokens is not None and action.max_tokens < 1:
        return f"max_tokens must be at least 1, got {action.max_tokens}"
    most = allowance.tokens_per_sample
    if most is not None and (action.max_tokens is None or action.max_tokens > most):
        return f"the allowance holds {most} tokens a sample, not {action.max_tokens}"
    if action.parent is not None and not (
        _whole(action.parent) and 0 <= action.parent < view.started
    ):
        return f"sample {action.parent} to build on was never started"
    return None


def _whole(value: object) -> bool:
    return type(value) is int
