"""What a journal's lines say about where a second process goes on."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.answer import Answer
from engine.clock import StreamClock
from engine.journal import Journal
from scheduler import (
    ActionLine,
    BudgetLine,
    CallerError,
    EventLine,
    FinishReason,
    JournalHeader,
    QuestionLine,
    QuestionOpened,
    ResumedLine,
    SampleFinished,
    StartSample,
    SubmitAnswer,
    TextLine,
    TimeBudget,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from scheduler import JournalLine


_LONG = 200
"""Characters of values that are too long to be read in an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """A journal that a second process goes on with.

    Attributes:
        journal: Open.
        lines: That the first process wrote, the header first.
        clock: Has gone on since.
        budget: The ledger, going on now; None where no question had been opened.
    """

    journal: Journal
    lines: tuple[JournalLine, ...]
    clock: StreamClock
    budget: TimeBudget | None


def resume(path: Path, now: Mapping[str, object]) -> Resumed:
    """Go on with a journal, and write that into it.

    Args:
        path: Of the journal.
        now: Fields of the header, as this run has them.

    Raises:
        CallerError: if the journal is damaged, in use or of something else; it is let go then.
    """
    journal, lines = Journal.resume(path)
    try:
        refuse_other(path, lines, now)
        clock = resume_clock(lines)
        budget = resume_budget(lines, clock())
    except CallerError:
        journal.close()  # or else this process could not open it again
        raise
    journal.write(ResumedLine(at_s=clock(), created=datetime.now().astimezone().isoformat()))
    return Resumed(journal=journal, lines=lines, clock=clock, budget=budget)


def resume_clock(lines: Sequence[JournalLine]) -> StreamClock:
    """Return the journal's clock, which has gone on since.

    Args:
        lines: Of a journal, its header first.
    """
    header = lines[0]
    assert isinstance(header, JournalHeader)  # noqa: S101 - the journal was read with it
    shown_s = (_shown_s(line) for line in lines)
    return StreamClock.resume(
        datetime.fromisoformat(header.created),
        at_least_s=max(shown_s),
        boot=header.boot_id,
        zero_s=header.zero_s,
    )


def _shown_s(line: JournalLine) -> float:
    """Return what the clock showed when a line was written, as far as the line says."""
    match line:
        case EventLine(event=event):
            return event.at_s
        case JournalHeader() | QuestionLine() | TextLine():
            return 0.0
        case _:
            return line.at_s


def resume_budget(lines: Iterable[JournalLine], at_s: float) -> TimeBudget | None:
    """Return the ledger as it was last written, going on at `at_s`.

    A question that was open is closed as crashed, so it pays for the time that was lost; it has
    no answer yet and will be asked again.

    Returns:
        The ledger; None where no question had been opened, so that it begins anew.

    Raises:
        CallerError: if `at_s` lies before the ledger's end.
    """
    saved = [line.saved for line in lines if isinstance(line, BudgetLine)]
    return TimeBudget.resume(bytes(saved[-1]), at_s, again=True) if saved else None


def answers_given(lines: Iterable[JournalLine]) -> list[Answer]:
    """Return the answers submitted, in order; the tokens are those of samples that have ended.

    Raises:
        CallerError: if an answer's question was never opened.
    """
    asked = _Asked()
    opened_s: dict[int, float] = {}
    samples: Counter[int] = Counter()
    tokens: Counter[int] = Counter()
    submits: dict[int, ActionLine] = {}
    ledger: BudgetLine | None = None
    for line in lines:
        asked.hear(line)
        match line:
            case EventLine(event=QuestionOpened(at_s=at_s), position=int(position)):
                opened_s[position] = at_s
            case EventLine(event=SampleFinished(position=position, tokens=generated)):
                tokens[position] += generated
            case ActionLine(action=StartSample(), position=position):
                samples[position] += 1
            case ActionLine(action=SubmitAnswer(), position=position):
                submits[position] = line
            case BudgetLine():
                ledger = line
            case _:
                pass
    rows = () if ledger is None else TimeBudget.resume(bytes(ledger.saved), ledger.at_s).rows
    granted_s = [row.granted_s or 0.0 for row in rows if row.question_id is not None]
    return [
        Answer(
            position=position,
            question_id=asked.at(position),
            answer=line.action.answer,
            reason=line.action.reason,
            opened_s=opened_s.get(position, line.at_s),
            seconds=line.at_s - opened_s.get(position, line.at_s),
            granted_s=granted_s[position] if position < len(granted_s) else 0.0,
            samples=samples[position],
            tokens=tokens[position],
        )
        for position, line in submits.items()
        if isinstance(line.action, SubmitAnswer)
    ]


def refuse_other(path: Path, lines: Sequence[JournalLine], now: Mapping[str, object]) -> None:
    """Refuse to go on with a journal of something else.

    Args:
        path: Of the journal.
        lines: Of it, the header first.
        now: Fields of the header, as this run has them.

    Raises:
        CallerError: naming the field and both values.
    """
    for name, value in now.items():
        then = getattr(lines[0], name)
        if then != value:
            values = f"{then!r}, not {value!r}"
            detail = values if len(values) < _LONG else "that differ from what is asked for now"
            raise CallerError(f"{path}: was begun with {name} {detail}")


def samples_done(lines: Iterable[JournalLine]) -> dict[str, set[int]]:
    """Return the numbers of the samples that ended by themselves or at a limit, by question.

    Raises:
        CallerError: if a sample's question was never opened.
    """
    asked = _Asked()
    done: dict[str, set[int]] = defaultdict(set)
    for line in lines:
        asked.hear(line)
        if (
            isinstance(line, EventLine)
            and isinstance(line.event, SampleFinished)
            and line.event.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
        ):
            done[asked.at(line.event.position)].add(line.event.sample)
    return dict(done)


class _Asked:
    """Which question stands at which position."""

    def __init__(self) -> None:
        self._questions: dict[int, str] = {}

    def hear(self, line: JournalLine) -> None:
        if isinstance(line, QuestionLine):
            self._questions[line.position] = line.question_id
        elif (
            isinstance(line, EventLine)
            and isinstance(line.event, QuestionOpened)
            and line.position is not None
        ):
            self._questions[line.position] = line.event.question_id

    def at(self, position: int) -> str:
        if position not in self._questions:
            raise CallerError(f"the journal opens no question at position {position}")
        return self._questions[position]
