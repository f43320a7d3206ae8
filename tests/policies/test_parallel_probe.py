"""Parallel-Probe: a majority of probes that stays, and dissenters that go."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import ProbeAnswered, ProbeSample, Reason, SampleProgressed, StopSample


def sample_reports(table: Any, sample: int, tokens: int) -> Any:  # noqa: ANN401 - a bench and its step
    """Let a sample come one interval further."""
    return table.send(SampleProgressed(at_s=table.now_s, position=0, sample=sample, tokens=tokens))


def rounds(table: Any, answers: list[str]) -> None:  # noqa: ANN401 - a bench
    """Play rounds of probes: a letter a sample, `-` for null, `.` for one that is gone."""
    for number, letters in enumerate(answers, 1):
        if table.submitted is not None:
            return
        told = [(n, letter) for n, letter in enumerate(letters) if letter != "."]
        for sample, _ in told:
            (probe,) = sample_reports(table, sample, 500 * number).actions
            assert isinstance(probe, ProbeSample)
            assert (probe.sample, probe.reason, probe.forced) == (sample, Reason.ROUND, True)
        for sample, letter in told:
            answer = None if letter == "-" else letter
            table.send(ProbeAnswered(at_s=table.now_s, position=0, sample=sample, answer=answer))


def begun(bench: type[Any], spec: str) -> Any:  # noqa: ANN401 - a bench
    """Open a question and let all samples begin."""
    table = bench(spec)
    table.open()
    for start in table.started:
        table.begin(start.sample)
    return table


@pytest.mark.parametrize(
    ("answers", "stops"),
    [
        (["aab", "aab"], False),
        (["aab", "aab", "aab"], True),
        (["aab", "abb", "abb"], False),
        (["aab", "abb", "abb", "abb"], True),
        (["---", "---", "---"], False),
        (["--a", "--a", "--a"], True),
    ],
)
def test_a_majority_that_repeats_itself_ends_it(
    bench: type[Any],
    answers: list[str],
    stops: bool,  # noqa: FBT001
) -> None:
    """With two repeats asked for, one goes on and the second stops; a change begins anew."""
    table = begun(bench, "parallel-probe:width=3,stable=2")
    rounds(table, answers)
    assert (table.submitted is not None) is stops
    if stops:
        assert table.reason is Reason.STABLE
        assert table.submitted.numbers == {"rounds": float(len(answers)), "repeats": 2.0}


def stops_of(table: Any) -> list[int]:  # noqa: ANN401 - a bench
    """Give the samples stopped by dissent."""
    return [
        action.sample
        for step in table.steps
        for action in step.actions
        if isinstance(action, StopSample) and action.reason is Reason.DISSENT
    ]


@pytest.mark.parametrize(
    ("answers", "dropped"),
    [
        (["aab"] * 2, []),
        (["aab"] * 3, [2]),
        (["aab", "aaa", "aab", "aab"], [2]),
        (["aab", "aab", "aaa", "aab"], []),
        (["aa-"] * 3, [2]),
    ],
)
def test_a_dissenter_is_dropped(bench: type[Any], answers: list[str], dropped: list[int]) -> None:
    """After a warm-up of one round, two rounds of dissent in a row are one too many."""
    table = begun(bench, "parallel-probe:width=3,warm_up=1,patience=2,stable=99")
    rounds(table, answers)
    assert stops_of(table) == dropped


def test_the_end_of_all_ends_it(bench: type[Any]) -> None:
    """Where every sample has ended before the majority was stable, the majority is taken."""
    table = begun(bench, "parallel-probe:width=3")
    for sample, answer in enumerate("abb"):
        table.finish(sample, answer)
    assert (table.submitted.answer, table.reason) == ("b", Reason.CAP)
