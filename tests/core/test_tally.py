"""The tally against a plain model of votes, and `settled` against every possible future."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations_with_replacement, product
from math import nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler import FORCED_WEIGHT, CallerError
from scheduler.tally import MutableTally

EIGHTHS = st.integers(0, 8).map(lambda eighths: eighths / 8)
ANSWERS = st.sampled_from(["1", "2", "3", None])


class PlainTally:
    """Votes as a list; everything is counted anew whenever it is asked for."""

    def __init__(self) -> None:
        self.finals: list[tuple[str, Fraction]] = []
        self.forced: dict[int, tuple[str, Fraction]] = {}
        self.order: list[str] = []

    def vote(self, sample: int, answer: str | None, weight: float) -> None:
        """Count a finished sample instead of its forced answer."""
        self.forced.pop(sample, None)
        if answer is not None:
            self.finals.append((answer, Fraction(weight)))
        self._reorder(answer)

    def force(self, sample: int, answer: str | None, weight: float) -> None:
        """Count a forced answer instead of an earlier one."""
        self.forced.pop(sample, None)
        if answer is not None:
            self.forced[sample] = answer, Fraction(weight)
        self._reorder(answer)

    def withdraw(self, sample: int) -> None:
        """Take a forced answer back."""
        self.forced.pop(sample, None)
        self._reorder(None)

    def _reorder(self, answer: str | None) -> None:
        """Answers without any vote lose their place; new ones come last."""
        voted = self.totals()
        self.order = [name for name in self.order if name in voted]
        if answer is not None and answer not in self.order:
            self.order.append(answer)

    def totals(self) -> dict[str, Fraction]:
        """Sum the weights by answer."""
        total: dict[str, Fraction] = {}
        for answer, weight in [*self.finals, *self.forced.values()]:
            total[answer] = total.get(answer, Fraction(0)) + weight
        return total

    def ranked(self) -> list[str]:
        """Answers by weight, the one that came first among equals."""
        totals = self.totals()
        return sorted(self.order, key=lambda name: (-totals[name], self.order.index(name)))


@st.composite
def histories(draw: st.DrawFn, *, forced: bool = True) -> list[tuple[str, int, str | None, float]]:
    """Draw what may happen to up to eight samples: forced any number of times, then one end."""
    history = []
    running = list(range(8))
    for _ in range(draw(st.integers(0, 14))):
        if not running:
            break
        sample = draw(st.sampled_from(running))
        kind = draw(st.sampled_from(["vote", "force", "withdraw"] if forced else ["vote"]))
        if kind != "force":
            running.remove(sample)
        history.append((kind, sample, draw(ANSWERS), draw(EIGHTHS)))
    return history


def play(history: list[tuple[str, int, str | None, float]], *tallies: object) -> None:
    """Tell tallies what happened."""
    for kind, sample, answer, weight in history:
        for tally in tallies:
            if kind == "withdraw":
                tally.withdraw(sample)  # type: ignore[attr-defined]
            else:
                getattr(tally, kind)(sample, answer, weight)


@given(history=histories())
def test_leader_runner_up_and_margin_are_those_of_a_plain_count(
    history: list[tuple[str, int, str | None, float]],
) -> None:
    """After every vote the tally agrees with counting everything anew."""
    tally, plain = MutableTally(), PlainTally()
    for happened in history:
        play([happened], tally, plain)
        ranked = plain.ranked()
        totals = plain.totals()
        assert dict(tally.weights) == {name: float(totals[name]) for name in plain.order}
        assert list(tally.weights) == plain.order
        assert tally.leader == (ranked[0] if ranked else None)
        assert tally.runner_up == (ranked[1] if len(ranked) > 1 else None)
        first, second = [*(totals[name] for name in ranked[:2]), Fraction(0), Fraction(0)][:2]
        assert (tally.leader_weight, tally.runner_up_weight) == (first, second)
        assert tally.margin == first - second
        assert set(tally.provisional) == set(plain.forced)
        assert sum(tally.final.values()) == sum(weight for _, weight in plain.finals)


@given(history=histories())
def test_finished_samples_are_counted_with_and_without_an_answer(
    history: list[tuple[str, int, str | None, float]],
) -> None:
    """A null answer counts as finished, never as a vote."""
    tally = MutableTally()
    play(history, tally)
    ends = [answer for kind, _, answer, _ in history if kind == "vote"]
    assert tally.finished == len(ends)
    assert tally.nulls == ends.count(None)


def futures(
    plain: PlainTally, running: int, weights: tuple[float, ...]
) -> list[tuple[str | None, ...]]:
    """Give every way in which running samples may end: leaders of all their final counts.

    Each ends with a known answer, a new one, or none, of each weight; forced answers belong to
    the first of the running samples and are replaced by their end.
    """
    names = [*plain.order, "new", None]
    ends = list(product(names, weights))
    forced = sorted(plain.forced)
    leaders = []
    many = product(ends, repeat=running) if forced else combinations_with_replacement(ends, running)
    for ending in many:
        future = PlainTally()
        future.finals = list(plain.finals)
        future.forced = dict(plain.forced)
        future.order = list(plain.order)
        for place, (answer, weight) in enumerate(ending):
            future.vote(forced[place] if place < len(forced) else 100 + place, answer, weight)
        leaders.append((future.ranked() or [None])[0])
    return leaders


@given(history=histories(forced=False), running=st.integers(0, 3))
def test_settled_is_exactly_what_no_future_can_overturn(
    history: list[tuple[str, int, str | None, float]], running: int
) -> None:
    """Without forced answers it is true if and only if no completion overturns the leader."""
    tally, plain = MutableTally(), PlainTally()
    play(history, tally, plain)
    leaders = set(futures(plain, running, (0.0, 0.5, 1.0)))
    expected = tally.leader is not None and leaders == {tally.leader}
    assert tally.settled(running) == expected


@st.composite
def forced_histories(draw: st.DrawFn) -> list[tuple[str, int, str | None, float]]:
    """Draw final votes and up to two forced answers, in any order."""
    finals = [
        ("vote", sample, draw(ANSWERS), draw(st.sampled_from([0.5, 1.0])))
        for sample in range(draw(st.integers(0, 6)))
    ]
    weight = st.sampled_from([0.125, 0.5, 1.0])
    forced = [
        ("force", 10 + n, draw(ANSWERS), draw(weight)) for n in range(draw(st.integers(1, 2)))
    ]
    return draw(st.permutations([*finals, *forced]))


@given(history=forced_histories(), more=st.integers(0, 1))
def test_settled_is_never_true_where_a_future_overturns_the_leader(
    history: list[tuple[str, int, str | None, float]], more: int
) -> None:
    """Forced answers may be replaced by anything; the stop rule never counts on them."""
    tally, plain = MutableTally(), PlainTally()
    play(history, tally, plain)
    running = len(plain.forced) + more
    if tally.settled(running):
        assert set(futures(plain, running, (0.0, 0.5, 1.0))) == {tally.leader}


@pytest.mark.parametrize(
    ("votes", "running", "settled"),
    [
        ("", 0, False),
        ("a", 0, True),
        ("a", 1, True),  # a newcomer could only draw level, and the first vote wins
        ("a", 2, False),
        ("ab", 0, True),
        ("ab", 1, False),
        ("aab", 1, True),
        ("baa", 1, False),  # b would draw level and came first
        ("aaab", 2, True),
        ("aaab", 3, False),
    ],
)
def test_settled_by_hand(votes: str, running: int, settled: bool) -> None:  # noqa: FBT001
    """Small counts that can be checked by eye."""
    tally = MutableTally()
    for sample, answer in enumerate(votes):
        tally.vote(sample, answer, 1.0)
    assert tally.settled(running) is settled


@pytest.mark.parametrize(
    ("forced", "leader"),
    [((), "b"), (("a",), "a"), (("b", "c", "b"), "b")],
)
def test_forced_answers_decide_only_where_nothing_finished(
    forced: tuple[str, ...], leader: str
) -> None:
    """Many forced answers weigh less than one that finished."""
    tally = MutableTally()
    for sample, answer in enumerate(forced):
        tally.force(sample, answer, FORCED_WEIGHT)
    if forced != ("a",):
        tally.vote(9, "b", 1.0)
    assert tally.leader == leader


@st.composite
def level_orders(draw: st.DrawFn) -> list[tuple[str, int, str | None, float]]:
    """Draw as many finals and forced answers for `a` as for `b`, in any order."""
    finals, forced = draw(st.integers(0, 3)), draw(st.integers(0, 6))
    votes: list[tuple[str, int, str | None, float]] = []
    for answer in "ab":
        votes += [("vote", 0, answer, 1.0)] * finals
        votes += [("force", 0, answer, FORCED_WEIGHT)] * forced
    order = draw(st.permutations(votes))
    return [
        (kind, sample, answer, weight) for sample, (kind, _, answer, weight) in enumerate(order)
    ]


@given(history=level_orders())
@example(
    history=[
        ("vote", 0, "a", 1.0),
        ("vote", 1, "a", 1.0),
        ("force", 2, "a", FORCED_WEIGHT),
        ("force", 3, "a", FORCED_WEIGHT),
        ("vote", 4, "b", 1.0),
        ("force", 5, "b", FORCED_WEIGHT),
        ("force", 6, "b", FORCED_WEIGHT),
        ("vote", 7, "b", 1.0),
    ]
)
def test_equal_votes_are_level_whatever_the_order_of_the_sums(
    history: list[tuple[str, int, str | None, float]],
) -> None:
    """Rounding of decimal weights never decides what the first vote should."""
    tally = MutableTally()
    play(history, tally)
    assert tally.leader == (history[0][2] if history else None)


@pytest.mark.parametrize("weight", [nan, -0.1, 1.1])
def test_a_weight_outside_its_range_is_refused(weight: float) -> None:
    """Neither kind of vote takes a weight that is no share of a vote."""
    tally = MutableTally()
    with pytest.raises(CallerError, match="must be from 0 to 1"):
        tally.vote(0, "a", weight)
    with pytest.raises(CallerError, match="must be from 0 to 1"):
        tally.force(0, "a", weight)
    assert not tally.weights
    assert tally.finished == 0


def test_what_is_shown_of_the_votes_cannot_be_written_to() -> None:
    """The faces of the tally are read-only."""
    tally = MutableTally()
    tally.vote(0, "a", 1.0)
    for face in (tally.weights, tally.final, tally.provisional):
        with pytest.raises(TypeError):
            face["a"] = 5.0  # type: ignore[index]
