"""The course of one question: what was asked and told when, live or replayed.

Both worlds leave the same record, so one code measures both.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scheduler import (
    ProbeAnswered,
    ProbeSample,
    SampleFailed,
    SampleFinished,
    SampleStarted,
    StartSample,
    StopSample,
    SubmitAnswer,
    ToolCalled,
)

if TYPE_CHECKING:
    from scheduler import AnyAction, SampleEvent

FIRST_TOKEN = 1
"""A sample's first token, as a number of its own tokens."""

LEAST_TOKENS = 32
"""Over fewer tokens too little is told of a step's length."""


@dataclass(slots=True)
class Course:
    """What happened to one question, in order.

    Attributes:
        opened_s: When it came, in seconds since the stream began.
        actions: What the core wanted, with the time.
        events: What the core was told of its samples. A `SampleStarted` stands at the sample's
            first token.
        points: By sample, a number of its own tokens and when it had them.
    """

    opened_s: float
    actions: list[tuple[float, AnyAction]] = field(default_factory=list)
    events: list[SampleEvent] = field(default_factory=list)
    points: dict[int, tuple[int, float]] = field(default_factory=dict)

    @property
    def submit(self) -> tuple[float, SubmitAnswer] | None:
        """When what was submitted; None where the question has no answer."""
        for at_s, action in self.actions:
            if isinstance(action, SubmitAnswer):
                return at_s, action
        return None


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the seconds of a question went; they add up to all of them.

    Attributes:
        first_token_s: From the opening to the first token of any sample.
        decoding_s: From there to the last event before the submit, without probes.
        probes_s: Of that stretch, time in which a probe was under way.
        after_s: From the last event to the submit: the core's own time, or waiting for a deadline.
    """

    first_token_s: float
    decoding_s: float
    probes_s: float
    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTimes:
    """One sample; times count from the opening of its question, None where not known.

    Attributes:
        sample: Its number.
        asked_s: When its start was asked for.
        first_token_s: When its first token came.
        ended_s: When its end was told.
        let_go_s: Seconds from its stop to its end, where it was stopped and did not end before.
        tokens: All that it generated; None where that was not told.
        step_s: Seconds a token, from the first token to the last measured one, over enough of them.
        tail_s: From the last measured token to the end; None where it was stopped.
        width: Samples that decoded beside it and it, on average over its life.
    """

    sample: int
    asked_s: float
    first_token_s: float | None
    ended_s: float | None
    let_go_s: float | None
    tokens: int | None
    step_s: float | None
    tail_s: float | None
    width: float | None


def parts_of(course: Course) -> Parts:
    """Cut the seconds of an answered question into parts."""
    submit = course.submit
    assert submit is not None  # noqa: S101 - only answered questions are compared
    until_s = submit[0]
    told = [event for event in course.events if event.at_s <= until_s]
    firsts = [event.at_s for event in told if isinstance(event, SampleStarted)]
    # No decision rests on a start, so it is no event that an answer could follow.
    others = [event.at_s for event in told if not isinstance(event, SampleStarted)]
    asked = any(isinstance(action, StartSample) for _, action in course.actions)
    begun_s = min(firsts, default=until_s if asked else course.opened_s)
    last_s = max(others, default=begun_s)
    begun_s = min(begun_s, last_s)  # a sample may be lost before its first token
    waits = _probe_waits(course, until_s)
    probing_s = _covered([(max(a, begun_s), min(b, last_s)) for a, b in waits])
    return Parts(
        first_token_s=begun_s - course.opened_s,
        decoding_s=last_s - begun_s - probing_s,
        probes_s=probing_s,
        after_s=until_s - last_s,
    )


def probe_delays(course: Course) -> list[float]:
    """Return the seconds of each probe that was answered before the submit."""
    submit = course.submit
    until_s = float("inf") if submit is None else submit[0]
    return [b - a for a, b in _probe_waits(course, until_s) if b < until_s]


def samples_of(course: Course) -> list[SampleTimes]:
    """Return the times of each sample, in the order of their numbers."""
    asked, stops, firsts, ends, tokens = _gathered(course)
    odd = {event.sample for event in course.events if isinstance(event, ToolCalled)}
    spans = {
        sample: (firsts[sample], ends[sample])
        for sample in firsts
        if sample in ends and ends[sample] > firsts[sample]
    }
    found = []
    for sample, asked_s in sorted(asked.items()):
        first_s, end_s = firsts.get(sample), ends.get(sample)
        step_s = tail_s = None
        # Where tools interrupt it, a sample's time is no measure of decoding.
        if first_s is not None and sample not in odd:
            at_tokens, at_s = course.points.get(sample, (tokens.get(sample, 0), end_s))
            if at_s is not None and at_tokens >= LEAST_TOKENS:
                step_s = (at_s - first_s) / (at_tokens - FIRST_TOKEN)
            if sample in course.points and end_s is not None and sample not in stops:
                tail_s = end_s - course.points[sample][1]
        found.append(
            SampleTimes(
                sample=sample,
                asked_s=asked_s - course.opened_s,
                first_token_s=None if first_s is None else first_s - course.opened_s,
                ended_s=None if end_s is None else end_s - course.opened_s,
                let_go_s=_let_go(stops.get(sample), end_s),
                tokens=tokens.get(sample),
                step_s=step_s,
                tail_s=tail_s,
                width=_mean_width(spans, sample),
            )
        )
    return found


def _gathered(
    course: Course,
) -> tuple[dict[int, float], dict[int, float], dict[int, float], dict[int, float], dict[int, int]]:
    """Return by sample: asked, stopped, first token, end, tokens."""
    asked: dict[int, float] = {}
    stops: dict[int, float] = {}
    for at_s, action in course.actions:
        if isinstance(action, StartSample):
            asked.setdefault(action.sample, at_s)
        elif isinstance(action, StopSample):
            stops.setdefault(action.sample, at_s)
    firsts: dict[int, float] = {}
    ends: dict[int, float] = {}
    tokens: dict[int, int] = {}
    for event in course.events:
        if isinstance(event, SampleStarted):
            firsts.setdefault(event.sample, event.at_s)
        elif isinstance(event, SampleFinished | SampleFailed) and event.sample not in ends:
            ends[event.sample] = event.at_s
            if isinstance(event, SampleFinished):
                tokens[event.sample] = event.tokens
    return asked, stops, firsts, ends, tokens


def _let_go(stopped_s: float | None, ended_s: float | None) -> float | None:
    if stopped_s is None or ended_s is None or ended_s < stopped_s:
        return None
    return ended_s - stopped_s


def _mean_width(spans: dict[int, tuple[float, float]], sample: int) -> float | None:
    if sample not in spans:
        return None
    first_s, end_s = spans[sample]
    shared_s = sum(max(0.0, min(end_s, b) - max(first_s, a)) for a, b in spans.values())
    return shared_s / (end_s - first_s)


def _probe_waits(course: Course, until_s: float) -> list[tuple[float, float]]:
    """Return when each probe was under way; one without an answer until the submit."""
    answers: defaultdict[int, deque[float]] = defaultdict(deque)
    for event in course.events:
        if isinstance(event, ProbeAnswered):
            answers[event.sample].append(event.at_s)
    waits = []
    for at_s, action in course.actions:
        if isinstance(action, ProbeSample) and at_s <= until_s:
            left = answers[action.sample]
            answered_s = left.popleft() if left else until_s
            waits.append((at_s, min(answered_s, until_s)))
    return waits


def _covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of the union of spans; empty ones have none."""
    total, reach = 0.0, float("-inf")
    for a, b in sorted(spans):
        if b > max(a, reach):
            total += b - max(a, reach)
            reach = b
    return total
