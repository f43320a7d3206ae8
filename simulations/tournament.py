"""Several policies play the same streams: in blocks, on any number of processes.

A block is a fixed number of streams of one model, whatever the number of processes, and blocks
are added up in their own order. So the sums, and the bytes made of them, never depend on `jobs`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import msgspec
from joblib import Parallel, delayed

from policies import PolicySpec
from scheduler import CallerError, LatencyProfile, TimeBudget
from simulations.bounds import best_majority, cheapest_stop
from simulations.comparison import Comparison
from simulations.packing import PackedPools, pack, unpack
from simulations.play import OVERRUN_S, Outcome, play
from simulations.pool import LoggedQuestion, Pool
from simulations.streams import Draw, Order, Streams
from simulations.sums import BoundSums, PolicySums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from simulations.recording import Recording
    from simulations.results import Results, Settings, TraceInfo

STREAMS_PER_BLOCK = 25

DrawnStream = tuple[list[int], list[LoggedQuestion]]
"""The pool's index of each question of a stream, and the questions with their samples, all in the
order of the draws."""


class Entry(msgspec.Struct, frozen=True):
    """A policy of the tournament.

    Attributes:
        name: As it was given.
        spec: What it means.
    """

    name: str
    spec: PolicySpec


class Block(msgspec.Struct, frozen=True):
    """Some streams of one model.

    Attributes:
        pool: The model's questions.
        first: Number of the first stream.
        streams: How many.
    """

    pool: Pool
    first: int
    streams: int


class BlockSums(msgspec.Struct, frozen=True):
    """What a block added up to: a sum a policy, in their order, and the bounds."""

    policies: list[PolicySums]
    bounds: BoundSums


def run(
    pools: Sequence[Pool],
    traces: Sequence[TraceInfo],
    entries: Sequence[Entry],
    profile: LatencyProfile,
    settings: Settings,
    *,
    jobs: int,
    advance: Callable[[int], None],
) -> Results:
    """Play all policies on all pools.

    Args:
        pools: One a model.
        traces: What the pools were made of.
        entries: The policies; the first is the baseline of the paired differences.
        profile: What the engine costs.
        settings: What to play.
        jobs: Number of processes.
        advance: Told how many streams are done, block by block.
    """
    sums = {
        pool.model: BlockSums(
            [PolicySums.zero(len(pool.questions), settings.questions) for _ in entries],
            BoundSums.zero(len(pool.questions)),
        )
        for pool in pools
    }
    digests = ",".join(trace.digest for trace in traces)
    packed = {pool.model: pack(f"{digests} {pool.model}", [pool]) for pool in pools}
    blocks = list(_blocks(pools, settings.streams))
    parallel = Parallel(n_jobs=min(jobs, len(blocks)), return_as="generator")
    done = parallel(
        delayed(_play_packed)(
            packed[block.pool.model], block.first, block.streams, entries, profile, settings
        )
        for block in blocks
    )
    played = 0
    for block, found in zip(blocks, done, strict=True):
        total = sums[block.pool.model]
        for one, other in zip(total.policies, found.policies, strict=True):
            one.merge(other)
        total.bounds.merge(found.bounds)
        played += block.streams
        advance(played)
    return _results(pools, traces, entries, settings, sums)


def _play_packed(
    packed: PackedPools,
    first: int,
    streams: int,
    entries: Sequence[Entry],
    profile: LatencyProfile,
    settings: Settings,
) -> BlockSums:
    """Play a block in a worker."""
    (pool,) = unpack(packed)
    return play_block(Block(pool, first, streams), entries, profile, settings)


def play_block(
    block: Block, entries: Sequence[Entry], profile: LatencyProfile, settings: Settings
) -> BlockSums:
    """Play some streams of one model with every policy, on the same draws, and their bounds."""
    streams = draw_streams(block, settings)
    return BlockSums(
        play_policies(block.pool, streams, entries, profile, settings),
        play_bounds(block.pool, streams),
    )


def play_policies(
    pool: Pool,
    streams: Iterable[DrawnStream],
    entries: Sequence[Entry],
    profile: LatencyProfile,
    settings: Settings,
) -> list[PolicySums]:
    """Play some streams of one model with every policy; return a sum a policy."""
    sums = [PolicySums.zero(len(pool.questions), settings.questions) for _ in entries]
    for entry in entries:
        _require_arms(entry, pool)
    specs = [entry.spec.for_model(pool.model) for entry in entries]
    for indices, drawn in streams:
        golds = [question.gold for question in drawn]
        for spec, one in zip(specs, sums, strict=True):
            outcomes = play_stream(spec, profile, settings, drawn)
            one.add(indices, golds, outcomes)
            one.overruns += _overran(outcomes, settings)
    return sums


def _require_arms(entry: Entry, pool: Pool) -> None:
    """Refuse a policy that samples by arms that were not logged, or were logged as others."""
    logged = dict.fromkeys(arm for question in pool.questions for arm in question.samples)
    for arm in entry.spec.mixed_arms():
        if arm.name not in logged:
            raise CallerError(
                f"policy {entry.name!r}: the traces of {pool.model} have {', '.join(logged)}, "
                f"not {arm.name!r}"
            )
        alone = all(q.stands_alone(arm.name) for q in pool.questions if arm.name in q.samples)
        if alone is not arm.stands_alone:
            raise CallerError(f"policy {entry.name!r}: {arm.mismatch}")


def play_bounds(pool: Pool, streams: Iterable[DrawnStream]) -> BoundSums:
    """Sum up the bounds on the draws of some streams of one model."""
    majority = best_majority(pool.questions)
    bounds = BoundSums.zero(len(pool.questions))
    for indices, drawn in streams:
        stops = [cheapest_stop(question) for question in drawn]
        bounds.count[indices] += 1.0
        bounds.majority[indices] += [majority[index] for index in indices]
        bounds.stopping[indices] += [tokens is not None for tokens in stops]
        bounds.stopping_tokens[indices] += [tokens or 0 for tokens in stops]
    return bounds


def draw_streams(block: Block, settings: Settings) -> list[DrawnStream]:
    """Draw each stream's questions and samples."""
    pool = block.pool
    streams = Streams(
        pool, settings.questions, Order(settings.order), Draw(settings.draw), settings.seed
    )
    drawn = []
    for stream in range(block.first, block.first + block.streams):
        indices = streams.questions_of(stream)
        drawn.append((indices, [streams.question_of(stream, index) for index in indices]))
    return drawn


def play_stream(
    spec: PolicySpec,
    profile: LatencyProfile,
    settings: Settings,
    drawn: Sequence[LoggedQuestion],
    recording: Recording | None = None,
) -> list[Outcome]:
    """Play one stream with one policy; `recording` is where it is written down, if anywhere."""
    budget = TimeBudget(
        inf if settings.total_s is None else settings.total_s,
        questions=settings.questions,
        reserve_s=settings.reserve_s,
        floor_s=settings.floor_s,
    )
    return play(
        spec.build(),
        budget,
        profile,
        drawn,
        startup_s=settings.startup_s,
        gateway_s=settings.gateway_s,
        recording=recording,
    )


def _overran(outcomes: list[Outcome], settings: Settings) -> bool:
    if settings.total_s is None:
        return False
    limit_s = settings.total_s - settings.reserve_s + OVERRUN_S
    # Overhead alone may use up the stream; that is no question's doing.
    return any(one.seconds > 0.0 and one.opened_s + one.seconds > limit_s for one in outcomes)


def _blocks(pools: Sequence[Pool], streams: int) -> Iterator[Block]:
    for pool in pools:
        for first in range(0, streams, STREAMS_PER_BLOCK):
            yield Block(pool, first, min(STREAMS_PER_BLOCK, streams - first))


def _results(
    pools: Sequence[Pool],
    traces: Sequence[TraceInfo],
    entries: Sequence[Entry],
    settings: Settings,
    sums: dict[str, BlockSums],
) -> Results:
    by_policy = [
        (entry.name, {model: one.policies[place] for model, one in sums.items()})
        for place, entry in enumerate(entries)
    ]
    bounds = {model: one.bounds for model, one in sums.items()}
    return Comparison(pools, settings.seed).results(traces, settings, by_policy, bounds)
