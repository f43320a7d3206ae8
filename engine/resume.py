"""What a journal's lines say about where a second process goes on."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from engine.clock import StreamClock
from scheduler import (
    ActionLine,
    BudgetLine,
    CallerError,
    EventLine,
    FinishReason,
    JournalHeader,
    QuestionLine,
    QuestionOpened,
    SampleFinished,
    SubmitAnswer,
    TimeBudget,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scheduler import JournalLine


def resume_clock(lines: Sequence[JournalLine]) -> StreamClock:
    """Return the journal's clock, which has gone on since.

    Args:
        lines: Of a journal, its header first.
    """
    header = lines[0]
    assert isinstance(header, JournalHeader)  # noqa: S101 - the journal was read with it
    last_s = max((line.event.at_s for line in lines if isinstance(line, EventLine)), default=0.0)
    return StreamClock(datetime.fromisoformat(header.created), at_least_s=last_s)


def resume_budget(lines: Iterable[JournalLine], at_s: float) -> TimeBudget | None:
    """Return the ledger as it was last written, going on at `at_s`.

    A question that was open is closed as crashed, so it pays for the time that was lost.

    Returns:
        The ledger; None where no question had been opened, so that it begins anew.

    Raises:
        CallerError: if `at_s` lies before the ledger's end.
    """
    saved = [line.saved for line in lines if isinstance(line, BudgetLine)]
    return TimeBudget.resume(bytes(saved[-1]), at_s) if saved else None


def answers_given(lines: Iterable[JournalLine]) -> dict[int, tuple[str, str | None]]:
    """Return the answers submitted: position → (question_id, answer).

    Raises:
        CallerError: if an answer's question was never opened.
    """
    asked = _Asked()
    answers: dict[int, tuple[str, str | None]] = {}
    for line in lines:
        asked.hear(line)
        if isinstance(line, ActionLine) and isinstance(line.action, SubmitAnswer):
            answers[line.position] = (asked.at(line.position), line.action.answer)
    return answers


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
