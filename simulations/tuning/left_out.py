"""The comparison: tuned and other policies on the questions that no tuning saw.

Each fold plays its own tuned policy; the sums of all folds together cover every question once, so
that they make one comparison as any replay makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from simulations.comparison import Comparison
from simulations.sums import BoundSums, PolicySums
from simulations.tournament import Block, Entry, draw_streams, play_bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from policies import PolicySpec
    from simulations.pool import Pool
    from simulations.results import Results, TraceInfo
    from simulations.tuning.parts import Part, Split
    from simulations.tuning.playing import Play


def compare_left_out(
    divided: Split,
    traces: Sequence[TraceInfo],
    tuned: Sequence[PolicySpec],
    name: str,
    baselines: Sequence[Entry],
    *,
    play: Play,
    advance: Callable[[int], None],
) -> Results:
    """Play left-out questions and compare, question by question.

    Args:
        divided: The questions in folds.
        traces: What they come from.
        tuned: What was tuned on the other folds, by fold.
        name: What to call it.
        baselines: What else to play, at least one; differences are from the first.
        play: Plays them.
        advance: Told how many folds are done.

    Returns:
        The first baseline, what was tuned, the other baselines; the settings are those of a fold,
        with the streams of all.
    """
    first, *others = baselines
    names = [first.name, name, *(entry.name for entry in others)]
    pools = divided.whole.pools
    settings = divided.left_out[0].settings
    sums = [
        {pool.model: PolicySums.zero(len(pool.questions), settings.questions) for pool in pools}
        for _ in names
    ]
    bounds = {pool.model: BoundSums.zero(len(pool.questions)) for pool in pools}
    for done, (fold, spec) in enumerate(zip(divided.left_out, tuned, strict=True), 1):
        streams = range(fold.settings.streams)
        found = play(fold, [first, Entry(name, spec), *others], streams)
        places = _places(pools, fold)
        for total, one in zip(sums, found, strict=True):
            _add(total, one, places)
        _add_bounds(bounds, fold, places)
        advance(done)
    return Comparison(pools, divided.whole.settings.seed).results(
        traces,
        msgspec.structs.replace(settings, streams=settings.streams * len(divided.left_out)),
        list(zip(names, sums, strict=True)),
        bounds,
    )


def _places(pools: Sequence[Pool], fold: Part) -> dict[str, list[int]]:
    """Return where a fold's questions stand among all, by model."""
    places = {}
    for pool, some in zip(pools, fold.pools, strict=True):
        place = {question.question_id: index for index, question in enumerate(pool.questions)}
        places[pool.model] = [place[question.question_id] for question in some.questions]
    return places


def _add(
    total: Mapping[str, PolicySums],
    one: Mapping[str, PolicySums],
    places: Mapping[str, list[int]],
) -> None:
    for model, sums in one.items():
        spread = PolicySums.zero(len(total[model].count), len(sums.elapsed_s))
        for field in ("count", "correct", "tokens", "seconds"):
            getattr(spread, field)[places[model]] = getattr(sums, field)
        spread.elapsed_s += sums.elapsed_s
        spread.elapsed_squared += sums.elapsed_squared
        spread.overruns = sums.overruns
        spread.unanswered = sums.unanswered
        spread.exhausted = sums.exhausted
        spread.reasons = sums.reasons
        total[model].merge(spread)


def _add_bounds(
    total: Mapping[str, BoundSums], fold: Part, places: Mapping[str, list[int]]
) -> None:
    for pool in fold.pools:
        found = play_bounds(
            pool, draw_streams(Block(pool, 0, fold.settings.streams), fold.settings)
        )
        for field in ("count", "majority", "stopping", "stopping_tokens"):
            getattr(total[pool.model], field)[places[pool.model]] += getattr(found, field)
