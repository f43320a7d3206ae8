"""What a stream writes down, and what a second process takes up from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from engine.journal import Journal
from engine.resume import resume
from scheduler import EventLine, GivenLine, QuestionOpened

if TYPE_CHECKING:
    from pathlib import Path

    from engine.clock import StreamClock
    from engine.kaggle.limits import Limits
    from scheduler import JournalHeader, JournalLine, TimeBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The state of a stream at its beginning or where an earlier process left it.

    Attributes:
        clock: Seconds since the stream began.
        budget: The ledger.
        journal: Where everything is written; None for nowhere.
        given: Answers handed over, in order.
        names: What questions were called.
        is_resumed: Whether an earlier process began it.
    """

    clock: StreamClock
    budget: TimeBudget
    journal: Journal | None
    given: tuple[GivenLine, ...] = ()
    names: frozenset[str] = frozenset()
    is_resumed: bool = False

    def write(self, line: JournalLine) -> None:
        """Append a line, if there is a journal."""
        if self.journal is not None:
            self.journal.write(line)


def open_record(
    path: Path | None,
    limits: Limits,
    clock: StreamClock,
    header: JournalHeader,
) -> Record:
    """Begin a stream, or go on with the one that a journal tells of.

    Args:
        path: Of the journal; None for none.
        limits: The time of the stream.
        clock: Of a stream that begins.
        header: The first line of a journal that begins; one that goes on has to agree.

    Raises:
        CallerError: if the journal is damaged, in use, or of another stream.
    """
    if path is None:
        return Record(clock=clock, budget=limits.budget(), journal=None)
    if not path.exists() or not path.stat().st_size:
        journal = Journal.create(path, header)
        return Record(clock=clock, budget=limits.budget(), journal=journal)
    same = {name: getattr(header, name) for name in ("policy", "total_s", "answers", "arms")}
    resumed = resume(path, same)
    given = tuple(line for line in resumed.lines if isinstance(line, GivenLine))
    logger.info(
        "{}: goes on, {} answers were given, {:.0f} s are left",
        path,
        len(given),
        max(0.0, limits.usable_s - resumed.clock()),
    )
    return Record(
        clock=resumed.clock,
        budget=resumed.budget or limits.budget(),
        journal=resumed.journal,
        given=given,
        names=frozenset(_names(resumed.lines)),
        is_resumed=True,
    )


def _names(lines: tuple[JournalLine, ...]) -> set[str]:
    return {
        line.event.question_id
        for line in lines
        if isinstance(line, EventLine) and isinstance(line.event, QuestionOpened)
    }
