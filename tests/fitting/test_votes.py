"""The weights of running samples: the usual ones, unless others are clearly better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from simulations.fitting import votes
from simulations.fitting.recording import Run
from simulations.fitting.votes import CANDIDATES, CLEARLY, best_vote, plays_of

if TYPE_CHECKING:
    from policies.pricing import Parameters
    from scheduler import LatencyProfile
    from simulations.pool import Pool


def rates_of(monkeypatch: pytest.MonkeyPatch, rates: list[float]) -> None:
    """Let each candidate be right at such a rate early, and always late."""

    def record(pools: object, parameters: Parameters, *_: object, **__: object) -> list[Run]:
        del pools
        early = rates[CANDIDATES.index(parameters.vote)]
        right = np.array([early, early, 1.0])
        nothing = np.zeros(3)
        return [Run(0, "q", nothing, right, np.array([0.1, 1.0, 9.0]), nothing, nothing)]

    monkeypatch.setattr(votes, "record", record)


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ([0.5, 0.5, 0.5, 0.5, 0.5], 0),
        ([0.5, 0.5 + CLEARLY / 2, 0.4, 0.5, 0.5], 0),
        ([0.5, 0.5, 0.5, 0.5 + 2 * CLEARLY, 0.5 + CLEARLY], 3),
    ],
)
def test_others_must_be_clearly_better(
    monkeypatch: pytest.MonkeyPatch,
    stopping_by_clock: Any,  # noqa: ANN401 - a fixture that makes parameters
    pools: list[Pool],
    profile: LatencyProfile,
    rates: list[float],
    chosen: int,
) -> None:
    """A difference within luck changes nothing; what comes late is not looked at."""
    rates_of(monkeypatch, rates)
    parameters = stopping_by_clock(2)
    found = best_vote(pools, parameters, profile, width=2, seed=0, jobs=1, advance=lambda _: None)
    assert found == CANDIDATES[chosen]


def test_each_candidate_is_played(
    stopping_by_clock: Any,  # noqa: ANN401 - a fixture that makes parameters
    pools: list[Pool],
    profile: LatencyProfile,
) -> None:
    """On real runs one of the candidates comes out, the same each time."""
    parameters = stopping_by_clock(2)
    told: list[int] = []
    heard = told.append
    found = [
        best_vote(pools, parameters, profile, width=2, seed=0, jobs=1, advance=heard)
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert found[0] in CANDIDATES
    half = len(told) // 2
    assert told[:half] == sorted(told[:half]) == told[half:]
    assert told[-1] == plays_of(pools)
