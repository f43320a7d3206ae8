"""The story of one question: what was known when, what was decided and why.

Told twice at once: each moment is a sentence for people and the same in fields for programs.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from scheduler import (
    FaultLine,
    Limit,
    ProbeAnswered,
    ProbeSample,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleStarted,
    StartSample,
    StopSample,
    SubmitAnswer,
    ToolCalled,
    ToolReturned,
    TrimLine,
)
from simulations.runs.following import Follower
from simulations.runs.run import End, Outcome
from simulations.runs.uses import share_out
from simulations.runs.words import SINCE, TIMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scheduler import AnyAction, AnyEvent
    from simulations.runs.run import QuestionRun, Run

    Told = AnyAction | AnyEvent | FaultLine | TrimLine

_LIMITS = {
    Limit.TIME_LEFT: "the time left",
    Limit.FLOOR: "what is kept for later questions",
    Limit.CAP: "the most that one question may cost",
}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened or was decided.

    Attributes:
        at_s: Seconds since the question came.
        what: Its kind.
        text: In words.
        samples: Those it is about.
        reason: Of a decision.
        numbers: The figures behind it; an infinite one as text.
        answer: That was given or submitted, where one was.
        votes: Of finished samples by answer, after it.
    """

    at_s: float
    what: str
    text: str
    samples: list[int] = []
    reason: str | None = None
    numbers: dict[str, float | str] = {}
    answer: str | None = None
    votes: dict[str, int] = {}


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One question.

    Attributes:
        journal: Name of the file.
        digest: SHA-256 (hex) of its content.
        question_id: The question.
        place: In the stream, from 1.
        question: Its text, where known.
        gold: The right answer, where known.
        answer: What was submitted.
        given: What was handed to the gateway.
        outcome: How it ended.
        reason: Why then.
        opened_s: When it came, in seconds since the stream began.
        seconds: From there to the answer.
        granted_s: The most it was allowed; None without a limit or where not told.
        settled_after_s: When no running sample could change the answer any more; None: never
            before it was out.
        seconds_by_use: What its time went to, in seconds of the stream's clock.
        summary: How it ended, in words.
        moments: In order.
    """

    journal: str
    digest: str
    question_id: str
    place: int
    question: str | None
    gold: str | None
    answer: str | None
    given: int | None
    outcome: str
    reason: str | None
    opened_s: float
    seconds: float
    granted_s: float | None
    settled_after_s: float | None
    seconds_by_use: dict[str, float]
    summary: str
    moments: list[Moment]


def tell(run: Run, question_id: str) -> list[Story]:
    """Tell the story of a question, once for each time it came; nothing if it never did."""
    shares = share_out(run).questions
    return [
        _story(run, question, {use.value: round(s, 6) for use, s in used.items()})
        for question, used in zip(run.questions, shares, strict=True)
        if question.question_id == question_id
    ]


def _story(run: Run, question: QuestionRun, seconds_by_use: dict[str, float]) -> Story:
    return Story(
        journal=run.name,
        digest=run.digest,
        question_id=question.question_id,
        place=question.position + 1,
        question=question.question,
        gold=question.gold,
        answer=question.answer,
        given=question.given,
        outcome=question.outcome.value,
        reason=None if question.reason is None else question.reason.value,
        opened_s=question.opened_s,
        seconds=question.seconds,
        granted_s=question.granted_s,
        settled_after_s=question.settled_after_s,
        seconds_by_use=seconds_by_use,
        summary=_summary(question),
        moments=list(_Teller(run, question).moments()),
    )


def _summary(question: QuestionRun) -> str:
    spent = f"after {question.seconds:,.2f} s"
    if question.granted_s is not None:
        spent += f" of at most {question.granted_s:,.2f} s"
    if question.submit is None:
        return f"Nothing was submitted: its process died {spent}."
    answer = "nothing" if question.answer is None else question.answer
    verdict = {
        Outcome.RIGHT: ": that is right",
        Outcome.WRONG: f": {question.gold} is right",
        Outcome.UNKNOWN: "",
        Outcome.NONE: "" if question.gold is None else f": {question.gold} is right",
    }[question.outcome]
    reach = ""
    if question.outcome in {Outcome.WRONG, Outcome.NONE}:
        if question.was_within_reach:
            reach = " A sample gave the right answer."
        elif question.was_within_reach is False:
            reach = " No sample ever gave the right answer."
    return f"{answer} was submitted {spent}{verdict}.{reach}"


class _Teller:
    """Goes through what was told of a question once more, and puts it into words."""

    def __init__(self, run: Run, question: QuestionRun) -> None:
        self._run = run
        self._question = question
        self._again = replace(
            question, samples={}, submit=None, settled_s=None, until_s=question.opened_s
        )
        self._follower = Follower(self._again)
        self._was_settled = False

    def moments(self) -> Iterator[Moment]:
        """Give the moments in order."""
        yield self._opening()
        for group in self._groups():
            for at_s, told in group:
                self._follower.take(at_s, told)
            at_s, first = group[-1][0], group[0][1]
            yield from self._moment(at_s, first, [told for _, told in group])
            yield from self._settling(at_s)
        yield from self._closing()

    def _groups(self) -> Iterator[list[tuple[float, Told]]]:
        """Put together what is told in one sentence: alike, at once, for one reason."""
        told = [(at_s, one) for at_s, one in self._question.told if _is_told(one)]
        for _, group in groupby(told, key=lambda pair: _likeness(*pair)):
            yield list(group)

    def _opening(self) -> Moment:
        question, run = self._question, self._run
        count = "" if run.planned is None else f" of {run.planned}"
        parts = [f"It came as question {question.position + 1}{count},"]
        parts.append(f"{question.opened_s:,.2f} s into the stream.")
        numbers: dict[str, float | str] = {}
        if run.total_s is not None:
            left_s = max(0.0, run.total_s - run.reserve_s - question.opened_s)
            parts.append(f"{left_s:,.2f} s were left, the reserve taken off.")
            numbers["left_s"] = round(left_s, 6)
        if question.granted_s is not None:
            parts.append(f"It was granted {question.granted_s:,.2f} s at most.")
            numbers["granted_s"] = question.granted_s
        if question.features:
            known = ", ".join(f"{name} {value:,g}" for name, value in question.features.items())
            parts.append(f"Known before the first sample: {known}.")
        return Moment(at_s=0.0, what="opened", text=" ".join(parts), numbers=numbers)

    def _moment(self, at_s: float, first: Told, group: Sequence[Told]) -> Iterator[Moment]:
        since_s = at_s - self._question.opened_s
        if isinstance(first, TrimLine):
            asked = "all there is" if first.asked is None else f"{first.asked:,.2f}"
            text = (
                f"The policy asked for {first.field} {asked} and got {first.granted:,.2f}, "
                f"bounded by {_LIMITS[first.limit]}."
            )
            yield Moment(at_s=since_s, what="trimmed", text=text)
        elif isinstance(first, FaultLine):
            yield Moment(at_s=since_s, what="fault", text=f"Something went wrong: {first.message}.")
        elif isinstance(first, SampleEvent):
            yield self._event(since_s, first, group)
        elif isinstance(first, StartSample | StopSample | ProbeSample | SubmitAnswer):
            yield self._decision(since_s, first, group)

    def _decision(
        self,
        since_s: float,
        first: StartSample | StopSample | ProbeSample | SubmitAnswer,
        group: Sequence[Told],
    ) -> Moment:
        because = f"since {SINCE[first.reason]}{_figures(first.numbers)}"
        numbers: dict[str, float | str] = {
            name: value if isfinite(value) else str(value) for name, value in first.numbers.items()
        }
        if isinstance(first, SubmitAnswer):
            answer = "Nothing" if first.answer is None else first.answer
            return Moment(
                at_s=since_s,
                what="submitted",
                text=f"{answer} was submitted, {because}.{self._votes_text()}",
                reason=first.reason,
                numbers=numbers,
                answer=first.answer,
                votes=self._votes(),
            )
        kinds = StartSample | StopSample | ProbeSample
        samples = [one.sample for one in group if isinstance(one, kinds)]
        what = {StartSample: "started", StopSample: "stopped", ProbeSample: "asked"}[type(first)]
        where = ""
        if isinstance(first, ProbeSample):
            what, where = "asked", " for an answer so far"
            if first.forced:
                where += ", which counts as a vote"
        return Moment(
            at_s=since_s,
            what=what,
            text=f"{_named(samples)} {_was(samples)} {what}{where}, {because}.",
            samples=samples,
            reason=first.reason,
            numbers=numbers,
        )

    def _event(self, since_s: float, first: SampleEvent, group: Sequence[Told]) -> Moment:
        samples = [one.sample for one in group if isinstance(one, SampleEvent)]
        if isinstance(first, ProbeAnswered):
            answers = [one.answer for one in group if isinstance(one, ProbeAnswered)]
            return Moment(
                at_s=since_s,
                what="answered",
                text=f"{_named(samples)} answered: {_counted(answers, self._question.gold)}.",
                samples=samples,
                answer=answers[0] if len(set(answers)) == 1 else None,
            )
        if isinstance(first, SampleFinished):
            return self._finish(since_s, first, group, samples)
        if isinstance(first, SampleFailed):
            text = f"{_named(samples)} {_was(samples)} lost: {first.message or 'no word why'}."
            return Moment(at_s=since_s, what="lost", text=text, samples=samples)
        words = {
            SampleStarted: ("began", "began to generate"),
            ToolCalled: ("tool called", "went to wait for a tool"),
            ToolReturned: ("tool returned", "had the tool's answer"),
        }
        what, text = words[type(first)]
        return Moment(at_s=since_s, what=what, text=f"{_named(samples)} {text}.", samples=samples)

    def _finish(
        self, since_s: float, first: SampleFinished, group: Sequence[Told], samples: list[int]
    ) -> Moment:
        tokens = sum(one.tokens for one in group if isinstance(one, SampleFinished))
        sample = self._again.samples.get(first.sample)
        ended = End.LOST if sample is None else sample.end
        if ended is End.STOPPED:
            text = f"{_named(samples)} left the engine, stopped after {tokens:,} tokens."
            return Moment(at_s=since_s, what="left", text=text, samples=samples)
        answer = None if sample is None else sample.answer
        given = "without an answer" if answer is None else f"with {answer}"
        if answer is not None and answer == self._question.gold:
            given += " (right)"
        text = f"{_named(samples)} ended {given} after {tokens:,} tokens."
        return Moment(
            at_s=since_s,
            what="ended",
            text=text + ("" if self._again.submit else self._votes_text()),
            samples=samples,
            answer=answer,
            votes=self._votes(),
        )

    def _settling(self, at_s: float) -> Iterator[Moment]:
        """Say when the vote becomes settled, and when starts open it again."""
        settled = self._follower.settled
        if settled == self._was_settled or self._again.submit is not None:
            return
        self._was_settled = settled
        tally = self._follower.tally
        live = sum(sample.live for sample in self._again.samples.values())
        rest = f"{live} that still {'runs' if live == 1 else 'run'}"
        if not settled:
            text = f"The vote is open again: the {rest} could change the leader."
        elif live:
            text = (
                f"The vote is settled: {tally.leader} leads by {tally.margin:g}, which the {rest} "
                "cannot change."
            )
        else:
            text = f"The vote is settled: {tally.leader} leads by {tally.margin:g}, and none runs."
        yield Moment(
            at_s=at_s - self._question.opened_s,
            what="settled" if settled else "opened again",
            text=text,
            answer=tally.leader,
            votes=self._votes(),
        )

    def _closing(self) -> Iterator[Moment]:
        question = self._question
        since_s = question.until_s - question.opened_s
        if question.submit is None:
            yield Moment(at_s=since_s, what="died", text="The process died here.")
        if (given := question.given_instead) is not None:
            text = f"{given} was handed to the gateway."
            yield Moment(at_s=since_s, what="given", text=text, answer=given)

    def _votes(self) -> dict[str, int]:
        final = self._follower.tally.final
        ranked = sorted(final, key=final.__getitem__, reverse=True)
        return {answer: round(final[answer]) for answer in ranked}

    def _votes_text(self) -> str:
        votes = self._votes()
        told = ", ".join(f"{answer}{TIMES}{count}" for answer, count in votes.items())
        return f" Votes: {told}." if told else " Nothing has voted."


def _is_told(told: Told) -> bool:
    """Whether it is worth a sentence; that a sample grew is not."""
    kinds = (
        StartSample | StopSample | ProbeSample | SubmitAnswer | TrimLine | FaultLine | ProbeAnswered
    )
    others = SampleStarted | SampleFinished | SampleFailed | ToolCalled | ToolReturned
    return isinstance(told, kinds | others)


def _likeness(at_s: float, told: Told) -> tuple[object, ...]:
    """Return what is equal for two that go into one sentence."""
    kind = type(told)
    if isinstance(told, StartSample | StopSample | ProbeSample):
        return kind, at_s, told.reason, tuple(told.numbers.items())
    if isinstance(told, SampleStarted | ProbeAnswered | ToolCalled | ToolReturned):
        return (kind,)
    if isinstance(told, SampleFinished) and told.finish_reason == End.STOPPED.value:
        return kind, "stopped"
    return kind, id(told)


def _named(samples: Sequence[int]) -> str:
    """Name samples: one, or how many and which, runs of numbers joined."""
    if len(samples) == 1:
        return f"Sample {samples[0]}"
    spans: list[list[int]] = []
    for sample in sorted(set(samples)):
        if spans and sample == spans[-1][-1] + 1:
            spans[-1].append(sample)
        else:
            spans.append([sample])
    told = ", ".join(str(s[0]) if len(s) == 1 else f"{s[0]}–{s[-1]}" for s in spans)
    return f"Samples {told}"


def _was(samples: Sequence[int]) -> str:
    return "was" if len(samples) == 1 else "were"


def _counted(answers: Iterable[str | None], gold: str | None) -> str:
    counts: dict[str, int] = {}
    for answer in answers:
        word = "nothing" if answer is None else answer
        word += " (right)" if answer is not None and answer == gold else ""
        counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=lambda word: -counts[word])
    return ", ".join(
        f"{word}{TIMES}{counts[word]}" if counts[word] > 1 else word for word in ranked
    )


def _figures(numbers: Mapping[str, float]) -> str:
    told = ", ".join(f"{name} {value:,.4g}" for name, value in numbers.items())
    return f" ({told})" if told else ""
