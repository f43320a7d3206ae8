"""One run as its journal tells it: a stream, its questions and their samples.

All times are seconds since the stream began, as in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler import (
        AnyAction,
        AnyEvent,
        FaultLine,
        JournalHeader,
        Reason,
        StartSample,
        StopSample,
        SubmitAnswer,
        TrimLine,
    )


class End(StrEnum):
    """How a sample ended."""

    VOTED = "voted"
    """It finished with an answer, which voted."""
    NO_ANSWER = "no answer"
    """It finished, or came to its limit of tokens, without an answer that votes."""
    STOPPED = "stopped"
    """The policy or the answer of its question stopped it."""
    LOST = "lost"
    """The engine lost it, or the process that ran it died."""


class Outcome(StrEnum):
    """How a question ended."""

    RIGHT = "right"
    """The answer submitted was the right one."""
    WRONG = "wrong"
    """It was another one."""
    UNKNOWN = "answered"
    """An answer was submitted, and the journal does not hold the right one."""
    NONE = "no answer"
    """Nothing had voted, or nothing was submitted."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a sample answered to a probe, and when; None where nothing parsed."""

    at_s: float
    answer: str | None


@dataclass(slots=True)
class SampleRun:
    """One sample.

    Attributes:
        sample: Its number within the question, from 0.
        asked_s: When its start was decided.
        start: That decision.
        started_s: When its decoding began; None if that was never told.
        ended_s: When it ended; where that was not told, when it was stopped or its process died.
        end: How.
        answer: What it voted for.
        tokens: At its last sign of life; None before the first.
        stopped_s: When its stop was decided; None if it was not stopped.
        stop: That decision.
        probes: Answers on the way.
        waits: From when to when it waited for a tool, out of the engine's batch.
        message: What the engine said when it lost the sample.
    """

    sample: int
    asked_s: float
    start: StartSample
    started_s: float | None = None
    ended_s: float | None = None
    end: End = End.LOST
    answer: str | None = None
    tokens: int | None = None
    stopped_s: float | None = None
    stop: StopSample | None = None
    probes: list[Probed] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)
    message: str = ""

    @property
    def live(self) -> bool:
        """Whether it may still vote, as long as a question is followed."""
        return self.ended_s is None and self.stopped_s is None


@dataclass(slots=True, kw_only=True)
class QuestionRun:
    """One question.

    Attributes:
        position: Its place in the stream, from 0.
        question_id: Its name.
        question: Its text, where known.
        gold: The right answer, where known.
        features: Numbers known before its first sample.
        opened_s: When it came.
        until_s: When its answer was submitted, or when it was given up.
        submit: The answer and why; None where the process died before.
        given: What was handed to the gateway; None where there was none.
        granted_s: The most it was allowed; None without a limit or where not told.
        samples: By number.
        settled_s: From when on no running sample could change the answer; None if that moment
            did not come before the answer was submitted for another reason.
        told: Everything about it, with its time, in order.
    """

    position: int
    question_id: str
    question: str | None = None
    gold: str | None = None
    features: dict[str, float]
    opened_s: float
    until_s: float
    submit: SubmitAnswer | None = None
    given: int | None = None
    granted_s: float | None = None
    samples: dict[int, SampleRun] = field(default_factory=dict)
    settled_s: float | None = None
    told: list[tuple[float, AnyAction | AnyEvent | FaultLine | TrimLine]] = field(
        default_factory=list
    )

    @property
    def seconds(self) -> float:
        """From its opening to its answer."""
        return self.until_s - self.opened_s

    @property
    def decided_s(self) -> float:
        """From when on nothing could change its answer any more."""
        return self.until_s if self.settled_s is None else self.settled_s

    @property
    def answer(self) -> str | None:
        """What was submitted."""
        return None if self.submit is None else self.submit.answer

    @property
    def settled_after_s(self) -> float | None:
        """From its opening to `settled_s`."""
        return None if self.settled_s is None else self.settled_s - self.opened_s

    @property
    def given_instead(self) -> str | None:
        """What was handed to the gateway, where that is something else than its answer."""
        given = None if self.given is None else str(self.given)
        return None if given == self.answer else given

    @property
    def reason(self) -> Reason | None:
        """Why it ended then; None where nothing was submitted."""
        return None if self.submit is None else self.submit.reason

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        if self.answer is None:
            return Outcome.NONE
        if self.gold is None:
            return Outcome.UNKNOWN
        return Outcome.RIGHT if self.answer == self.gold else Outcome.WRONG

    @property
    def was_within_reach(self) -> bool | None:
        """Whether any sample gave the right answer, at its end or to a probe; None if unknown.

        Where no sample gave any answer at all, none gave the right one.
        """
        answers = {sample.answer for sample in self.samples.values()}
        answers |= {probe.answer for sample in self.samples.values() for probe in sample.probes}
        if not answers - {None}:
            return False
        return None if self.gold is None else self.gold in answers

    @property
    def tokens(self) -> int:
        """Tokens generated for it, as far as that was told."""
        return sum(sample.tokens or 0 for sample in self.samples.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole run.

    Attributes:
        name: Of the journal.
        digest: SHA-256 (hex) of its content, as it is on the disk.
        header: Its first line, completed once the engine came up.
        reserve_s: Seconds at the end that no question may touch.
        planned: At most so many questions were expected; None where nothing bounded them.
        questions: In the order they came.
        down: From when to when no process ran.
        notes: What the journal lacks or contradicts, a line each.
    """

    name: str
    digest: str
    header: JournalHeader
    reserve_s: float
    planned: int | None
    questions: tuple[QuestionRun, ...]
    down: tuple[tuple[float, float], ...]
    notes: tuple[str, ...]

    @property
    def total_s(self) -> float | None:
        """Seconds of the stream; None without a limit."""
        return self.header.total_s

    @property
    def until_s(self) -> float:
        """When the last answer was out, or the last question was given up."""
        return max((question.until_s for question in self.questions), default=0.0)
