"""DeepConf, online: a bar from the warm-up, and samples stopped below it."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import Reason, SampleProgressed, StopSample

TWO_THEN_ONE = "deep-confidence:warm_up=2,budget=6,width=1,window=128"


def read(table: Any, sample: int, confidence: float | None, tokens: int = 128) -> Any:  # noqa: ANN401 - a bench and its step
    """Let a sample report its confidence."""
    return table.send(
        SampleProgressed(
            at_s=table.now_s, position=0, sample=sample, tokens=tokens, confidence=confidence
        )
    )


def warmed_up(bench: type[Any], spec: str, confidences: tuple[float, ...], answers: str) -> Any:  # noqa: ANN401 - a bench
    """End the warm-up with these confidences and answers, and let the next samples begin."""
    table = bench(spec)
    table.open()
    for sample, (confidence, answer) in enumerate(zip(confidences, answers, strict=True)):
        table.begin(sample)
        read(table, sample, confidence)
        table.finish(sample, answer)
    for start in table.started[len(answers) :]:
        table.begin(start.sample)
    return table


@pytest.mark.parametrize(("confidence", "stops"), [(19.0, False), (18.99, True)])
def test_below_the_bar_a_sample_is_stopped(
    bench: type[Any],
    confidence: float,
    stops: bool,  # noqa: FBT001
) -> None:
    """Of 10 and 20 the 90th percentile is 19: at the bar it goes on, below it is stopped."""
    table = warmed_up(bench, TWO_THEN_ONE, (10.0, 20.0), "ab")
    stopped = [a for a in read(table, 2, confidence).actions if isinstance(a, StopSample)]
    assert [action.sample for action in stopped] == ([2] if stops else [])
    if stops:
        assert stopped[0].reason is Reason.UNSURE
        assert stopped[0].numbers == {"confidence": confidence, "bar": pytest.approx(19.0)}


@pytest.mark.parametrize(("second", "stops"), [(29.0, False), (28.9, True)])
def test_a_group_is_judged_when_it_is_full(
    bench: type[Any],
    second: float,
    stops: bool,  # noqa: FBT001
) -> None:
    """With groups of 256 tokens one reading decides nothing, the mean of two does."""
    table = bench("deep-confidence:warm_up=2,budget=9,width=2,window=256")
    table.open()
    for sample, answer in enumerate("ab"):
        table.begin(sample)
        read(table, sample, 20.0)
        read(table, sample, 10.0, 256)
        table.finish(sample, answer)
    table.begin(2)
    assert not read(table, 2, 1.0).actions
    actions = read(table, 2, second, 256).actions
    assert any(isinstance(action, StopSample) for action in actions) is stops


def test_after_a_stop_the_budget_goes_on(bench: type[Any]) -> None:
    """A stopped sample leaves its place to the next; the question isn't over."""
    table = warmed_up(bench, TWO_THEN_ONE, (10.0, 20.0), "ab")
    read(table, 2, 1.0)
    assert table.submitted is None
    assert [start.sample for start in table.started] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("answers", "stops"), [("ab", False), ("aab", False), ("aaab", True), ("abb", False)]
)
def test_a_consensus_of_weight_ends_it(
    bench: type[Any],
    answers: str,
    stops: bool,  # noqa: FBT001
) -> None:
    """Where no confidence is known every vote weighs 1: 2/3 go on, 3/4 stop at .75."""
    table = bench(f"deep-confidence:warm_up={len(answers)},budget=9,width=1,consensus=.75")
    table.vote(answers)
    assert (table.submitted is not None) is stops
    if stops:
        assert table.reason is Reason.CONFIDENT
        assert table.submitted.numbers == {"share": 0.75}


def test_votes_weigh_as_much_as_their_confidence(bench: type[Any]) -> None:
    """One vote at 30 beats two at 10, where two of three would have won by number."""
    spec = "deep-confidence:warm_up=3,budget=3,window=128"
    table = warmed_up(bench, spec, (10.0, 10.0, 30.0), "aab")
    assert (table.submitted.answer, table.reason) == ("b", Reason.CAP)


def test_the_budget_ends_it(bench: type[Any]) -> None:
    """After the last sample the leader is taken, however thin."""
    table = bench("deep-confidence:warm_up=2,budget=4,width=2")
    table.vote("abab")
    assert (table.submitted.answer, table.reason) == ("a", Reason.CAP)
    assert len(table.started) == 4
