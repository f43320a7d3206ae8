"""The time budget: the ledger of a whole stream.

Every second of the stream's clock belongs to a row: to a question from its opening to its
answer, or to the overhead before and between questions (start-up, model loading, gateway).
So at any time, for `total_s`,

    spent on questions + overhead + left = total

and the grant of a question is cut so that the seconds left after it never fall below the floor
of the questions that may still come. Where a late start has made that floor impossible, it
shrinks to an equal share of what is left.
"""

from __future__ import annotations

from enum import StrEnum
from math import ceil, inf

import msgspec

from scheduler.checks import require_finite, require_number
from scheduler.errors import CallerError
from scheduler.reasons import Reason

FORMAT = 1


class Limit(StrEnum):
    """What bounds the seconds of a grant."""

    TIME_LEFT = "time-left"
    """The end of the stream, less its reserve."""
    FLOOR = "floor"
    """What is kept for the questions that may still come."""
    CAP = "cap"
    """The most that one question may cost."""


class QuestionsLeft(msgspec.Struct, frozen=True):
    """How many questions are still to come, the open one included.

    Attributes:
        low: At least so many.
        expected: To plan with.
        high: At most so many; None if nothing bounds them.
    """

    low: int
    expected: float
    high: int | None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream can give a question.

    Attributes:
        total_s: Seconds of the stream, its reserve taken off; infinite without a limit.
        left_s: Seconds of them left.
        seen: Questions that came before this one.
        questions_left: Questions still to come, this one included.
        average_s: `total_s` by the expected number of questions of the stream.
        hard_s: The most that this question may take, in seconds from its opening.
        limit: What bounds `hard_s`.
        floor_s: Seconds kept for each later question.
    """

    total_s: float
    left_s: float
    seen: int
    questions_left: QuestionsLeft
    average_s: float
    hard_s: float
    limit: Limit
    floor_s: float

    @property
    def share_s(self) -> float:
        """Seconds left by the expected number of questions left."""
        return self.left_s / self.questions_left.expected


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of the stream's time.

    Attributes:
        question_id: The question; None for overhead.
        opened_s: Where it begins, in seconds since the stream began.
        spent_s: Its length.
        granted_s: What the question was allowed; None for overhead, infinite without a limit.
        reason: Why the question ended; None for overhead.
    """

    question_id: str | None
    opened_s: float
    spent_s: float
    granted_s: float | None = None
    reason: Reason | None = None

    @property
    def returned_s(self) -> float | None:
        """Seconds granted and not spent; below 0 would be an overrun."""
        return None if self.granted_s is None else self.granted_s - self.spent_s


class TimeBudget:
    """The ledger and the rule that draws grants from it.

    Args:
        total_s: Seconds of the whole stream, infinite for no limit.
        questions: How many there are: a number, (at least, at most), or None for unknown. An
            unknown number is planned as if as many again would come as have come (J. R. Gott,
            Nature 363, 1993: the median of a duration observed at a random moment).
        reserve_s: Seconds at the end that no question may touch.
        floor_s: Seconds kept for each question that may still come.
        cap_s: The most that one question may cost; None for no cap.

    Raises:
        CallerError: naming the argument that is impossible.
    """

    def __init__(
        self,
        total_s: float,
        *,
        questions: int | tuple[int, int] | None,
        reserve_s: float = 0.0,
        floor_s: float = 0.0,
        cap_s: float | None = None,
    ) -> None:
        require_number("total_s", total_s, 0.0)
        require_finite("reserve_s", reserve_s, 0.0)
        require_finite("floor_s", floor_s, 0.0)
        if reserve_s > total_s:
            raise CallerError(f"reserve_s must be at most total_s = {total_s!r}, got {reserve_s!r}")
        if cap_s is not None:
            require_number("cap_s", cap_s, 0.0)
        self._low, self._high = _bounds(questions)
        self._total_s = float(total_s)
        self._reserve_s = float(reserve_s)
        self._floor_s = float(floor_s)
        self._cap_s = inf if cap_s is None else float(cap_s)
        self._rows: list[LedgerRow] = []
        self._seen = 0
        self._settled_s = 0.0  # up to here the rows account for the clock
        self._open: tuple[str, float, float] | None = None  # id, opened_s, granted_s

    @property
    def rows(self) -> tuple[LedgerRow, ...]:
        """The closed stretches, in order."""
        return tuple(self._rows)

    @property
    def seen(self) -> int:
        """Questions that have come so far, the open one included."""
        return self._seen

    @property
    def clock_s(self) -> float:
        """Up to when the rows account for the stream."""
        return self._settled_s

    @property
    def left_s(self) -> float:
        """Seconds left at `clock_s`, the reserve taken off; below 0 after an overrun."""
        return self._total_s - self._reserve_s - self._settled_s

    def open(self, question_id: str, at_s: float) -> Grant:
        """Open a question and say what it may have.

        Time since the last row is charged as overhead.

        Raises:
            CallerError: if a question is open already or time went back.
        """
        if self._open is not None:
            raise CallerError(f"question {self._open[0]!r} is open, cannot open {question_id!r}")
        self._charge_overhead(at_s)
        self._seen += 1
        grant = self._grant(at_s)
        self._open = (question_id, at_s, grant.hard_s)
        return grant

    def commit(self, granted_s: float) -> None:
        """Note how much of the grant the open question's allowance took.

        Raises:
            CallerError: if no question is open or the grant does not hold as much.
        """
        if self._open is None:
            raise CallerError("no question is open")
        question_id, opened_s, most_s = self._open
        require_number("granted_s", granted_s, 0.0, most_s)
        self._open = (question_id, opened_s, granted_s)

    def close(self, at_s: float, reason: Reason) -> LedgerRow:
        """Close the open question; what it did not use is back in the stream.

        Raises:
            CallerError: if no question is open or time went back.
        """
        if self._open is None:
            raise CallerError("no question is open")
        question_id, opened_s, granted_s = self._open
        require_finite("at_s", at_s, opened_s)
        row = LedgerRow(
            question_id=question_id,
            opened_s=opened_s,
            spent_s=at_s - opened_s,
            granted_s=granted_s,
            reason=reason,
        )
        self._rows.append(row)
        self._settled_s = at_s
        self._open = None
        return row

    def save(self) -> bytes:
        """Return the ledger as JSON, an open question included."""
        return msgspec.json.encode(
            _Saved(
                total_s=_finite(self._total_s),
                reserve_s=self._reserve_s,
                floor_s=self._floor_s,
                cap_s=_finite(self._cap_s),
                low=self._low,
                high=self._high,
                seen=self._seen,
                clock_s=self._settled_s,
                rows=[
                    msgspec.structs.replace(r, granted_s=_finite(r.granted_s)) for r in self._rows
                ],
                open=self._open and (self._open[0], self._open[1], _finite(self._open[2])),
            )
        )

    @classmethod
    def resume(cls, saved: bytes, at_s: float, *, again: bool = False) -> TimeBudget:
        """Go on with a saved ledger at `at_s` of the same stream's clock.

        A question that was open when the ledger was saved is closed as crashed at `at_s`, so
        the time lost is charged to it.

        Args:
            saved: As `save` gave it.
            at_s: Now.
            again: Whether that question will come again, so that one more comes than was said.

        Raises:
            CallerError: if the bytes are no ledger of this version or time went back.
        """
        try:
            state = msgspec.json.decode(saved, type=_Saved)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CallerError(f"not a saved time budget: {error}") from error
        if state.format != FORMAT:
            raise CallerError(f"saved time budget format {state.format!r} unknown, need {FORMAT}")
        budget = cls(
            inf if state.total_s is None else state.total_s,
            questions=None,
            reserve_s=state.reserve_s,
            floor_s=state.floor_s,
            cap_s=state.cap_s,
        )
        budget._low, budget._high, budget._seen = state.low, state.high, state.seen
        budget._rows = [_with_limit(row) for row in state.rows]
        budget._settled_s = state.clock_s
        require_finite("at_s", at_s, state.clock_s)
        if state.open is not None:
            question_id, opened_s, granted_s = state.open
            budget._open = (question_id, opened_s, inf if granted_s is None else granted_s)
            budget.close(at_s, Reason.CRASHED)
            if again:
                budget._low += 1
                budget._high = None if budget._high is None else budget._high + 1
        return budget

    def table(self) -> str:
        """Return the ledger as text: a row a question or stretch of overhead, in seconds."""
        lines = [
            f"{'question':<20}{'opened':>10}{'granted':>10}{'spent':>10}{'returned':>10}  reason"
        ]
        for row in self._rows:
            granted = "" if row.granted_s is None else f"{row.granted_s:.1f}"
            returned = "" if row.returned_s is None else f"{row.returned_s:.1f}"
            lines.append(
                f"{row.question_id or '(overhead)':<20}{row.opened_s:>10.1f}{granted:>10}"
                f"{row.spent_s:>10.1f}{returned:>10}  {row.reason or ''}"
            )
        lines.append(f"{'left':<20}{self._settled_s:>10.1f}{'':>10}{self.left_s:>10.1f}")
        return "\n".join(lines)

    def _charge_overhead(self, at_s: float) -> None:
        require_finite("at_s", at_s, self._settled_s)
        if at_s > self._settled_s:
            spent_s = at_s - self._settled_s
            self._rows.append(
                LedgerRow(question_id=None, opened_s=self._settled_s, spent_s=spent_s)
            )
            self._settled_s = at_s

    def _grant(self, at_s: float) -> Grant:
        usable_s = self._total_s - self._reserve_s
        left_s = max(0.0, usable_s - at_s)
        left = self._questions_left()
        later = (left.high if left.high is not None else ceil(left.expected)) - 1
        floor_s = min(self._floor_s, left_s / (later + 1))
        hard_s, limit = left_s, Limit.TIME_LEFT
        if floor_s > 0.0 and later > 0:
            hard_s, limit = max(0.0, left_s - floor_s * later), Limit.FLOOR
        if self._cap_s < hard_s:
            hard_s, limit = self._cap_s, Limit.CAP
        return Grant(
            total_s=usable_s,
            left_s=left_s,
            seen=self._seen - 1,
            questions_left=left,
            average_s=usable_s / (self._seen - 1 + left.expected),
            hard_s=hard_s,
            limit=limit,
            floor_s=floor_s,
        )

    def _questions_left(self) -> QuestionsLeft:
        before = self._seen - 1
        if self._high is None:
            return QuestionsLeft(
                max(1, self._low - before), max(self._low - before, self._seen + 1), None
            )
        low, high = max(1, self._low - before), max(1, self._high - before)
        return QuestionsLeft(low, (low + high) / 2, high)


class _Saved(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The ledger on disk; None stands for infinite seconds."""

    total_s: float | None
    reserve_s: float
    floor_s: float
    cap_s: float | None
    low: int
    high: int | None
    seen: int
    clock_s: float
    rows: list[LedgerRow]
    open: tuple[str, float, float | None] | None
    format: int = FORMAT


def _bounds(questions: int | tuple[int, int] | None) -> tuple[int, int | None]:
    if questions is None:
        return 1, None
    low, high = (questions, questions) if isinstance(questions, int) else questions
    if not 1 <= low <= high:
        raise CallerError(f"questions must be at least 1 and ascend, got {questions!r}")
    return low, high


def _finite(value: float | None) -> float | None:
    return None if value == inf else value


def _with_limit(row: LedgerRow) -> LedgerRow:
    if row.question_id is not None and row.granted_s is None:
        return msgspec.structs.replace(row, granted_s=inf)
    return row
