"""How much time a stream has, and how a caller may wait within it."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler import CallerError, TimeBudget

LATE_S = 1.0
"""An answer may come so long after its deadline before nobody waits for it any more."""

_LATE_SHARE = 0.1
"""Of the time left to the very end, at most."""

CAP_S = 1740.0
"""A question costs no more: AIMO 2's gateway waits 30 minutes."""

_RESERVE_SHARE = 0.02
_FLOOR_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The time of a stream.

    Attributes:
        total_s: Seconds of all of it.
        questions: How many come: a number, (at least, at most), or None for unknown.
        reserve_s: Seconds at the end that no question may touch; None for a fiftieth of all.
        floor_s: Seconds kept for each question that may still come; None for a tenth of an
            equal share, or nothing where the number of questions is unknown.
        cap_s: The most that one question may cost; None for no cap.
    """

    total_s: float
    questions: int | tuple[int, int] | None
    reserve_s: float | None = None
    floor_s: float | None = None
    cap_s: float | None = CAP_S

    def budget(self) -> TimeBudget:
        """Make the ledger.

        Raises:
            CallerError: naming the number that is impossible.
        """
        return TimeBudget(
            self.total_s,
            questions=self.questions,
            reserve_s=self.total_s - self.usable_s,
            floor_s=self._floor_s,
            cap_s=self.cap_s,
        )

    @property
    def usable_s(self) -> float:
        """Seconds before the reserve."""
        if self.reserve_s is None:
            return self.total_s * (1.0 - _RESERVE_SHARE)
        return self.total_s - self.reserve_s

    def share_s(self, at_s: float, asked: int) -> float:
        """Return an equal share of the time left.

        Args:
            at_s: Now.
            asked: Questions that have come, the open one included.
        """
        return max(0.0, self.usable_s - at_s) / (1 + self._later(asked))

    def most_s(self, at_s: float, asked: int, *, capped: bool) -> float:
        """Return the most that a question may take: all but the floors of later ones.

        Args:
            at_s: When it came.
            asked: Questions that have come, this one included.
            capped: Whether `cap_s` binds it.
        """
        share_s, later = self.share_s(at_s, asked), self._later(asked)
        most_s = share_s + later * (share_s - min(self._floor_s, share_s))
        return min(most_s, self.cap_s) if capped and self.cap_s is not None else most_s

    def loading_s(self, at_s: float, asked: int, *, capped: bool) -> float:
        """Return how long a question may wait for an engine that has not been up.

        Without an engine no later question can be answered either: all that it may take, but
        for a floor of its own in which it is asked.

        Args:
            at_s: When it came.
            asked: Questions that have come, this one included.
            capped: Whether `cap_s` binds it.
        """
        return max(0.0, self.most_s(at_s, asked, capped=capped) - self._floor_s)

    def late_s(self, at_s: float) -> float:
        """Return how long after a deadline an answer is still waited for."""
        return max(0.0, min(LATE_S, _LATE_SHARE * (self.total_s - at_s)))

    def _later(self, asked: int) -> int:
        """Return how many questions are planned to come after so many."""
        return asked if self._high is None else max(0, self._high - asked)

    @property
    def _high(self) -> int | None:
        return self.questions[1] if isinstance(self.questions, tuple) else self.questions

    @property
    def _floor_s(self) -> float:
        if self.floor_s is not None:
            return self.floor_s
        return _FLOOR_SHARE * max(0.0, self.usable_s) / self._high if self._high else 0.0


def require_limits(limits: Limits) -> None:
    """Refuse what no ledger takes, before anything is started.

    Raises:
        CallerError: naming the number that is impossible.
    """
    if not 0.0 < limits.total_s < float("inf"):
        raise CallerError(f"total_s must be above 0 and finite, got {limits.total_s!r}")
    limits.budget()
