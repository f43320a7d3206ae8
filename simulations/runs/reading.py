"""Reading a journal into a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler import (
    ActionLine,
    BudgetLine,
    EngineLine,
    EventLine,
    FaultLine,
    GivenLine,
    JournalHeader,
    QuestionLine,
    QuestionOpened,
    ResumedLine,
    SampleEvent,
    TimeBudget,
    TrimLine,
)
from simulations.fidelity.ledger import terms_of
from simulations.runs.following import Follower
from simulations.runs.run import QuestionRun, Run
from simulations.traces.errors import TraceError
from simulations.traces.journal_lines import journal_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    from scheduler import AnyAction, AnyEvent, JournalLine


def read_run(path: str | PathLike[str], progress: Callable[[int], object] | None = None) -> Run:
    """Read a journal that a policy decided, plain or gzip.

    Args:
        path: The file.
        progress: Called now and then with the number of bytes read so far.

    Raises:
        TraceError: one line that names the file, and the line where there is one.
    """
    path = Path(path)
    notes: list[str] = []
    lines = journal_lines(path, notes, progress)
    run = run_of(lines, path.name, notes)
    digest = sha256(path.read_bytes()).hexdigest()
    if not run.questions:
        raise TraceError(f"{path}: must tell of at least one question, tells of none")
    if run.header.policy is None:
        raise TraceError(
            f"{path}: is a generation, which no policy decided; give the journal of a run"
        )
    return replace(run, digest=digest)


def run_of(lines: Iterable[tuple[str, JournalLine]], name: str, notes: Iterable[str] = ()) -> Run:
    """Make a run of a journal's lines.

    Args:
        lines: Each with its place, for errors; the header first.
        name: What the run is called.
        notes: What is to be said of the journal; more may come while the lines are read.

    Raises:
        TraceError: if a line contradicts those before it.
    """
    gathered: _Gathered | None = None
    for where, line in lines:
        if isinstance(line, JournalHeader):
            gathered = _Gathered(line)
        elif gathered is not None:
            gathered.take(line, where)
    assert gathered is not None  # noqa: S101 - the header comes first
    return gathered.run(name, notes)


@dataclass(slots=True)
class _Open:
    """A question while its lines are gathered.

    Attributes:
        question: As far as it is known.
        given_up_s: When another came or its process was replaced; None for never.
        died_s: When its process spoke last; None while that lives.
    """

    question: QuestionRun
    given_up_s: float | None = None
    died_s: float | None = None


@dataclass(slots=True)
class _Gathered:
    """A journal's lines, sorted by question."""

    header: JournalHeader
    _names: dict[int, QuestionLine] = field(default_factory=dict)
    _open: dict[int, _Open] = field(default_factory=dict)
    _ledger: BudgetLine | None = None
    _down: list[tuple[float, float]] = field(default_factory=list)
    _last_s: float = 0.0

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
            self._ledger = line
        elif isinstance(line, ResumedLine):
            self._resumed(line)
        elif isinstance(line, GivenLine):
            self._given(line)
        elif isinstance(line, EventLine):
            self._event(line, where)
        elif isinstance(line, ActionLine):
            self._tell(line.position, line.at_s, line.action, where)
        elif isinstance(line, TrimLine | FaultLine) and line.position is not None:
            self._tell(line.position, line.at_s, line, where)
        self._last_s = max(self._last_s, _time_of(line))

    def run(self, name: str, notes: Iterable[str]) -> Run:
        """Follow every question and put them together."""
        grants = self._grants()
        terms = None if self._ledger is None else terms_of(bytes(self._ledger.saved))
        for place, gathered in enumerate(self._open.values()):
            question = gathered.question
            question.told.sort(key=lambda told: told[0])  # stable: equal times keep their order
            follower = Follower(question)
            for at_s, told in question.told:
                follower.take(at_s, told)
            given_up_s = self._last_s if gathered.given_up_s is None else gathered.given_up_s
            died_s = self._last_s if gathered.died_s is None else gathered.died_s
            follower.close(min(given_up_s, died_s), died_s)
            question.granted_s = grants[place] if place < len(grants) else None
        return Run(
            name=name,
            digest="",
            header=self.header,
            reserve_s=0.0 if terms is None else terms.reserve_s,
            planned=None if terms is None else terms.high,
            questions=tuple(gathered.question for gathered in self._open.values()),
            down=tuple(self._down),
            notes=tuple(notes),
        )

    def _grants(self) -> list[float | None]:
        """Return what each question was granted, in the order they came."""
        if self._ledger is None:
            return []
        rows = TimeBudget.resume(bytes(self._ledger.saved), self._last_s).rows
        granted = [row.granted_s for row in rows if row.question_id is not None]
        return [None if one == float("inf") else one for one in granted]

    def _event(self, line: EventLine, where: str) -> None:
        event = line.event
        if isinstance(event, QuestionOpened):
            self._opened(line.position, event, where)
        elif isinstance(event, SampleEvent):
            self._tell(event.position, event.at_s, event, where)

    def _opened(self, position: int | None, event: QuestionOpened, where: str) -> None:
        if position is None:
            raise TraceError(f"{where}, field position: must be a question's place, got null")
        if position in self._open:
            raise TraceError(f"{where}, field position: {position} was opened before")
        self._give_up(event.at_s)
        named = self._names.get(position)
        question = QuestionRun(
            position=position,
            question_id=event.question_id,
            question=event.question,
            gold=None if named is None else named.gold,
            features=event.features,
            opened_s=event.at_s,
            until_s=event.at_s,
        )
        self._open[position] = _Open(question)

    def _tell(
        self,
        position: int,
        at_s: float,
        told: AnyAction | AnyEvent | FaultLine | TrimLine,
        where: str,
    ) -> None:
        if position not in self._open:
            raise TraceError(
                f"{where}, field position: must be that of a question opened before, got {position}"
            )
        gathered = self._open[position]
        gathered.question.told.append((at_s, told))

    def _resumed(self, line: ResumedLine) -> None:
        at_s = max(line.at_s, self._last_s)
        self._down.append((self._last_s, at_s))
        for gathered in self._open.values():
            if gathered.died_s is None:
                gathered.died_s = self._last_s
        self._give_up(at_s)

    def _give_up(self, at_s: float) -> None:
        for gathered in self._open.values():
            if gathered.given_up_s is None:
                gathered.given_up_s = at_s

    def _given(self, line: GivenLine) -> None:
        """Lay an answer that was handed over beside the latest question of that text."""
        for gathered in reversed(self._open.values()):
            question = gathered.question
            if question.question == line.question:
                if question.given is None:
                    question.given = line.answer
                return


def _time_of(line: JournalLine) -> float:
    """Return when a line was told; 0 where it does not say."""
    if isinstance(line, EventLine):
        return line.event.at_s
    at_s: float = getattr(line, "at_s", 0.0)
    return at_s
