"""Events are checked when they are built and never change afterwards."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from scheduler import (
    CallerError,
    Event,
    ProbeAnswered,
    QuestionOpened,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    ToolCalled,
    ToolReturned,
    Woke,
    decode_event,
)

SAMPLE = {"position": 0, "sample": 0}
FIELDS: dict[type[Event], dict[str, Any]] = {
    QuestionOpened: {"question_id": "q"},
    Woke: {},
    SampleStarted: SAMPLE,
    SampleProgressed: {**SAMPLE, "tokens": 1},
    ToolCalled: SAMPLE,
    ToolReturned: SAMPLE,
    ProbeAnswered: SAMPLE,
    SampleFinished: {**SAMPLE, "tokens": 1, "answer": "1"},
    SampleFailed: SAMPLE,
}


@pytest.mark.parametrize("at_s", [nan, inf, -inf, -1e-9])
@pytest.mark.parametrize("kind", FIELDS)
def test_no_event_at_an_impossible_time(kind: type[Event], at_s: float) -> None:
    """Every event refuses NaN, infinities and times before the stream began, by field and value."""
    with pytest.raises(CallerError, match=r"at_s must be finite and at least 0, got ") as caught:
        kind(at_s=at_s, **FIELDS[kind])
    assert repr(at_s) in str(caught.value)


@pytest.mark.parametrize("kind", [SampleProgressed, ProbeAnswered, SampleFinished])
def test_no_event_with_negative_tokens(kind: type[Event]) -> None:
    """A sample can't have generated fewer than no tokens."""
    with pytest.raises(CallerError, match=r"tokens must be finite and at least 0, got -1"):
        kind(at_s=0.0, **{**FIELDS[kind], "tokens": -1})


@pytest.mark.parametrize("tokens", [nan, inf])
@pytest.mark.parametrize("kind", [SampleProgressed, ProbeAnswered, SampleFinished])
def test_no_event_with_endless_tokens(kind: type[Event], tokens: float) -> None:
    """Garbage counts of tokens never reach a policy."""
    with pytest.raises(CallerError, match="tokens"):
        kind(at_s=0.0, **{**FIELDS[kind], "tokens": tokens})


@pytest.mark.parametrize("value", [nan, inf, -0.5])
@pytest.mark.parametrize("field", ["mean_entropy", "tail_entropy"])
@pytest.mark.parametrize("kind", [SampleProgressed, SampleFinished])
def test_no_event_with_an_impossible_entropy(kind: type[Event], field: str, value: float) -> None:
    """An unknown entropy is None; NaN, infinity and negative ones are refused by name."""
    with pytest.raises(CallerError, match=f"{field} must be finite and at least 0") as caught:
        kind(at_s=0.0, **FIELDS[kind], **{field: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize("kind", [SampleProgressed, SampleFinished])
def test_no_event_with_an_impossible_confidence(kind: type[Event], value: float) -> None:
    """A confidence may be negative, but never NaN or infinite."""
    with pytest.raises(CallerError, match="confidence must be finite") as caught:
        kind(at_s=0.0, **FIELDS[kind], confidence=value)
    assert repr(value) in str(caught.value)
    assert kind(at_s=0.0, **FIELDS[kind], confidence=-0.5).confidence == -0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [nan, inf])
def test_no_question_with_an_impossible_feature(value: float) -> None:
    """A feature that is no number is refused by its name."""
    with pytest.raises(CallerError, match="features"):
        QuestionOpened(at_s=0.0, question_id="q", features={"length": value})


@pytest.mark.parametrize("kind", FIELDS)
def test_an_event_never_changes(kind: type[Event]) -> None:
    """A record of what happened can't be rewritten."""
    event = kind(at_s=0.0, **FIELDS[kind])
    with pytest.raises(AttributeError):
        event.at_s = 1.0  # type: ignore[misc]


def test_zero_is_allowed_everywhere() -> None:
    """The first moment, no tokens and no entropy are true values."""
    event = SampleProgressed(
        at_s=0.0, position=0, sample=0, tokens=0, mean_entropy=0.0, tail_entropy=0.0
    )
    assert (event.at_s, event.tokens, event.mean_entropy, event.tail_entropy) == (0.0, 0, 0.0, 0.0)


def test_a_start_may_say_how_long_its_prompt_is() -> None:
    """Unknown is None, an impossible length is refused, and lines of before can be read."""
    assert SampleStarted(at_s=1.0, position=0, sample=2, prompt_tokens=80).prompt_tokens == 80
    with pytest.raises(CallerError, match="prompt_tokens must be"):
        SampleStarted(at_s=1.0, position=0, sample=2, prompt_tokens=-1)
    old = b'{"event":"sample-started","at_s":1.0,"position":0,"sample":2}'
    assert decode_event(old) == SampleStarted(at_s=1.0, position=0, sample=2)
