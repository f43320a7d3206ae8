"""The time budget of a live run, as its journal holds it."""

from __future__ import annotations

from math import inf

import msgspec

from scheduler import CallerError, TimeBudget


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a saved ledger says of its stream; its rows are left out.

    Attributes:
        total_s: Seconds of the stream; None without a limit.
        reserve_s: Of them, kept at the end.
        floor_s: Kept for each question that may still come.
        cap_s: The most that one question may cost; None for no cap.
        low: At least so many questions.
        high: At most so many; None where nothing bounds them.
    """

    total_s: float | None
    reserve_s: float
    floor_s: float
    cap_s: float | None
    low: int
    high: int | None

    def budget(self) -> TimeBudget:
        """Make a fresh budget."""
        return TimeBudget(
            inf if self.total_s is None else self.total_s,
            questions=None if self.high is None else (self.low, self.high),
            reserve_s=self.reserve_s,
            floor_s=self.floor_s,
            cap_s=self.cap_s,
        )


def terms_of(saved: bytes) -> Terms:
    """Read the terms of a saved ledger.

    Raises:
        CallerError: if the bytes are none.
    """
    try:
        return msgspec.json.decode(saved, type=Terms)
    except msgspec.MsgspecError as error:
        raise CallerError(f"not a saved time budget: {error}") from error
