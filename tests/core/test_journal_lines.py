"""Every line of a journal comes back from its bytes as it was; nothing else is read."""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler import (
    ActionLine,
    BudgetLine,
    CallerError,
    EventLine,
    FaultLine,
    JournalHeader,
    Limit,
    ProbeAnswered,
    QuestionLine,
    QuestionOpened,
    Reason,
    ResumedLine,
    SampleFinished,
    StartSample,
    SubmitAnswer,
    TextLine,
    TimeBudget,
    Trim,
    TrimLine,
    Woke,
    decode_line,
    encode_line,
    trim_line,
)

if TYPE_CHECKING:
    from scheduler import JournalLine

seconds = st.floats(0.0, 1e9)
counts = st.integers(0, 2**31)
names = st.text()
maybe = st.none() | names
at = {"at_s": seconds}
of_question = {**at, "position": counts}
of_sample = {"position": counts, "sample": counts}
events = st.one_of(
    st.builds(Woke, **at),
    st.builds(QuestionOpened, **at, question_id=names, question=maybe),
    st.builds(ProbeAnswered, **at, **of_sample, answer=maybe, tokens=st.none() | counts),
    st.builds(SampleFinished, **at, **of_sample, answer=maybe, tokens=counts),
)
why = {
    "reason": st.sampled_from(list(Reason)),
    "numbers": st.dictionaries(names, st.floats(allow_nan=False)),
}
actions = st.one_of(
    st.builds(StartSample, **why, sample=counts, arm=names, candidates=st.lists(names).map(tuple)),
    st.builds(SubmitAnswer, **why, answer=maybe),
)
json_values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | names
headers = st.builds(
    JournalHeader,
    created=names,
    command=names,
    model=names,
    engine=names,
    gpu=maybe,
    settings=st.dictionaries(names, names),
    arms=st.dictionaries(names, st.dictionaries(names, json_values | st.lists(json_values))),
    policy=maybe,
    total_s=st.none() | seconds,
    answers=names,
    dirty=st.none() | st.booleans(),
    probe_every_tokens=st.none() | counts,
)
lines = st.one_of(
    headers,
    st.builds(QuestionLine, position=counts, question_id=names, gold=maybe),
    st.builds(EventLine, event=events, heard=st.booleans(), position=st.none() | counts),
    st.builds(ActionLine, **of_question, action=actions),
    st.builds(FaultLine, **at, position=st.none() | counts, message=names),
    st.builds(
        TrimLine,
        **of_question,
        field=names,
        asked=st.none() | seconds,
        granted=seconds,
        limit=st.sampled_from(list(Limit)),
    ),
    st.builds(TextLine, **of_sample, text=names),
    st.builds(ResumedLine, **at, created=names),
)


@given(line=lines)
def test_a_line_comes_back(line: JournalLine) -> None:
    """Bytes hold one line that reads back as the same line of the same kind."""
    raw = encode_line(line)
    back = decode_line(raw)
    assert back == line
    assert type(back) is type(line)
    assert b"\n" not in raw


def test_a_ledger_comes_back() -> None:
    """The embedded ledger is JSON within the line, and the budget resumes from it."""
    budget = TimeBudget(100.0, questions=3)
    budget.open("q", 1.0)
    raw = encode_line(BudgetLine(at_s=1.0, saved=msgspec.Raw(budget.save())))
    assert json.loads(raw)["saved"]["seen"] == 1
    back = decode_line(raw)
    assert isinstance(back, BudgetLine)
    assert TimeBudget.resume(bytes(back.saved), 5.0).rows[-1].spent_s == 4.0


def test_an_infinite_wish_comes_back() -> None:
    """A policy that asked for endless seconds asked for all there is."""
    line = trim_line(1.0, 0, Trim(field="hard_s", asked=inf, granted=9.0, limit=Limit.CAP))
    assert line.asked is None
    assert decode_line(encode_line(line)) == line


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "truncated"),
        (b"{}", "kind"),
        (b"\xff", "malformed"),
        (b'{"kind":"diary"}', "diary"),
        (b'{"kind":"text","position":0,"sample":0}', "text"),
        (b'{"kind":"text","position":-1,"sample":0,"text":""}', "position"),
        (b'{"kind":"text","position":0,"sample":0,"text":"","mood":"good"}', "mood"),
        (b'{"kind":"event","event":{"event":"woke","at_s":-1}}', "at_s must be .* got -1"),
        (
            b'{"kind":"action","at_s":1,"position":0,"action":{"action":"nap","reason":"cap"}}',
            "not an action: .*nap",
        ),
        (
            (
                b'{"kind":"header","created":"","command":"","model":"","engine":"","answers":"",'
                b'"format":2}'
            ),
            "journal format 2 unknown, need 1",
        ),
    ],
)
def test_what_is_no_line_is_refused(raw: bytes, what: str) -> None:
    """Unknown kinds and fields, missing ones, impossible values and other versions are named."""
    with pytest.raises(CallerError, match=what):
        decode_line(raw)
