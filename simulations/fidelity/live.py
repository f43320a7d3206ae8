"""A live run as its journal tells it, question by question."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from policies import parse_policy
from scheduler import (
    ActionLine,
    BudgetLine,
    EngineLine,
    EventLine,
    FaultLine,
    JournalHeader,
    QuestionLine,
    QuestionOpened,
    ResumedLine,
    SampleEvent,
    SampleFailed,
    SampleFinished,
    SampleProgressed,
)
from simulations.fidelity.course import FIRST_TOKEN, Course
from simulations.fidelity.ledger import terms_of
from simulations.fidelity.logged import logged_samples
from simulations.traces.errors import TraceError, shown
from simulations.traces.journal_lines import journal_lines
from simulations.traces.journal_samples import JournalFollower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from policies import PolicySpec
    from scheduler import JournalLine
    from simulations.fidelity.ledger import Terms
    from simulations.pool import LoggedSample


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveQuestion:
    """One question of a live run.

    Attributes:
        position: Its place in the stream, from 0.
        opened: How it came.
        course: What happened.
        samples: As the simulated world plays them, in start order.
        ledger: The budget as saved before its opening; None for the stream's first question.
        begins: Whether a new process, with a new policy, opened it.
        until_s: When it was answered, or when it was given up.
        faults: Faults that the run reported while it was open.
        failed: Samples that the engine lost.
    """

    position: int
    opened: QuestionOpened
    course: Course
    samples: tuple[LoggedSample, ...]
    ledger: bytes | None
    begins: bool
    until_s: float
    faults: int
    failed: int

    @property
    def answered(self) -> bool:
        """Whether it was answered; if not, there is nothing to compare."""
        return self.course.submit is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A live run.

    Attributes:
        path: Its journal.
        header: The journal's first line.
        policy: What decided.
        terms: Of its time.
        questions: In the order they came.
        notes: What the journal lacks, a line each.
    """

    path: Path
    header: JournalHeader
    policy: PolicySpec
    terms: Terms
    questions: tuple[LiveQuestion, ...]
    notes: tuple[str, ...]

    @property
    def answered(self) -> list[LiveQuestion]:
        """The questions that can be compared."""
        return [question for question in self.questions if question.answered]


def read_run(path: str | PathLike[str]) -> LiveRun:
    """Read the journal of `engine.solve`, plain or gzip.

    What a kill cut off, an unfinished last line or question, is left out with a note.

    Raises:
        TraceError: one line that names the file, and the line where there is one.
    """
    path = Path(path)
    reader: _Reader | None = None
    notes: list[str] = []
    for where, line in journal_lines(path, notes):
        if isinstance(line, JournalHeader):
            reader = _Reader(line)
            policy = _policy(path, line)
        elif reader is not None:
            reader.take(line, where)
    assert reader is not None  # noqa: S101 - the header comes first
    if reader.first_ledger is None:
        raise TraceError(f"{path}: holds no ledger, so no question was opened in it")
    questions = tuple(reader.questions())
    if not any(question.answered for question in questions):
        raise TraceError(f"{path}: must hold at least one answer, holds none")
    notes += [
        f"question {question.opened.question_id} (place {question.position + 1}) was not answered, "
        "left out"
        for question in questions
        if not question.answered
    ]
    every = reader.header.probe_every_tokens
    if every is not None:
        notes.append(
            f"the run probed its samples every {every} tokens for the journal alone; the replay "
            "does not charge that"
        )
    return LiveRun(
        path=path,
        header=reader.header,
        policy=policy,
        terms=terms_of(reader.first_ledger),
        questions=questions,
        notes=tuple(notes),
    )


@dataclass(slots=True)
class _Open:
    """A question while its lines are gathered."""

    follower: JournalFollower
    course: Course
    opened: QuestionOpened
    ledger: bytes | None
    begins: bool
    faults: int = 0
    failed: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    given_up_s: float | None = None


class _Reader:
    """Sorts a journal's lines by question."""

    def __init__(self, header: JournalHeader) -> None:
        self.header = header
        self.first_ledger: bytes | None = None
        self._ledger: bytes | None = None
        self._begins = True
        self._names: dict[int, QuestionLine] = {}
        self._open: dict[int, _Open] = {}
        self._last_s = 0.0

    def take(self, line: JournalLine, where: str) -> None:
        """Take the next line.

        Raises:
            TraceError: if it contradicts those before it.
        """
        if isinstance(line, EngineLine):
            self.header = line.complete(self.header)
        elif isinstance(line, QuestionLine):
            self._names[line.position] = line
        elif isinstance(line, BudgetLine):
            self._ledger = bytes(line.saved)
            self.first_ledger = self.first_ledger or self._ledger
        elif isinstance(line, ResumedLine):
            self._begins = True
            self._give_up(max(line.at_s, self._last_s))
        elif isinstance(line, FaultLine):
            if line.position in self._open:
                self._open[line.position].faults += 1
        elif isinstance(line, ActionLine):
            question = self._at(line.position, where)
            question.follower.take(line, where)
            question.course.actions.append((line.at_s, line.action))
            self._last_s = max(self._last_s, line.at_s)
        elif isinstance(line, EventLine):
            self._event(line, where)

    def questions(self) -> Iterator[LiveQuestion]:
        """Give what was gathered, in the order of the openings."""
        for position, question in self._open.items():
            submit = question.course.submit
            (opening,) = question.follower.openings
            end_s = self._last_s if question.given_up_s is None else question.given_up_s
            yield LiveQuestion(
                position=position,
                opened=question.opened,
                course=question.course,
                samples=logged_samples(opening),
                ledger=question.ledger,
                begins=question.begins,
                until_s=end_s if submit is None else submit[0],
                faults=question.faults,
                failed=len(question.failed),
            )

    def _event(self, line: EventLine, where: str) -> None:
        event = line.event
        if isinstance(event, QuestionOpened):
            self._opened(line, event, where)
        elif isinstance(event, SampleEvent):
            question = self._at(event.position, where)
            question.follower.take(line, where)
            self._hear(question, event, heard=line.heard)
        self._last_s = max(self._last_s, event.at_s)

    def _opened(self, line: EventLine, event: QuestionOpened, where: str) -> None:
        position = line.position
        if position is None:
            raise TraceError(f"{where}, field position: must be a question's place, got null")
        if position in self._open:
            raise TraceError(f"{where}, field position: {position} was opened before")
        self._give_up(event.at_s)
        follower = JournalFollower(self.header)
        if position in self._names:
            follower.take(self._names[position], where)
        follower.take(line, where)
        self._open[position] = _Open(
            follower, Course(event.at_s), event, self._ledger, self._begins
        )
        self._begins = False

    def _give_up(self, at_s: float) -> None:
        """Note that what is open now will never be answered; whoever goes on begins anew."""
        for question in self._open.values():
            if question.course.submit is None and question.given_up_s is None:
                question.given_up_s = at_s
                self._begins = True

    def _hear(self, question: _Open, event: SampleEvent, *, heard: bool) -> None:
        course = question.course
        if isinstance(event, SampleProgressed) and event.sample not in question.ended:
            if event.tokens > FIRST_TOKEN:
                course.points[event.sample] = event.tokens, event.at_s
        elif isinstance(event, SampleFailed):
            question.failed.add(event.sample)
        if isinstance(event, SampleFailed | SampleFinished):
            question.ended.add(event.sample)
        if heard:
            course.events.append(event)

    def _at(self, position: int, where: str) -> _Open:
        if position not in self._open:
            raise TraceError(
                f"{where}, field position: must be that of a question opened before, got {position}"
            )
        return self._open[position]


def _policy(path: Path, header: JournalHeader) -> PolicySpec:
    if header.policy is None:
        raise TraceError(
            f"{path}: is a generation, which no policy decided; give a journal of engine.solve"
        )
    try:
        return parse_policy(header.policy).for_model(header.model)
    except (ValueError, OSError) as error:
        raise TraceError(f"{path} line 1, field policy: {shown(header.policy)}: {error}") from error
