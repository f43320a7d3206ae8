"""Playing policies on a part, stream by stream, on any number of processes.

Streams go out in blocks of a fixed size whose sums are added in their own order, so that no figure
depends on the number of processes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
from joblib import Parallel, delayed

from simulations.packing import PackedPools, unpack
from simulations.sums import PolicySums
from simulations.tournament import Block, draw_streams, play_policies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from scheduler import LatencyProfile
    from simulations.results import Settings
    from simulations.tournament import Entry
    from simulations.tuning.parts import Part

    Play = Callable[[Part, Sequence[Entry], range], list[dict[str, PolicySums]]]
    """Plays policies on some streams of a part; a sum by model for each policy."""

STREAMS_PER_BLOCK = 5
"""Few enough to keep several processes busy with a quarter of the streams."""


class Score(msgspec.Struct, frozen=True):
    """What a policy came to; each model weighs the same.

    Attributes:
        accuracy: Share of right answers.
        tokens_per_question: Tokens generated, those of stopped samples included.
    """

    accuracy: float
    tokens_per_question: float


def score_of(sums: Mapping[str, PolicySums]) -> Score:
    """Return the score of sums by model."""
    models = sums.values()
    return Score(
        sum(float(one.correct.sum() / one.count.sum()) for one in models) / len(models),
        sum(float(one.tokens.sum() / one.count.sum()) for one in models) / len(models),
    )


def climb(play: Play, part: Part, entry: Entry, stages: Iterable[range]) -> Iterator[Score]:
    """Play a policy on ever more streams.

    Args:
        play: Plays it.
        part: What it is played on.
        entry: The policy.
        stages: The streams of each stage.

    Yields:
        After each stage the score on all streams so far.
    """
    so_far = zero_sums(part)
    for streams in stages:
        (found,) = play(part, [entry], streams)
        for model, sums in found.items():
            so_far[model].merge(sums)
        yield score_of(so_far)


def zero_sums(part: Part) -> dict[str, PolicySums]:
    """Return empty sums by model."""
    questions = part.settings.questions
    return {pool.model: PolicySums.zero(len(pool.questions), questions) for pool in part.pools}


@contextmanager
def players(jobs: int) -> Iterator[Play]:
    """Hold a number of processes that play.

    Args:
        jobs: How many.

    Yields:
        What plays.
    """
    with Parallel(n_jobs=jobs, return_as="list") as parallel:

        def play(
            part: Part, entries: Sequence[Entry], streams: range
        ) -> list[dict[str, PolicySums]]:
            blocks = [
                (packed, streams[first : first + STREAMS_PER_BLOCK])
                for packed in part.packed
                for first in range(0, len(streams), STREAMS_PER_BLOCK)
            ]
            done = parallel(
                delayed(_play_block)(packed, some, entries, part.profile, part.settings)
                for packed, some in blocks
            )
            sums = [zero_sums(part) for _ in entries]
            for model, found in done:
                for total, one in zip(sums, found, strict=True):
                    total[model].merge(one)
            return sums

        yield play


def _play_block(
    packed: PackedPools,
    streams: range,
    entries: Sequence[Entry],
    profile: LatencyProfile,
    settings: Settings,
) -> tuple[str, list[PolicySums]]:
    """Play some streams of one model in a worker."""
    (pool,) = unpack(packed)
    drawn = draw_streams(Block(pool, streams.start, len(streams)), settings)
    return pool.model, play_policies(pool, drawn, entries, profile, settings)
