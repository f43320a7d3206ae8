"""Actions: what the core tells the engine, one frozen record each, with the reason behind it."""

from __future__ import annotations

import msgspec

from scheduler.reasons import Reason

DEFAULT_ARM = "*"
"""Stands for the engine's or the trace's first arm, whatever its name; no arm may bear it."""


class Action(msgspec.Struct, frozen=True, kw_only=True, tag_field="action"):
    """Base of every action.

    Attributes:
        reason: Why.
        numbers: The figures behind the reason, by name.
    """

    reason: Reason
    numbers: dict[str, float] = {}


class StartSample(Action, frozen=True, kw_only=True, tag="start-sample"):
    """Start a generation for the open question.

    Attributes:
        sample: Its number within the question, in start order from 0.
        arm: How to sample, by name.
        max_tokens: Cut it at this many tokens, without a vote; None leaves its end to the arm.
        parent: The sample it builds on, for two-stage arms.
        candidates: Answers it is to judge, for verifying arms.
    """

    sample: int
    arm: str = DEFAULT_ARM
    max_tokens: int | None = None
    parent: int | None = None
    candidates: tuple[str, ...] = ()


class StopSample(Action, frozen=True, kw_only=True, tag="stop-sample"):
    """Stop a sample; its answer will not vote.

    Attributes:
        sample: Its number.
    """

    sample: int


class ProbeSample(Action, frozen=True, kw_only=True, tag="probe-sample"):
    """Ask a running sample for its answer so far.

    Attributes:
        sample: Its number.
        forced: Whether the answer votes for the sample (a forced answer) until it finishes.
    """

    sample: int
    forced: bool = False


class SubmitAnswer(Action, frozen=True, kw_only=True, tag="submit-answer"):
    """End the question.

    Attributes:
        answer: The leader of the tally; None when nothing has voted.
    """

    answer: str | None


AnyAction = StartSample | StopSample | ProbeSample | SubmitAnswer
