"""The deck: which logged sample each start gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import parse_policy
from scheduler import DEFAULT_ARM, CallerError, Reason, StartSample
from simulations.bounds import best_majority, cheapest_stop
from simulations.conformance import FREE
from simulations.deck import Deck, Prompt
from simulations.pool import LoggedQuestion, LoggedSample, Pool
from simulations.settings import Wish, settle
from simulations.streams import Draw, Order, Streams
from simulations.tournament import Entry, play_policies

LOGGED = {
    "first": tuple(LoggedSample(n, 100 + n, "7") for n in range(3)),
    "other": tuple(LoggedSample(n, 200 + n, "8") for n in range(2)),
    "judge": (
        LoggedSample(0, 50, "7", candidates=("7", "8")),
        LoggedSample(1, 51, "8", candidates=("8", "7")),
        LoggedSample(2, 52, "8", candidates=("7", "8")),
    ),
    "builder": (
        LoggedSample(0, 30, "7", parent=1, parent_arm="first"),
        LoggedSample(1, 31, "8", parent=0, parent_arm="other"),
    ),
}
QUESTION = LoggedQuestion("q", "7", LOGGED, None, {})


class Table:
    """Starts samples from a deck."""

    def __init__(self, question: LoggedQuestion = QUESTION) -> None:
        self._deck = Deck(question)
        self._started = 0

    def tokens(
        self,
        arm: str = DEFAULT_ARM,
        candidates: tuple[str, ...] = (),
        parent: int | None = None,
    ) -> int | None:
        """Start one; return the length of what it plays, None where nothing is left."""
        start = StartSample(
            sample=self._started, arm=arm, candidates=candidates, parent=parent, reason=Reason.WIDEN
        )
        self._started += 1
        _, sample = self._deck.deal(start)
        return None if sample is None else sample.tokens


def test_the_default_arm_is_the_first_one() -> None:
    """As on a live engine, whatever the arms are called."""
    table = Table()
    assert [table.tokens(), table.tokens("first"), table.tokens()] == [100, 101, 102]


def test_arms_are_dealt_apart_and_nothing_twice() -> None:
    """Each arm goes through its own samples, and then has none."""
    table = Table()
    drawn = [table.tokens(arm) for arm in ("other", "first", "other", "other", "nowhere", "first")]
    assert drawn == [200, 100, 201, None, None, 101]


def test_a_judge_gets_samples_that_judged_the_same_pair() -> None:
    """In the same order; another pair, or none at all, was not logged."""
    table = Table()
    pairs: list[tuple[str, ...]] = [("7", "8"), ("8", "7"), ("7", "8"), ("7", "8"), ("7", "9"), ()]
    assert [table.tokens("judge", pair) for pair in pairs] == [50, 51, 52, None, None, None]
    assert table.tokens("first", ("7", "8")) is None


def test_a_builder_gets_samples_built_on_the_one_that_was_dealt() -> None:
    """By the parent's place in the log, not by its number in the question."""
    table = Table()
    assert [table.tokens("other"), table.tokens("first"), table.tokens("first")] == [200, 100, 101]
    assert table.tokens("builder", parent=2) == 30
    assert table.tokens("builder", parent=0) == 31
    assert table.tokens("builder", parent=1) is None
    assert table.tokens("builder") is None


def test_equal_prompts_are_known_as_such() -> None:
    """The prompt is the arm with what its sample builds on, whatever the arm was called by."""
    deck = Deck(QUESTION)
    starts = [
        StartSample(sample=0, reason=Reason.WIDEN),
        StartSample(sample=1, arm="first", reason=Reason.WIDEN),
        StartSample(sample=2, arm="builder", parent=1, reason=Reason.WIDEN),
    ]
    prompts = [deck.deal(start)[0] for start in starts]
    assert prompts == [Prompt("first")] * 2 + [Prompt("builder", parent_arm="first", parent=1)]


@given(st.lists(st.sampled_from(["first", "other"]), max_size=8))
def test_what_one_arm_draws_does_not_depend_on_the_others(arms: list[str]) -> None:
    """The k-th start of an arm gets the arm's k-th sample."""
    mixed, alone = Table(), Table()
    drawn = [(arm, mixed.tokens(arm)) for arm in arms]
    assert [tokens for arm, tokens in drawn if arm == "first"] == [
        alone.tokens("first") for arm in arms if arm == "first"
    ]


def test_draws_of_the_first_arm_do_not_depend_on_the_others() -> None:
    """A trace with more arms shows the first one's samples in the same random order."""
    logged = {arm: tuple(LoggedSample(n, n, None) for n in range(9)) for arm in ("a", "b")}
    both, alone = (
        Streams(
            Pool("m", (LoggedQuestion("q", "7", samples, None, {}),)),
            1,
            Order.RANDOM,
            Draw.RANDOM,
            5,
        ).question_of(2, 0)
        for samples in (logged, {"a": logged["a"]})
    )
    assert both.samples["a"] == alone.samples["a"]
    assert both.samples["b"] != both.samples["a"]


def test_bounds_are_those_of_the_best_arm_that_stands_alone() -> None:
    """The arm whose majority is right most often, and the cheapest arm question by question."""
    other = LoggedQuestion("p", "8", LOGGED, None, {})
    third = LoggedQuestion("r", "8", LOGGED, None, {})
    assert best_majority([QUESTION, other, third]) == [False, True, True]
    assert [cheapest_stop(question) for question in (QUESTION, other)] == [100, 200]
    assert cheapest_stop(LoggedQuestion("s", "1", LOGGED, None, {})) is None


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ("first+nowhere", "the traces of m have first, other, judge, builder, not 'nowhere'"),
        ("first+judge", "arm 'judge' judges answers or builds on samples"),
        ("builder", "arm 'builder' judges answers or builds on samples"),
    ],
)
def test_arms_that_cannot_be_played_are_said(arms: str, message: str) -> None:
    """Before the first stream, naming the policy and the arm."""
    entry, pool = Entry("mine", parse_policy(f"lead@{arms}")), Pool("m", (QUESTION,))
    settings = settle(Wish(questions=1), FREE, [pool])
    with pytest.raises(CallerError, match=f"policy 'mine': {message}"):
        play_policies(pool, [], [entry], FREE, settings)
