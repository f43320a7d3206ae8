"""Events: what the engine tells the core, one frozen record each.

Every event carries `at_s`, seconds since the stream began, and is checked when it is built. That
is the only way time enters the core. Unknown numbers are None, never zero or NaN: an engine
adapter that meets garbage builds the event without it, or a `SampleFailed`.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

import msgspec

from scheduler.checks import require_finite
from scheduler.errors import CallerError


class FinishReason(StrEnum):
    """Why a sample ended."""

    STOP = "stop"
    """The model ended it."""
    LENGTH = "length"
    """A limit of tokens ended it."""
    STOPPED = "stopped"
    """We stopped it: how long it would have become is not known (censored)."""
    ERROR = "error"
    """The engine lost it; an answer it may carry does not vote."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", gc=False):
    """Base of every event.

    Attributes:
        at_s: Seconds since the stream began.
    """

    at_s: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.at_s < inf:
            require_finite("at_s", self.at_s, 0.0)


class QuestionOpened(Event, frozen=True, kw_only=True, tag="question-opened", gc=True):
    """A question has come.

    Attributes:
        question_id: The gateway's name for it.
        question: Its text, where known.
        features: Numbers known before the first sample, by name.
    """

    question_id: str
    question: str | None = None
    features: dict[str, float] = {}

    def __post_init__(self) -> None:
        require_finite("at_s", self.at_s, 0.0)
        for name, value in self.features.items():
            require_finite(f"features.{name}", value)


class Woke(Event, frozen=True, kw_only=True, tag="woke"):
    """The time has come that the core asked to be woken at."""


class SampleEvent(Event, frozen=True, kw_only=True):
    """Base of every event about one sample.

    Attributes:
        position: The place of the sample's question in the stream, from 0. A sample that was
            stopped may end after the next question has come.
        sample: The sample's number within its question, in start order from 0.
    """

    position: int
    sample: int

    def __post_init__(self) -> None:
        if (
            not 0.0 <= self.at_s < inf
            or type(self.position) is not int
            or type(self.sample) is not int
        ):
            require_finite("at_s", self.at_s, 0.0)
            raise CallerError(
                f"position and sample must be whole numbers, got {self.position!r}, {self.sample!r}"
            )


class SampleStarted(SampleEvent, frozen=True, kw_only=True, tag="sample-started"):
    """The engine decodes the sample from now on.

    Attributes:
        prompt_tokens: Tokens of its prompt; None if unknown.
    """

    prompt_tokens: int | None = None

    def __post_init__(self) -> None:
        # As in the base, without the price of a second call: simulations make millions of these.
        if (
            not 0.0 <= self.at_s < inf
            or type(self.position) is not int
            or type(self.sample) is not int
            or self.prompt_tokens is not None
        ):
            SampleEvent.__post_init__(self)
            require_finite("prompt_tokens", self.prompt_tokens or 0, 0)


class SampleProgressed(SampleEvent, frozen=True, kw_only=True, tag="sample-progressed"):
    """The sample has grown by as many tokens as the policy asked to hear of.

    Attributes:
        tokens: Tokens generated so far.
        mean_entropy: Mean token entropy so far, in nats.
        tail_entropy: Mean token entropy of the last 128 tokens, in nats.
        confidence: Mean over the last 128 tokens of the negative log-probability of the likeliest
            tokens (DeepConf's token confidence), in nats; higher is surer.
    """

    tokens: int
    mean_entropy: float | None = None
    tail_entropy: float | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        SampleEvent.__post_init__(self)
        if not 0 <= self.tokens < inf:
            require_finite("tokens", self.tokens, 0)
        _check_signals(self.mean_entropy, self.tail_entropy, self.confidence)


class ToolCalled(SampleEvent, frozen=True, kw_only=True, tag="tool-called"):
    """The sample left the batch and waits for a tool."""


class ToolReturned(SampleEvent, frozen=True, kw_only=True, tag="tool-returned"):
    """The tool answered; the sample decodes again.

    Attributes:
        tokens: That the tool's answer put into the sample's context.
    """

    tokens: int = 0

    def __post_init__(self) -> None:
        SampleEvent.__post_init__(self)
        require_finite("tokens", self.tokens, 0)


class ProbeAnswered(SampleEvent, frozen=True, kw_only=True, tag="probe-answered"):
    """A probe came back.

    Attributes:
        answer: The sample's answer so far; None if it gave nothing that parses.
        tokens: Tokens of the sample when it was asked; None if unknown.
    """

    answer: str | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        SampleEvent.__post_init__(self)
        _check_answer(self.answer)
        if self.tokens is not None and not 0 <= self.tokens < inf:
            require_finite("tokens", self.tokens, 0)


class SampleFinished(SampleEvent, frozen=True, kw_only=True, tag="sample-finished"):
    """The sample ended by itself, at a limit, or because it was stopped.

    Attributes:
        answer: Its canonical answer; None if nothing parses.
        tokens: All tokens it generated.
        finish_reason: Why it ended.
        mean_entropy: Mean token entropy, in nats.
        tail_entropy: Mean token entropy of its last 128 tokens, in nats.
        confidence: As in `SampleProgressed`, at its end.
    """

    answer: str | None
    tokens: int
    finish_reason: FinishReason = FinishReason.STOP
    mean_entropy: float | None = None
    tail_entropy: float | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        SampleEvent.__post_init__(self)
        if not 0 <= self.tokens < inf:
            require_finite("tokens", self.tokens, 0)
        _check_answer(self.answer)
        _check_signals(self.mean_entropy, self.tail_entropy, self.confidence)


class SampleFailed(SampleEvent, frozen=True, kw_only=True, tag="sample-failed"):
    """The engine lost the sample.

    Attributes:
        message: What the engine said.
    """

    message: str = ""


def _check_answer(answer: object) -> None:
    if answer is not None and not isinstance(answer, str):
        raise CallerError(f"answer must be a string or None, got {answer!r}")


def _check_signals(
    mean_entropy: float | None, tail_entropy: float | None, confidence: float | None
) -> None:
    if mean_entropy is not None and not 0.0 <= mean_entropy < inf:
        raise CallerError(f"mean_entropy must be finite and at least 0, got {mean_entropy!r}")
    if tail_entropy is not None and not 0.0 <= tail_entropy < inf:
        raise CallerError(f"tail_entropy must be finite and at least 0, got {tail_entropy!r}")
    if confidence is not None and not -inf < confidence < inf:
        raise CallerError(f"confidence must be finite, got {confidence!r}")


AnyEvent = (
    QuestionOpened
    | Woke
    | SampleStarted
    | SampleProgressed
    | ToolCalled
    | ToolReturned
    | ProbeAnswered
    | SampleFinished
    | SampleFailed
)
