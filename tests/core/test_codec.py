"""Every event and action comes back from its bytes as it was; nothing else is read."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import (
    CallerError,
    FinishReason,
    ProbeAnswered,
    ProbeSample,
    QuestionOpened,
    Reason,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    StartSample,
    StopSample,
    SubmitAnswer,
    ToolCalled,
    ToolReturned,
    Woke,
    decode_action,
    decode_event,
    encode,
)

if TYPE_CHECKING:
    from scheduler import AnyAction, AnyEvent

seconds = st.floats(0.0, 1e9)
texts = st.none() | st.text()
counts = st.integers(0, 2**31)
entropies = st.none() | st.floats(0.0, 20.0)
numbers = st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False))
base = {"at_s": seconds}
of_sample = {**base, "position": counts, "sample": counts}
grown = {
    **of_sample,
    "tokens": counts,
    "mean_entropy": entropies,
    "tail_entropy": entropies,
    "confidence": st.none() | st.floats(-20.0, 20.0),
}
events = st.one_of(
    st.builds(QuestionOpened, **base, question_id=st.text(), question=texts, features=numbers),
    st.builds(Woke, **base),
    *(st.builds(kind, **of_sample) for kind in (ToolCalled, ToolReturned)),
    st.builds(SampleStarted, **of_sample, prompt_tokens=st.none() | st.integers(0, 1 << 20)),
    st.builds(SampleProgressed, **grown),
    st.builds(ProbeAnswered, **of_sample, answer=texts, tokens=st.none() | counts),
    st.builds(
        SampleFinished, **grown, answer=texts, finish_reason=st.sampled_from(list(FinishReason))
    ),
    st.builds(SampleFailed, **of_sample, message=st.text()),
)
why = {"reason": st.sampled_from(list(Reason)), "numbers": numbers}
actions = st.one_of(
    st.builds(
        StartSample,
        **why,
        sample=counts,
        arm=st.text(),
        max_tokens=st.none() | counts,
        parent=st.none() | counts,
        candidates=st.lists(st.text()).map(tuple),
    ),
    st.builds(StopSample, **why, sample=counts),
    st.builds(ProbeSample, **why, sample=counts, forced=st.booleans()),
    st.builds(SubmitAnswer, **why, answer=texts),
)


@given(event=events)
def test_an_event_comes_back(event: AnyEvent) -> None:
    """Bytes hold one line that reads back as the same event of the same kind."""
    raw = encode(event)
    back = decode_event(raw)
    assert back == event
    assert type(back) is type(event)
    assert b"\n" not in raw


@given(action=actions)
def test_an_action_comes_back(action: AnyAction) -> None:
    """Bytes hold one line that reads back as the same action of the same kind."""
    raw = encode(action)
    back = decode_action(raw)
    assert back == action
    assert type(back) is type(action)
    assert b"\n" not in raw


def test_an_infinite_figure_comes_back() -> None:
    """A figure such as the seconds left of a stream without a limit survives the journal."""
    action = SubmitAnswer(answer="1", reason=Reason.CAP, numbers={"left_s": inf})
    assert decode_action(encode(action)) == action


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"{}",
        b'{"at_s":1.0}',
        b'{"event":"question-closed","at_s":1.0}',
        b'{"event":"woke"}',
        b'{"event":"woke","at_s":"soon"}',
        b'{"event":"woke","at_s":-1.0}',
        b'{"event":"sample-failed","at_s":1.0,"position":0,"sample":0.5}',
        (
            b'{"event":"sample-finished","at_s":1.0,"position":0,"sample":0,"answer":null,'
            b'"tokens":1,"finish_reason":"bored"}'
        ),
    ],
)
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    """Unknown tags, missing fields, wrong types and impossible values are a typed error."""
    with pytest.raises(CallerError, match="not an event"):
        decode_event(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b'{"action":"pause-sample","sample":0,"reason":"cap"}',
        b'{"action":"stop-sample","reason":"cap"}',
        b'{"action":"stop-sample","sample":0,"reason":"because"}',
        b'{"event":"woke","at_s":1.0}',
    ],
)
def test_what_is_no_action_is_refused(raw: bytes) -> None:
    """Unknown tags and reasons, missing fields and events are a typed error."""
    with pytest.raises(CallerError, match="not an action"):
        decode_action(raw)
