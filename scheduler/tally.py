"""The weighted votes of a question: one tally for the stop rule and the selector.

Votes of finished samples are final. A forced answer is a provisional vote that stands for its
sample until that sample finishes. Null answers never vote. The leader is the answer with the
largest total weight; among equals, the one whose first vote came first. Weights are added as
whole billionths, so that equal sums are equal whatever the order of the votes.
"""

from __future__ import annotations

from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING

from scheduler.errors import CallerError

if TYPE_CHECKING:
    from collections.abc import Mapping


UNIT = 1_000_000_000
"""Parts of a whole vote."""


class Tally:
    """Read-only face of the votes."""

    __slots__ = ("_final", "_finished", "_leader", "_nulls", "_provisional", "_runner_up", "_total")

    def __init__(self) -> None:
        # All in parts of a vote.
        self._final: dict[str, int] = {}
        self._provisional: dict[int, tuple[str, int]] = {}
        # Final and provisional weight by answer, in the order of each answer's first vote.
        self._total: dict[str, int] = {}
        self._leader: str | None = None
        self._runner_up: str | None = None
        self._finished = 0
        self._nulls = 0

    @property
    def leader(self) -> str | None:
        """The selector: the answer that would be submitted now; None if nothing has voted."""
        return self._leader

    @property
    def runner_up(self) -> str | None:
        """The answer next to the leader, or None."""
        return self._runner_up

    @property
    def leader_weight(self) -> float:
        """Weight of the leader, 0 without votes."""
        return 0.0 if self._leader is None else self._total[self._leader] / UNIT

    @property
    def runner_up_weight(self) -> float:
        """Weight of the answer next to the leader, 0 if there is none."""
        return 0.0 if self._runner_up is None else self._total[self._runner_up] / UNIT

    @property
    def margin(self) -> float:
        """How much weight the leader is ahead."""
        if self._leader is None:
            return 0.0
        rival = 0 if self._runner_up is None else self._total[self._runner_up]
        return (self._total[self._leader] - rival) / UNIT

    @property
    def finished(self) -> int:
        """Number of finished samples, those with a null answer included."""
        return self._finished

    @property
    def nulls(self) -> int:
        """Number of finished samples whose answer was null."""
        return self._nulls

    @property
    def weights(self) -> Mapping[str, float]:
        """Total weight by answer, in the order of each answer's first vote."""
        return MappingProxyType({answer: parts / UNIT for answer, parts in self._total.items()})

    @property
    def final(self) -> Mapping[str, float]:
        """Weight of finished samples by answer."""
        return MappingProxyType({answer: parts / UNIT for answer, parts in self._final.items()})

    @property
    def provisional(self) -> Mapping[int, tuple[str, float]]:
        """Forced answer and weight by sample."""
        return MappingProxyType(
            {
                sample: (answer, parts / UNIT)
                for sample, (answer, parts) in self._provisional.items()
            }
        )

    def settled(self, may_become: float) -> bool:
        """Whether the leader stays whatever the running samples become.

        Args:
            may_become: Total weight that samples not yet finished may still add to any one
                answer; those with a forced answer are counted in full too.

        Returns:
            True if neither a rival nor a new answer can overtake; False without votes.
        """
        if self._leader is None:
            return False
        # A running sample's finish may take its provisional vote from the leader.
        lead = (self._final if self._provisional else self._total).get(self._leader, 0)
        rival = ceil(may_become * UNIT)
        if self._runner_up is not None:
            rival += self._total[self._runner_up]
        if rival != lead or self._runner_up is None:
            return rival < lead or (rival == lead and self._runner_up is None)
        order = list(self._total)
        return order.index(self._leader) < order.index(self._runner_up)


class MutableTally(Tally):
    """The face that the core writes to."""

    __slots__ = ()

    def vote(self, sample: int, answer: str | None, weight: float) -> None:
        """Count a finished sample; it replaces a forced answer of the same sample.

        Raises:
            CallerError: if the weight is NaN or lies outside 0 … 1.
        """
        parts = _parts(weight)
        self._finished += 1
        replaced = self._provisional.pop(sample, None)
        if answer is None:
            self._nulls += 1
        else:
            self._final[answer] = self._final.get(answer, 0) + parts
        if replaced is not None:
            self._recount()
        elif answer is not None:
            self._add(answer, parts)

    def force(self, sample: int, answer: str | None, weight: float) -> None:
        """Count a forced answer; it replaces an earlier one of the same sample.

        Raises:
            CallerError: if the weight is NaN or lies outside 0 … 1.
        """
        parts = _parts(weight)
        replaced = self._provisional.pop(sample, None)
        if answer is not None:
            self._provisional[sample] = (answer, parts)
        if replaced is not None:
            self._recount()
        elif answer is not None:
            self._add(answer, parts)

    def withdraw(self, sample: int) -> None:
        """Take back the forced answer of a sample that failed or was stopped."""
        if self._provisional.pop(sample, None) is not None:
            self._recount()

    def _add(self, answer: str, parts: int) -> None:
        """Add weight to one answer; weights only grow here, so one comparison keeps the order."""
        total = self._total
        new = total[answer] = total.get(answer, 0) + parts
        leader = self._leader
        if answer == leader:
            return
        if leader is None or self._ahead(answer, new, leader):
            self._leader, self._runner_up = answer, leader
        elif answer != self._runner_up and (
            self._runner_up is None or self._ahead(answer, new, self._runner_up)
        ):
            self._runner_up = answer

    def _ahead(self, answer: str, parts: int, other: str) -> bool:
        other_parts = self._total[other]
        if parts != other_parts:
            return parts > other_parts
        for name in self._total:
            if name in (answer, other):
                return name == answer
        return False  # pragma: no cover - both are in the tally

    def _recount(self) -> None:
        """Rebuild the totals after a vote was taken back, keeping the order of first votes."""
        order = list(self._total)
        votes = list(self._provisional.values())
        total = dict.fromkeys(order, 0)
        voted = set(self._final) | {answer for answer, _ in votes}
        for answer, parts in self._final.items():
            total[answer] = total.get(answer, 0) + parts
        for answer, parts in votes:
            total[answer] = total.get(answer, 0) + parts
        self._total = {answer: parts for answer, parts in total.items() if answer in voted}
        self._leader = self._runner_up = None
        ranked = sorted(self._total, key=self._total.__getitem__, reverse=True)
        self._leader = ranked[0] if ranked else None
        self._runner_up = ranked[1] if len(ranked) > 1 else None


def _parts(weight: float) -> int:
    if not 0.0 <= weight <= 1.0:
        raise CallerError(f"the weight of a vote must be from 0 to 1, got {weight!r}")
    return round(weight * UNIT)
