"""What a journal tells of its questions and samples, followed line by line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scheduler import (
    DEFAULT_ARM,
    ActionLine,
    EngineLine,
    EventLine,
    FinishReason,
    ProbeAnswered,
    QuestionLine,
    QuestionOpened,
    ResumedLine,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
    SampleStarted,
    StartSample,
    SubmitAnswer,
    ToolCalled,
    ToolReturned,
)
from simulations.traces.errors import TraceError, shown
from simulations.traces.jsonl_line import answer_text
from simulations.traces.schema import UNNAMED_ARM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduler import AnyEvent, JournalHeader, JournalLine


@dataclass(slots=True)
class Point:
    """A checkpoint: what was measured or asked at one age."""

    mean_entropy: float | None = None
    tail_entropy: float | None = None
    confidence: float | None = None
    probed: bool = False
    answer: str | None = None


@dataclass(slots=True)
class ToolWait:
    """A stretch of tool time.

    Attributes:
        tokens: Generated before it.
        called_s: When it began.
        duration_s: Its length; None: it never ended.
        told_tokens: That the tool's answer put into the context.
    """

    tokens: int
    called_s: float
    duration_s: float | None = None
    told_tokens: int = 0


@dataclass(slots=True)
class Heard:
    """What was heard of one sample; times count from the opening of its question.

    Attributes:
        number: Its number within the question.
        arm: How it was sampled.
        max_tokens: Where the policy wanted it cut; None for nowhere.
        prompt_tokens: Tokens of its prompt, where known.
        candidates: The two that it was to judge; empty: none, or another number, which failed.
        parent: That it builds on; None: on none, or on one of which nothing was heard.
        started_s: When its decoding began, where that was told.
        ended_s: When it ended; None: the journal ends before.
        tokens: Generated so far; None before anything was heard.
        answer: Its final answer.
        finish_reason: `stopped` until its end is heard.
        mean_entropy: Over the whole sample, in nats.
        tail_entropy: Over its last 128 tokens, in nats.
        points: Checkpoints by tokens.
        waits: Tool time, in order.
        before_resume: Whether the process that ran it has died since.
    """

    number: int
    arm: str
    max_tokens: int | None
    prompt_tokens: int | None
    candidates: tuple[()] | tuple[str, str] = ()
    parent: Heard | None = None
    started_s: float | None = None
    ended_s: float | None = None
    tokens: int | None = None
    answer: str | None = None
    finish_reason: FinishReason = FinishReason.STOPPED
    mean_entropy: float | None = None
    tail_entropy: float | None = None
    points: dict[int, Point] = field(default_factory=dict)
    waits: list[ToolWait] = field(default_factory=list)
    before_resume: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it ended by itself or at a limit."""
        return self.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}

    def grow(self, tokens: int) -> None:
        """Note that it has as many tokens."""
        self.tokens = max(self.tokens or 0, tokens)

    def point(self, tokens: int) -> Point:
        """Give the checkpoint at as many tokens."""
        return self.points.setdefault(tokens, Point())


@dataclass(slots=True)
class Opening:
    """A question while it was open in one run.

    Attributes:
        question_id: Its name.
        question: Its text, where known.
        features: Numbers known before its first sample.
        gold: The right answer, where known.
        opened_s: When, in seconds since the stream began.
        answered: Whether an answer was submitted.
        samples: In the order in which they were heard of.
        current: By number, those that events are about.
        asked: Starts by number.
    """

    question_id: str
    question: str | None
    features: dict[str, float]
    gold: str | None
    opened_s: float
    answered: bool = False
    samples: list[Heard] = field(default_factory=list)
    current: dict[int, Heard] = field(default_factory=dict)
    asked: dict[int, StartSample] = field(default_factory=dict)


class JournalFollower:
    """Takes a journal's lines in order and keeps what a trace needs.

    Where the engine contradicted itself, as the core reports in fault lines, the first word
    counts. A sample that a resumed process ran again replaces the one that was cut off.

    Args:
        header: The journal's first line.

    Attributes:
        header: As given, completed once the engine came up.
        openings: In the order of time.
        unplaced_probes: Probes whose age is unknown, which are dropped.
    """

    def __init__(self, header: JournalHeader) -> None:
        self.header = header
        self.openings: list[Opening] = []
        self.unplaced_probes = 0
        self._questions: dict[int, QuestionLine] = {}
        self._at: dict[int, Opening] = {}

    def take(self, line: JournalLine, where: str) -> None:
        """Take the next line.

        Args:
            line: The line.
            where: File and line, for errors.

        Raises:
            TraceError: if it contradicts those before it.
        """
        if isinstance(line, EngineLine):
            self.header = line.complete(self.header)
        elif isinstance(line, QuestionLine):
            self._questions[line.position] = line
        elif isinstance(line, ActionLine) and isinstance(line.action, StartSample):
            self._opening(line.position, where).asked[line.action.sample] = line.action
        elif isinstance(line, ActionLine) and isinstance(line.action, SubmitAnswer):
            self._opening(line.position, where).answered = True
        elif isinstance(line, EventLine) and isinstance(line.event, QuestionOpened):
            self._open(line.event, line.position, where)
        elif isinstance(line, EventLine):
            self._hear(line.event, where)
        elif isinstance(line, ResumedLine):
            for opening in self.openings:
                for sample in opening.samples:
                    sample.before_resume = True

    def _open(self, event: QuestionOpened, position: int | None, where: str) -> None:
        if position is None:
            raise TraceError(f"{where}, field position: must be a question's place, got null")
        known = self._questions.get(position)
        if known is not None and known.question_id != event.question_id:
            raise TraceError(
                f"{where}, field event.question_id: must be {shown(known.question_id)} as in the "
                f"question line of position {position}, got {shown(event.question_id)}"
            )
        again = self._at.get(position)
        if again is not None and again.question_id == event.question_id:
            again.opened_s = event.at_s  # a resumed process takes it up again
            return
        gold = None if known is None else answer_text(known.gold)
        opening = Opening(event.question_id, event.question, event.features, gold, event.at_s)
        self.openings.append(opening)
        self._at[position] = opening

    def _opening(self, position: int, where: str) -> Opening:
        opening = self._at.get(position)
        if opening is None:
            raise TraceError(
                f"{where}, field position: must be that of a question opened before, got {position}"
            )
        return opening

    def _hear(self, event: AnyEvent, where: str) -> None:
        if not isinstance(event, SampleEvent):
            return
        opening = self._opening(event.position, where)
        at_s = event.at_s - opening.opened_s
        if at_s < 0.0:
            raise TraceError(
                f"{where}, field event.at_s: must be at least {opening.opened_s}, when its "
                f"question was opened, got {event.at_s}"
            )
        sample = self._sample(opening, event, where)
        if isinstance(event, ProbeAnswered):
            self._probed(sample, event)
        elif sample.ended_s is not None:
            return
        elif isinstance(event, SampleStarted):
            _began(sample, event, at_s)
        elif isinstance(event, SampleProgressed):
            _progressed(sample, event)
        elif isinstance(event, ToolCalled):
            sample.waits.append(ToolWait(sample.tokens or 0, at_s))
        elif isinstance(event, ToolReturned):
            if sample.waits and sample.waits[-1].duration_s is None:
                sample.waits[-1].duration_s = at_s - sample.waits[-1].called_s
                sample.waits[-1].told_tokens = event.tokens
        else:
            sample.ended_s = at_s
            self._ended(sample, event)

    def _sample(self, opening: Opening, event: SampleEvent, where: str) -> Heard:
        known = opening.current.get(event.sample)
        if known is not None and not (isinstance(event, SampleStarted) and _may_run_again(known)):
            return known
        if known is not None and not known.is_whole:
            opening.samples.remove(known)
        start = opening.asked.get(event.sample)
        arm = self._only_arm(where) if start is None else self._named(start.arm)
        sample = Heard(
            number=event.sample,
            arm=arm,
            max_tokens=None if start is None else start.max_tokens,
            prompt_tokens=self._prompt_tokens(opening, arm, start),
            candidates=_pair(start),
            parent=_parent(opening, start),
        )
        opening.samples.append(sample)
        opening.current[event.sample] = sample
        return sample

    def _prompt_tokens(self, opening: Opening, arm: str, start: StartSample | None) -> int | None:
        """Give what the features say of a sample's prompt.

        They are of the first arm whose prompts hold nothing but the question.
        """
        known = opening.features.get("prompt_tokens")
        if known is None or (start is not None and (start.candidates or start.parent is not None)):
            return None
        alone = (name for name, how in self.header.arms.items() if _stands_alone(how))
        first = next(alone, None if self.header.arms else arm)
        return int(known) if arm == first else None

    def _only_arm(self, where: str) -> str:
        """Give the arm of a sample that no action started, as in a generation."""
        arms = self.header.arms
        if len(arms) > 1:
            raise TraceError(
                f"{where}, field event.sample: must be started by an action before, for the "
                f"header has the arms {', '.join(arms)}"
            )
        return self._named(DEFAULT_ARM)

    def _named(self, arm: str) -> str:
        """Give the name of the arm that is meant."""
        return next(iter(self.header.arms), UNNAMED_ARM) if arm == DEFAULT_ARM else arm

    def _probed(self, sample: Heard, event: ProbeAnswered) -> None:
        if not event.tokens:  # before its first token there is no checkpoint
            self.unplaced_probes += event.tokens is None
            return
        if sample.ended_s is None:
            sample.grow(event.tokens)
        point = sample.point(event.tokens)
        point.probed = True
        point.answer = answer_text(event.answer)

    def _ended(self, sample: Heard, event: AnyEvent) -> None:
        if isinstance(event, SampleFailed):
            sample.finish_reason = FinishReason.ERROR
            sample.grow(0)
        elif isinstance(event, SampleFinished):
            sample.tokens = event.tokens
            sample.finish_reason = event.finish_reason
            if self._was_cut(sample, event):
                sample.finish_reason = FinishReason.STOPPED
            sample.answer = answer_text(event.answer) if sample.is_whole else None
            sample.mean_entropy = event.mean_entropy
            sample.tail_entropy = event.tail_entropy
            if event.confidence is not None:  # samples have no column for it
                _measure(sample, event)

    def _was_cut(self, sample: Heard, event: SampleFinished) -> bool:
        """Whether the policy's own limit ended it: its natural length is not known."""
        return (
            self.header.policy is not None
            and event.finish_reason is FinishReason.LENGTH
            and event.answer is None
            and sample.max_tokens is not None
            and event.tokens >= sample.max_tokens
        )


def started(openings: list[Opening]) -> Iterator[tuple[Opening, Heard]]:
    """Give the samples of which anything was heard, a question's in the order of their starts."""
    for opening in openings:
        for sample in sorted(opening.samples, key=lambda sample: sample.number):
            if sample.tokens is not None:
                yield opening, sample


def unheard(openings: list[Opening]) -> int:
    """Count the samples that were started and never heard of again."""
    samples = Counter(s.tokens is None for opening in openings for s in opening.samples)
    return samples[True]


def _stands_alone(how: dict[str, Any]) -> bool:
    """Whether an arm, as the header tells of it, neither judges answers nor builds on samples."""
    return how.get("builds_on") is None and "{first}" not in str(how.get("messages"))


def _parent(opening: Opening, start: StartSample | None) -> Heard | None:
    if start is None or start.parent is None:
        return None
    return opening.current.get(start.parent)


def _pair(start: StartSample | None) -> tuple[()] | tuple[str, str]:
    match start:
        case StartSample(candidates=(first, second)):
            return first, second
        case _:
            return ()


def _may_run_again(sample: Heard) -> bool:
    """Whether a start means another run, not an engine that says it twice."""
    return sample.before_resume or sample.finish_reason is FinishReason.ERROR


def _began(sample: Heard, event: SampleStarted, at_s: float) -> None:
    sample.started_s = at_s if sample.started_s is None else sample.started_s
    if event.prompt_tokens is not None:
        sample.prompt_tokens = event.prompt_tokens


def _progressed(sample: Heard, event: SampleProgressed) -> None:
    if event.tokens:
        sample.grow(event.tokens)
        _measure(sample, event)


def _measure(sample: Heard, event: SampleProgressed | SampleFinished) -> None:
    if event.tokens:
        point = sample.point(event.tokens)
        point.mean_entropy = event.mean_entropy
        point.tail_entropy = event.tail_entropy
        point.confidence = event.confidence
