"""Confidence momentum: an average of the pool's confidence, high and steady."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import ProbeAnswered, ProbeSample, Reason, SampleProgressed


def play_round(table: Any, samples: list[int], tokens: dict[int, int]) -> None:  # noqa: ANN401 - a bench
    """Let samples come one interval further and answer their probes."""
    for sample in samples:
        step = table.send(
            SampleProgressed(at_s=table.now_s, position=0, sample=sample, tokens=tokens[sample])
        )
        assert [(type(a), a.reason) for a in step.actions] == [(ProbeSample, Reason.ROUND)]
    for sample in samples:
        table.send(ProbeAnswered(at_s=table.now_s, position=0, sample=sample, answer="a"))


def test_the_average_is_crossed_from_both_sides(bench: type[Any]) -> None:
    """With 2:0 and β = 0, e is .7 · .875, then .796, then .851, the first that reaches .85."""
    table = bench("confidence-momentum:beta=0")
    table.open()
    assert len(table.started) == 2
    for sample in (0, 1):
        table.begin(sample)
    play_round(table, [0, 1], {0: 500, 1: 500})
    assert len(table.started) == 3  # no confidence yet and no trend, so it widens by one
    table.begin(2)
    for sample in (0, 1):
        table.finish(sample, "a")
    average = 0.0
    for number in range(1, 4):
        assert table.submitted is None
        trend = 0.7 * (0.875 - average)
        average += trend
        play_round(table, [2], {2: 500 * number})
    assert 0.85 < average < 0.852
    assert (table.submitted.answer, table.reason) == ("a", Reason.CONFIDENT)
    assert table.submitted.numbers == pytest.approx({"average": average, "trend": trend})
    assert len(table.started) == 3  # while confidence rises it does not widen


def test_without_enough_finished_samples_it_goes_on(bench: type[Any]) -> None:
    """One finished sample of the two asked for decides nothing, however long it is alone."""
    table = bench("confidence-momentum:beta=0")
    table.open()
    table.begin(0)
    table.finish(0, "a")
    tokens = dict.fromkeys(range(1, 4), 0)
    for _ in range(20):
        running = [start.sample for start in table.started if start.sample]
        for sample in running:
            if not tokens[sample]:
                table.begin(sample)
            tokens[sample] += 500
        play_round(table, running, tokens)
        assert table.submitted is None
    assert len(table.started) == 4  # 1:0 is .75, below the bar, and steady: it widens to its cap
